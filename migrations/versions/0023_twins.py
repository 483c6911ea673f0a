"""Beside which run a dry run is, and whether no one sees it yet. There were no such dry runs before.

Revision: 0023, after 0022
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE read.runs ADD COLUMN twin_of text, ADD COLUMN blind boolean NOT NULL DEFAULT false;
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(COLUMNS)
    cursor.close()
