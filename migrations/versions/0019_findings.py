"""What comparisons of the ledger with Temporal, with the read tables and with systems found, and when one is due.

Revision: 0019, after 0018
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = """
-- about: a run's id, a workflow's id, a task queue. since: when it was first seen in a row, seen_at: last.
-- reported_at: NULL until it was seen for long enough. closed_at: when it was no longer seen.
CREATE TABLE engine.findings (
    kind        text        NOT NULL,
    about       text        NOT NULL,
    run_id      text,
    code        text        NOT NULL,
    since       timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    reported_at timestamptz,
    closed_at   timestamptz,
    CONSTRAINT findings_pkey PRIMARY KEY (kind, about)
);
-- One row: when the next comparison is due, and how far each part of the last ones came.
CREATE TABLE engine.comparisons (
    one_row     boolean     NOT NULL DEFAULT true CONSTRAINT comparisons_one_row CHECK (one_row),
    due_at      timestamptz NOT NULL,
    finished_at timestamptz,
    compared_to text        NOT NULL DEFAULT '',
    read_to     text        NOT NULL DEFAULT '',
    CONSTRAINT comparisons_pkey PRIMARY KEY (one_row)
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
