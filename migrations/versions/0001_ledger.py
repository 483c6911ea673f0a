"""The ledger, its read tables, the engine's own state and the keyring.

Revision: 0001, after nothing
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LEDGER = """
CREATE SCHEMA ledger;

CREATE TABLE ledger.events (
    position    bigint      NOT NULL CHECK (position >= 1),
    stream      text        NOT NULL CHECK (stream <> ''),
    version     integer     NOT NULL CHECK (version >= 1),
    event_key   text        NOT NULL CHECK (event_key <> ''),
    event_type  text        NOT NULL,
    subject     text,
    append_id   uuid        NOT NULL,
    stored      bytea       NOT NULL,
    leaf_hash   bytea       NOT NULL CHECK (octet_length(leaf_hash) = 32),
    recorded_at timestamptz NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (position),
    CONSTRAINT events_stream_version UNIQUE (stream, version),
    CONSTRAINT events_stream_key UNIQUE (stream, event_key)
);
CREATE INDEX events_subject ON ledger.events (subject, position) WHERE subject IS NOT NULL;

-- One row, rewritten with every group: leave room for HOT updates, and keep dead rows few.
CREATE TABLE ledger.head (
    one_row  boolean NOT NULL DEFAULT true CHECK (one_row),
    position bigint  NOT NULL CHECK (position >= 0),
    CONSTRAINT head_pkey PRIMARY KEY (one_row)
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
INSERT INTO ledger.head (position) VALUES (0);

CREATE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% only grows: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Append an event that corrects the earlier one.';
END $$;

-- ENABLE ALWAYS: session_replication_role = replica does not switch these off by accident.
CREATE TRIGGER events_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER events_only_grow;
CREATE TRIGGER head_stays BEFORE INSERT OR DELETE OR TRUNCATE ON ledger.head
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
ALTER TABLE ledger.head ENABLE ALWAYS TRIGGER head_stays;

CREATE FUNCTION ledger.refuse_going_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position < OLD.position THEN
        RAISE EXCEPTION 'ledger.head only grows: % after % is refused', NEW.position, OLD.position
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER head_only_grows BEFORE UPDATE ON ledger.head
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_going_back();
ALTER TABLE ledger.head ENABLE ALWAYS TRIGGER head_only_grows;
"""

READ = """
CREATE SCHEMA read;

CREATE TABLE read.runs (
    run_id         text        NOT NULL,
    person_id      text        NOT NULL,
    state          text        NOT NULL,
    packet_name    text        NOT NULL,
    packet_version text        NOT NULL,
    cutoff         timestamptz NOT NULL,
    zone           text        NOT NULL,
    urgent         boolean     NOT NULL DEFAULT false,
    requested_by   text        NOT NULL,
    requester_human text,
    requested_at   timestamptz NOT NULL,
    closed_at      timestamptz,
    version        integer     NOT NULL,
    due_at         timestamptz,
    embargo_until  timestamptz,
    named          jsonb       NOT NULL DEFAULT '[]',
    summary        jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT runs_pkey PRIMARY KEY (run_id)
);
CREATE INDEX runs_by_request ON read.runs (requested_at, run_id);
CREATE INDEX runs_open_by_due ON read.runs (due_at, run_id) WHERE closed_at IS NULL;
CREATE INDEX runs_of_person ON read.runs (person_id);

CREATE TABLE read.inbox (
    item_id   text        NOT NULL,
    run_id    text        NOT NULL,
    kind      text        NOT NULL,
    roles     jsonb       NOT NULL DEFAULT '[]',
    system    text,
    opened_at timestamptz NOT NULL,
    due_at    timestamptz,
    detail    jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT inbox_pkey PRIMARY KEY (item_id)
);
CREATE INDEX inbox_by_due ON read.inbox (due_at, item_id);
CREATE INDEX inbox_of_run ON read.inbox (run_id);

CREATE TABLE read.exceptions (
    exception_id text        NOT NULL,
    run_id       text        NOT NULL,
    kind         text        NOT NULL,
    step_id      text,
    system       text,
    owner        text        NOT NULL,
    opened_at    timestamptz NOT NULL,
    due_at       timestamptz,
    closed_at    timestamptz,
    disposition  text,
    detail       jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT exceptions_pkey PRIMARY KEY (exception_id)
);
CREATE INDEX exceptions_open_by_due ON read.exceptions (due_at, exception_id) WHERE closed_at IS NULL;
CREATE INDEX exceptions_of_run ON read.exceptions (run_id);

CREATE TABLE read.packets (
    name            text  NOT NULL,
    phase           text  NOT NULL,
    current_version text,
    detail          jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT packets_pkey PRIMARY KEY (name)
);
"""

ENGINE = """
CREATE TABLE engine.reports (
    run_id      text        NOT NULL,
    version     integer     NOT NULL,
    cluster     text        NOT NULL,
    reported_at timestamptz NOT NULL,
    due_at      timestamptz,
    CONSTRAINT reports_pkey PRIMARY KEY (run_id)
);

CREATE TABLE engine.cursors (
    name     text   NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT cursors_pkey PRIMARY KEY (name)
);

CREATE TABLE engine.rates (
    system text PRIMARY KEY,
    free_at timestamptz NOT NULL
);

CREATE TABLE engine.settings (
    name  text NOT NULL,
    value text NOT NULL,
    CONSTRAINT settings_pkey PRIMARY KEY (name)
);

CREATE TABLE engine.tree (
    name  text   NOT NULL,
    size  bigint NOT NULL,
    nodes bytea  NOT NULL,
    CONSTRAINT tree_pkey PRIMARY KEY (name)
);

-- Every time in Offboard comes from here: one clock for all processes, which tests and the demo can set ahead.
CREATE FUNCTION engine.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => coalesce(
        (SELECT value::double precision FROM engine.settings WHERE name = 'clock_offset_seconds'), 0))
$$;
"""

KEYRING = """
CREATE SCHEMA keyring;

-- wrapped is NULL once the person is erased. The row stays, so that the id never gets another key.
CREATE TABLE keyring.person_keys (
    person_id  text        NOT NULL,
    wrapped    bytea,
    created_at timestamptz NOT NULL,
    erased_at  timestamptz,
    CONSTRAINT person_keys_pkey PRIMARY KEY (person_id)
);

CREATE TABLE keyring.lookups (
    tag       bytea NOT NULL,
    person_id text  NOT NULL,
    CONSTRAINT lookups_pkey PRIMARY KEY (tag)
);
CREATE INDEX lookups_of_person ON keyring.lookups (person_id);
"""

# Roles belong to the whole server, so another database's migration may have made this one, even a moment ago.
ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'offboard_app') THEN
        CREATE ROLE offboard_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'The role offboard_app could not be made.'
            USING HINT = 'As an administrator: CREATE ROLE offboard_app NOLOGIN; SELECT engine.grant_application();';
END $$;
"""

# A function, so that an administrator who makes the role later can call it then.
GRANTS = """
CREATE FUNCTION engine.grant_application() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    GRANT USAGE ON SCHEMA ledger, read, engine, keyring TO offboard_app;
    GRANT SELECT, INSERT ON ledger.events TO offboard_app;
    GRANT SELECT ON ledger.head TO offboard_app;
    GRANT UPDATE (position) ON ledger.head TO offboard_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read TO offboard_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON engine.reports, engine.cursors, engine.rates, engine.tree TO offboard_app;
    GRANT SELECT ON engine.settings TO offboard_app;
    GRANT SELECT, INSERT, UPDATE (wrapped, erased_at) ON keyring.person_keys TO offboard_app;
    GRANT SELECT, INSERT, DELETE ON keyring.lookups TO offboard_app;
END $$;
REVOKE ALL ON FUNCTION engine.grant_application() FROM PUBLIC;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'offboard_app') THEN
        PERFORM engine.grant_application();
    END IF;
END $$;
"""


def upgrade() -> None:
    # The driver's own cursor: several statements at once, and percent signs stay what they are.
    cursor = op.get_bind().connection.cursor()
    for part in (LEDGER, READ, ENGINE, KEYRING, ROLE, GRANTS):
        cursor.execute(part)
    cursor.close()
