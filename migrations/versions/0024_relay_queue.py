"""For the relay, from when on each run is behind, so that a sweep reads what is behind and not every run.

Revision: 0024, after 0023
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# One row for each run. requested_at to version repeat read.runs; known_version to due_at are the last report of its
# workflow, NULL before the first. behind_at: the run is behind from then on, unless its workflow reports again; NULL if
# time alone does not bring that about. Reports from another cluster are behind at once, and found by `cluster`.
QUEUE = """
CREATE TABLE engine.relay_queue (
    run_id        text        NOT NULL,
    requested_at  timestamptz NOT NULL,
    closed        boolean     NOT NULL,
    watch_at      timestamptz,
    version       integer     NOT NULL,
    known_version integer,
    cluster       text,
    reported_at   timestamptz,
    due_at        timestamptz,
    behind_at     timestamptz GENERATED ALWAYS AS (
        CASE
            WHEN NOT closed AND reported_at IS NULL THEN requested_at
            WHEN NOT closed THEN least(due_at, CASE WHEN known_version < version THEN reported_at END)
            WHEN reported_at IS NULL OR reported_at < watch_at THEN watch_at
            WHEN watch_at IS NOT NULL THEN least(
                CASE WHEN due_at IS NOT NULL THEN greatest(due_at, watch_at) END,
                CASE WHEN known_version < version THEN greatest(reported_at, watch_at) END)
        END) STORED,
    CONSTRAINT relay_queue_pkey PRIMARY KEY (run_id)
) WITH (fillfactor = 70);
CREATE INDEX relay_queue_by_time ON engine.relay_queue (behind_at) WHERE behind_at IS NOT NULL;
CREATE INDEX relay_queue_by_cluster ON engine.relay_queue (cluster) WHERE NOT closed OR watch_at IS NOT NULL;
CREATE INDEX relay_queue_open ON engine.relay_queue (run_id) WHERE NOT closed;
"""
# Kept by triggers, so that no change of a run's row or of a report can forget it. An append and a bunch of reports may
# write the same rows at once: each takes the rows in the order of their ids, and writes its own columns alone.
TRIGGERS = """
CREATE FUNCTION engine.queue_runs() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO engine.relay_queue
        (run_id, requested_at, closed, watch_at, version, known_version, cluster, reported_at, due_at)
    SELECT r.run_id, r.requested_at, r.closed_at IS NOT NULL, r.watch_at, r.version,
        w.version, w.cluster, w.reported_at, w.due_at
    FROM written r LEFT JOIN engine.reports w USING (run_id) ORDER BY r.run_id
    ON CONFLICT ON CONSTRAINT relay_queue_pkey DO UPDATE SET requested_at = excluded.requested_at,
        closed = excluded.closed, watch_at = excluded.watch_at, version = excluded.version;
    RETURN NULL;
END $$;
CREATE FUNCTION engine.queue_reports() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM 1 FROM written w JOIN engine.relay_queue q USING (run_id) ORDER BY q.run_id FOR NO KEY UPDATE OF q;
    UPDATE engine.relay_queue q
    SET known_version = w.version, cluster = w.cluster, reported_at = w.reported_at, due_at = w.due_at
    FROM written w WHERE q.run_id = w.run_id;
    RETURN NULL;
END $$;
CREATE FUNCTION engine.unqueue_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM engine.relay_queue q USING deleted d WHERE q.run_id = d.run_id;
    RETURN NULL;
END $$;

CREATE TRIGGER runs_queued AFTER INSERT ON read.runs REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION engine.queue_runs();
CREATE TRIGGER runs_queued_again AFTER UPDATE ON read.runs REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION engine.queue_runs();
CREATE TRIGGER runs_unqueued AFTER DELETE ON read.runs REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION engine.unqueue_runs();
CREATE TRIGGER reports_queued AFTER INSERT ON engine.reports REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION engine.queue_reports();
CREATE TRIGGER reports_queued_again AFTER UPDATE ON engine.reports REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION engine.queue_reports();

INSERT INTO engine.relay_queue
    (run_id, requested_at, closed, watch_at, version, known_version, cluster, reported_at, due_at)
SELECT r.run_id, r.requested_at, r.closed_at IS NOT NULL, r.watch_at, r.version,
    w.version, w.cluster, w.reported_at, w.due_at
FROM read.runs r LEFT JOIN engine.reports w USING (run_id);
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
    for part in (QUEUE, TRIGGERS, GRANT_AGAIN):
        cursor.execute(part)
    cursor.close()
