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
-- All a function of the run's state: `offboard ledger rebuild` fills them in for runs that are there already.
ALTER TABLE read.runs
    ADD COLUMN access_gone_at timestamptz,
    ADD COLUMN approved_at    timestamptz,
    ADD COLUMN exposed        boolean NOT NULL DEFAULT false,
    ADD COLUMN minutes_saved  integer NOT NULL DEFAULT 0,
    ADD COLUMN systems        jsonb   NOT NULL DEFAULT '[]',
    ADD COLUMN open_systems   jsonb   NOT NULL DEFAULT '[]';
CREATE INDEX runs_by_cutoff ON read.runs (cutoff, run_id);

-- Files that people attach, each encrypted under the key of the person it is about. The digest is that of the
-- ciphertext, so that a file can be checked, and told from others, without reading it.
CREATE TABLE ledger.files (
    digest     bytea       NOT NULL CHECK (octet_length(digest) = 32),
    subject    text        NOT NULL,
    media_type text        NOT NULL,
    bytes      integer     NOT NULL CHECK (bytes >= 0),
    sealed     bytea       NOT NULL,
    stored_at  timestamptz NOT NULL,
    CONSTRAINT files_pkey PRIMARY KEY (digest)
);
CREATE INDEX files_subject ON ledger.files (subject);
-- Ciphertext does not get smaller: PostgreSQL need not try.
ALTER TABLE ledger.files ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE TRIGGER files_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.files
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
ALTER TABLE ledger.files ENABLE ALWAYS TRIGGER files_only_grow;
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
