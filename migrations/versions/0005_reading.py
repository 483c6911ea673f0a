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
CREATE INDEX runs_by_due ON read.runs (coalesce(due_at, 'infinity'::timestamptz), run_id);
CREATE INDEX runs_by_state ON read.runs (state, requested_at, run_id);
CREATE INDEX runs_open_by_request ON read.runs (requested_at, run_id) WHERE closed_at IS NULL;
CREATE INDEX runs_of_requester ON read.runs (requested_by, requested_at, run_id);
CREATE INDEX runs_exposed ON read.runs (cutoff, run_id) WHERE exposed;
CREATE INDEX runs_under_embargo ON read.runs (embargo_until) WHERE embargo_until IS NOT NULL;
CREATE INDEX exceptions_by_opening ON read.exceptions (opened_at, exception_id);
CREATE INDEX exceptions_by_closing ON read.exceptions (closed_at, exception_id) WHERE closed_at IS NOT NULL;

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
# How many runs there are of a kind, so that a page that says so need not count all that ever were. Runs under an
# embargo, also one that is over, are not in it: they are few, and counted for each viewer. Kept by triggers,
# so that no change of a run's row can forget it; the head's lock makes writers take turns.
TALLY = """
CREATE TABLE read.run_counts (
    packet_name    text    NOT NULL,
    packet_version text    NOT NULL,
    state          text    NOT NULL,
    urgent         boolean NOT NULL,
    runs           bigint  NOT NULL,
    CONSTRAINT run_counts_pkey PRIMARY KEY (packet_name, packet_version, state, urgent)
) WITH (fillfactor = 50);

CREATE FUNCTION read.count_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO read.run_counts AS known (packet_name, packet_version, state, urgent, runs)
    SELECT packet_name, packet_version, state, urgent, count(*) FROM written
    WHERE embargo_until IS NULL GROUP BY 1, 2, 3, 4
    ON CONFLICT ON CONSTRAINT run_counts_pkey DO UPDATE SET runs = known.runs + excluded.runs;
    RETURN NULL;
END $$;
CREATE FUNCTION read.count_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE read.run_counts known SET runs = known.runs - gone.n FROM (
        SELECT packet_name, packet_version, state, urgent, count(*) AS n FROM deleted
        WHERE embargo_until IS NULL GROUP BY 1, 2, 3, 4) gone
    WHERE (known.packet_name, known.packet_version, known.state, known.urgent)
        = (gone.packet_name, gone.packet_version, gone.state, gone.urgent);
    RETURN NULL;
END $$;
CREATE FUNCTION read.count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.embargo_until IS NULL THEN
        UPDATE read.run_counts SET runs = runs - 1
        WHERE (packet_name, packet_version, state, urgent)
            = (OLD.packet_name, OLD.packet_version, OLD.state, OLD.urgent);
    END IF;
    IF NEW.embargo_until IS NULL THEN
        INSERT INTO read.run_counts AS known (packet_name, packet_version, state, urgent, runs)
        VALUES (NEW.packet_name, NEW.packet_version, NEW.state, NEW.urgent, 1)
        ON CONFLICT ON CONSTRAINT run_counts_pkey DO UPDATE SET runs = known.runs + 1;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION read.count_none() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM read.run_counts;
    RETURN NULL;
END $$;

CREATE TRIGGER runs_inserted AFTER INSERT ON read.runs REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION read.count_inserted();
CREATE TRIGGER runs_deleted AFTER DELETE ON read.runs REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION read.count_deleted();
CREATE TRIGGER runs_changed AFTER UPDATE ON read.runs FOR EACH ROW
    WHEN ((OLD.packet_name, OLD.packet_version, OLD.state, OLD.urgent, OLD.embargo_until)
        IS DISTINCT FROM (NEW.packet_name, NEW.packet_version, NEW.state, NEW.urgent, NEW.embargo_until))
    EXECUTE FUNCTION read.count_changed();
CREATE TRIGGER runs_truncated AFTER TRUNCATE ON read.runs
    FOR EACH STATEMENT EXECUTE FUNCTION read.count_none();

INSERT INTO read.run_counts
SELECT packet_name, packet_version, state, urgent, count(*) FROM read.runs
WHERE embargo_until IS NULL GROUP BY 1, 2, 3, 4;
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
    for part in (TABLES, TALLY, GRANT_AGAIN):
        cursor.execute(part)
    cursor.close()
