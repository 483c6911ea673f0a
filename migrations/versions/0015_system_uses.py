"""What each system answered to the calls of runs: when last, and since when it fails. Nothing about a person.

Revision: 0015, after 0014
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = """
-- failing_since: NULL once the system responds again. code: that of the last failure, empty before the first.
CREATE TABLE engine.system_uses (
    packet        text        NOT NULL,
    system        text        NOT NULL,
    answered_at   timestamptz,
    failed_at     timestamptz,
    failing_since timestamptz,
    code          text        NOT NULL,
    CONSTRAINT system_uses_pkey PRIMARY KEY (packet, system)
);
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
