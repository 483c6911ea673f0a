"""Who is signed in, which tokens there are, and which requests were answered already.

Revision: 0002, after 0001

Nothing here is history: if these tables are lost, people sign in again.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ACCESS = """
CREATE SCHEMA access;

-- What a browser or a program carries is never stored: only its SHA-256 is.
CREATE TABLE access.sessions (
    session_hash bytea       NOT NULL CHECK (octet_length(session_hash) = 32),
    actor_id     text        NOT NULL,
    auth_time    timestamptz,
    acr          text,
    sealed       bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (session_hash)
);
CREATE INDEX sessions_of_actor ON access.sessions (actor_id);
CREATE INDEX sessions_by_expiry ON access.sessions (expires_at);

-- A sign-in that is under way at the identity provider.
CREATE TABLE access.sign_ins (
    state_hash bytea       NOT NULL CHECK (octet_length(state_hash) = 32),
    sealed     bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT sign_ins_pkey PRIMARY KEY (state_hash)
);

CREATE TABLE access.tokens (
    token_id   text        NOT NULL,
    token_hash bytea       NOT NULL CHECK (octet_length(token_hash) = 32),
    actor_id   text        NOT NULL,
    label      text        NOT NULL,
    made_by    text        NOT NULL,
    up_to      text        NOT NULL,
    auth_time  timestamptz,
    acr        text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT tokens_pkey PRIMARY KEY (token_id),
    CONSTRAINT tokens_hash UNIQUE (token_hash)
);
CREATE INDEX tokens_of_actor ON access.tokens (actor_id);

-- RFC 8628: a program waits here until its person has confirmed the code in a browser.
CREATE TABLE access.devices (
    device_hash bytea       NOT NULL CHECK (octet_length(device_hash) = 32),
    code_hash   bytea       NOT NULL CHECK (octet_length(code_hash) = 32),
    actor_id    text,
    auth_time   timestamptz,
    acr         text,
    refused     boolean     NOT NULL DEFAULT false,
    asked_at    timestamptz NOT NULL,
    polled_at   timestamptz,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT devices_pkey PRIMARY KEY (device_hash),
    CONSTRAINT devices_code UNIQUE (code_hash)
);

-- Answers kept under their Idempotency-Key; status is NULL while the first request is under way.
CREATE TABLE access.answers (
    actor_id     text        NOT NULL,
    key          text        NOT NULL,
    request_hash bytea       NOT NULL CHECK (octet_length(request_hash) = 32),
    status       integer,
    sealed       bytea,
    asked_at     timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT answers_pkey PRIMARY KEY (actor_id, key)
);
CREATE INDEX answers_by_expiry ON access.answers (expires_at);
"""

# By schema, so that a later migration only has to call it again.
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
    for part in (ACCESS, GRANTS, GRANT_AGAIN):
        cursor.execute(part)
    cursor.close()
