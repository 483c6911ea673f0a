"""What pages read: times for outcomes, and uploaded files.

Revision: 0005, after 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
"""
GRANT_AGAIN = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'offboard_app') THEN
        PERFORM engine.grant_application();
    END IF;
END $$;
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    for part in (TABLES, GRANT_AGAIN):
        cursor.execute(part)
    cursor.close()
