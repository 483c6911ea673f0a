"""What the pages ask of a worker, and what it answered: encrypted, and gone after a while.

Revision: 0003, after 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
-- Question and answer are sealed under the installation's own key. A row is gone some minutes after it was asked.
CREATE TABLE engine.inquiries (
    inquiry_id  text        NOT NULL,
    kind        text        NOT NULL,
    asked_by    text        NOT NULL,
    question    bytea       NOT NULL,
    answer      bytea,
    state       text        NOT NULL CHECK (state IN ('asked', 'answered', 'refused', 'failed')),
    asked_at    timestamptz NOT NULL,
    answered_at timestamptz,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT inquiries_pkey PRIMARY KEY (inquiry_id)
);
CREATE INDEX inquiries_by_expiry ON engine.inquiries (expires_at);

-- What the last look at each system of a packet said. reachable is NULL where no worker could look from here.
CREATE TABLE engine.system_reports (
    packet      text        NOT NULL,
    system      text        NOT NULL,
    reachable   boolean,
    code        text        NOT NULL,
    detail      text        NOT NULL,
    checked_at  timestamptz NOT NULL,
    answered_at timestamptz,
    CONSTRAINT system_reports_pkey PRIMARY KEY (packet, system)
);

CREATE TABLE engine.verifications (
    verification_id text        NOT NULL,
    verified_at     timestamptz NOT NULL,
    ok              boolean     NOT NULL,
    events          bigint      NOT NULL,
    streams         bigint      NOT NULL,
    root            bytea       NOT NULL,
    position        bigint,
    place           text        NOT NULL,
    what            text        NOT NULL,
    remedy          text        NOT NULL,
    CONSTRAINT verifications_pkey PRIMARY KEY (verification_id)
);
CREATE INDEX verifications_by_time ON engine.verifications (verified_at);
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
