"""When the systems of a closed run are checked again, for the relay. Runs that were closed before are not checked.

Revision: 0018, after 0017
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WATCH = """
ALTER TABLE read.runs ADD COLUMN watch_at timestamptz;
CREATE INDEX runs_by_watch ON read.runs (watch_at) WHERE watch_at IS NOT NULL;
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(WATCH)
    cursor.close()
