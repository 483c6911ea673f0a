"""Whether anyone but its requester has confirmed a run: only then does the leaver lose access to Offboard.

Revision: 0008, after 0006. The number 0007 was never used: no migration is missing from the chain.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

CONFIRMED = """
-- NULL in rows of earlier versions: they count as confirmed until the run changes, or `offboard ledger rebuild`.
ALTER TABLE read.runs ADD COLUMN confirmed boolean;
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(CONFIRMED)
    cursor.close()
