"""What HR's feed read last, and since when it reads. Sealed where it is about records of people.

Revision: 0013, after 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = """
-- since: the first time that the feed read this system; leavings before it start no run. report: the last list that was
-- read. code and detail: why the last look read none; empty where it did.
CREATE TABLE engine.hr_feeds (
    packet      text        NOT NULL,
    system      text        NOT NULL,
    since       timestamptz,
    due_at      timestamptz NOT NULL,
    checked_at  timestamptz,
    read_at     timestamptz,
    version     text        NOT NULL DEFAULT '',
    code        text        NOT NULL DEFAULT '',
    detail      text        NOT NULL DEFAULT '',
    report      bytea,
    CONSTRAINT hr_feeds_pkey PRIMARY KEY (packet)
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
