"""Exceptions about what is not in effect any more have one kind. Events keep theirs, and are read as the merged one.

Revision: 0021, after 0020
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

MERGED = """
UPDATE read.exceptions SET kind = 'access_returned' WHERE kind = 'effect_undone';
UPDATE read.inbox SET detail = jsonb_set(detail, '{exception}', '"access_returned"')
WHERE detail->>'exception' = 'effect_undone';
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(MERGED)
    cursor.close()
