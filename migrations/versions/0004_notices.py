"""Notices by mail and webhooks: what was sent to whom, and who wants to hear of what.

Revision: 0004, after 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
-- What was mailed to whom, so that nothing is mailed twice.
CREATE TABLE engine.notices (
    item_id  text        NOT NULL,
    actor_id text        NOT NULL,
    kind     text        NOT NULL CHECK (kind IN ('first', 'reminder', 'refused')),
    sent_at  timestamptz NOT NULL,
    CONSTRAINT notices_pkey PRIMARY KEY (item_id, actor_id, kind)
);

-- When the workflow that sends notices means to look again, and in which cluster it is.
CREATE TABLE engine.notice_looks (
    one_row boolean     NOT NULL DEFAULT true CHECK (one_row),
    cluster text        NOT NULL,
    due_at  timestamptz NOT NULL,
    CONSTRAINT notice_looks_pkey PRIMARY KEY (one_row)
);

-- Secrets are sealed under the master key. types and packets say what is wanted; packets NULL means all of them.
-- Nothing recorded at or before after_position is told.
CREATE TABLE access.webhooks (
    hook_id        text        NOT NULL,
    url            text        NOT NULL,
    sealed         bytea       NOT NULL,
    former_sealed  bytea,
    former_until   timestamptz,
    types          jsonb       NOT NULL DEFAULT '[]',
    packets        jsonb,
    made_by        text        NOT NULL,
    created_at     timestamptz NOT NULL,
    after_position bigint      NOT NULL,
    disabled_at    timestamptz,
    last_status    text,
    last_at        timestamptz,
    given_up       integer     NOT NULL DEFAULT 0,
    CONSTRAINT webhooks_pkey PRIMARY KEY (hook_id)
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
