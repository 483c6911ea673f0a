"""Which run a run undoes. Runs from before undo none.

Revision: 0020, after 0019
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

RESTORES = "ALTER TABLE read.runs ADD COLUMN restores text;"


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(RESTORES)
    cursor.close()
