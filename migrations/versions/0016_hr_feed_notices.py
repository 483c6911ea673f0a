"""What HR's feed asks of HR, for a mail: a digest, and since when.

Revision: 0016, after 0015
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ASKS = """
-- asks: the same for the same records that wait; empty where none do.
ALTER TABLE engine.hr_feeds ADD COLUMN asks text NOT NULL DEFAULT '', ADD COLUMN asked_at timestamptz;
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(ASKS)
    cursor.close()
