"""The last test of each system: what it found, when, and who ran it. Nothing about a person.

Revision: 0012, after 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = """
-- While a test runs, finished_at is NULL and result has the parts that are done.
CREATE TABLE engine.system_tests (
    packet      text        NOT NULL,
    system      text        NOT NULL,
    inquiry_id  text        NOT NULL,
    tested_by   text        NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    result      text        NOT NULL,
    CONSTRAINT system_tests_pkey PRIMARY KEY (packet, system)
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
