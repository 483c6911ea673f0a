"""Systems on which it is not known for how long tokens are accepted, and runs by the end of their access.

Revision: 0010, after 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ACCESS_END = """
-- Plans of earlier versions do not say for how long tokens last: their rows stay as they are.
ALTER TABLE read.runs ADD COLUMN tokens_unknown_on jsonb NOT NULL DEFAULT '[]';
CREATE INDEX runs_by_access_end ON read.runs (access_gone_at);
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(ACCESS_END)
    cursor.close()
