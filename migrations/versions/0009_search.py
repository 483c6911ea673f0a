"""What runs are found by: keyed hashes of the beginnings of names, numbers and accounts.

Revision: 0009, after 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TAGS = """
-- Filled by the first searches, from the ledger's beginning.
CREATE TABLE keyring.search_tags (
    run_id    text     NOT NULL,
    person_id text     NOT NULL,
    tags      bigint[] NOT NULL,
    CONSTRAINT search_tags_pkey PRIMARY KEY (run_id)
);
CREATE INDEX search_tags_of_person ON keyring.search_tags (person_id);
CREATE INDEX search_tags_by_tag ON keyring.search_tags USING gin (tags);
"""
# A trigger, so that a process of the version before this one erases completely too.
ERASURE = """
CREATE FUNCTION keyring.forget_search_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM keyring.search_tags WHERE person_id = NEW.person_id;
    RETURN NULL;
END $$;
CREATE TRIGGER erased_people_are_not_found AFTER UPDATE OF wrapped ON keyring.person_keys
    FOR EACH ROW WHEN (NEW.wrapped IS NULL) EXECUTE FUNCTION keyring.forget_search_tags();
"""
GRANTS = """
CREATE OR REPLACE FUNCTION engine.grant_application() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    GRANT USAGE ON SCHEMA ledger, read, engine, keyring, access TO offboard_app;
    GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ledger TO offboard_app;
    REVOKE INSERT ON ledger.head FROM offboard_app;
    GRANT UPDATE (position) ON ledger.head TO offboard_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read, engine, access TO offboard_app;
    REVOKE INSERT, UPDATE, DELETE ON engine.settings FROM offboard_app;
    REVOKE ALL ON engine.migrations FROM offboard_app;
    GRANT SELECT, INSERT, UPDATE (wrapped, erased_at) ON keyring.person_keys TO offboard_app;
    GRANT SELECT, INSERT, DELETE ON keyring.lookups TO offboard_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON keyring.search_tags TO offboard_app;
END $$;
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
    for part in (TAGS, ERASURE, GRANTS, GRANT_AGAIN):
        cursor.execute(part)
    cursor.close()
