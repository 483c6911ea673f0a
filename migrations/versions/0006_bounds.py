"""What is left here before anything comes of it: where a sign-in was begun, and files that no evidence names.

Revision: 0006, after 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SOURCES = """
-- Keyed hashes of addresses, so that one address alone does not fill what all share.
ALTER TABLE access.sign_ins ADD COLUMN source bytea;
ALTER TABLE access.devices ADD COLUMN source bytea;
CREATE INDEX sign_ins_by_source ON access.sign_ins (source);
CREATE INDEX devices_by_source ON access.devices (source);
"""
UPLOADS = """
-- Files as `ledger.files` has them, until a task is completed with them. From here they can go again.
CREATE TABLE access.uploads (
    digest     bytea       NOT NULL CHECK (octet_length(digest) = 32),
    subject    text        NOT NULL,
    actor_id   text        NOT NULL,
    task       text        NOT NULL,
    media_type text        NOT NULL,
    bytes      integer     NOT NULL CHECK (bytes >= 0),
    sealed     bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT uploads_pkey PRIMARY KEY (digest)
);
CREATE INDEX uploads_of_actor ON access.uploads (actor_id);
CREATE INDEX uploads_by_expiry ON access.uploads (expires_at);
ALTER TABLE access.uploads ALTER COLUMN sealed SET STORAGE EXTERNAL;
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
    for part in (SOURCES, UPLOADS, GRANT_AGAIN):
        cursor.execute(part)
    cursor.close()
