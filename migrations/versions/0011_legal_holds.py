"""Runs with a legal hold in force, for lists.

Revision: 0011, after 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LEGAL_HOLDS = """
ALTER TABLE read.runs ADD COLUMN legal_hold boolean NOT NULL DEFAULT false;
CREATE INDEX runs_under_legal_hold ON read.runs (requested_at, run_id) WHERE legal_hold;
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(LEGAL_HOLDS)
    cursor.close()
