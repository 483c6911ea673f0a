"""Why HR's feed read no list, sealed: what HR's system says can name a person.

Revision: 0017, after 0016
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

PROBLEM = """
ALTER TABLE engine.hr_feeds ADD COLUMN problem bytea;
-- The next look writes it again.
UPDATE engine.hr_feeds SET detail = '';
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(PROBLEM)
    cursor.close()
