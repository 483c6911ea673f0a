"""What the relay reads to find the runs that are behind."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Computed, Index, Integer, Table, Text, or_
from sqlalchemy.dialects.postgresql import TIMESTAMP

from orchestrator.ledger.schema.columns import instant, metadata

_BEHIND_AT = """
CASE
    WHEN NOT closed AND reported_at IS NULL THEN requested_at
    WHEN NOT closed THEN least(due_at, CASE WHEN known_version < version THEN reported_at END)
    WHEN reported_at IS NULL OR reported_at < watch_at THEN watch_at
    WHEN watch_at IS NOT NULL THEN least(
        CASE WHEN due_at IS NOT NULL THEN greatest(due_at, watch_at) END,
        CASE WHEN known_version < version THEN greatest(reported_at, watch_at) END)
END
"""

relay_queue = Table(  # kept by triggers on `read.runs` and `engine.reports`
    "relay_queue",
    metadata,
    Column("run_id", Text, primary_key=True),
    instant("requested_at"),
    Column("closed", Boolean, nullable=False),
    instant("watch_at", nullable=True),
    Column("version", Integer, nullable=False),
    Column("known_version", Integer),
    Column("cluster", Text),
    instant("reported_at", nullable=True),
    instant("due_at", nullable=True),
    Column("behind_at", TIMESTAMP(timezone=True), Computed(_BEHIND_AT, persisted=True)),
    schema="engine",
)
Index("relay_queue_by_time", relay_queue.c.behind_at, postgresql_where=relay_queue.c.behind_at.is_not(None))
Index(
    "relay_queue_by_cluster",
    relay_queue.c.cluster,
    postgresql_where=or_(~relay_queue.c.closed, relay_queue.c.watch_at.is_not(None)),
)
Index("relay_queue_open", relay_queue.c.run_id, postgresql_where=~relay_queue.c.closed)
