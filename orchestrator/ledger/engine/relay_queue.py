"""Which runs the relay wakes, from a table that triggers keep with every change of a run and with every report.

A run that is open is behind if its workflow has not reported the ledger's version, is overdue, or reported from another
cluster; a closed one, if its systems are to be checked again and no workflow has reported on it since. What a sweep
costs depends on how many runs are behind, and not on how many there are.
"""

from __future__ import annotations

from datetime import timedelta

from orchestrator.ledger.schema.database import Database

# The time is read once: PostgreSQL would call a function for each row.
BEHIND = (
    "WITH l AS MATERIALIZED (SELECT engine.now() - %s::interval AS late) "
    "SELECT run_id FROM engine.relay_queue WHERE behind_at < (SELECT late FROM l) "
    # A range below and one above, since an index does not find what is different.
    "UNION SELECT run_id FROM engine.relay_queue "
    "WHERE cluster < %s AND (NOT closed OR watch_at < (SELECT late FROM l)) "
    "UNION SELECT run_id FROM engine.relay_queue "
    "WHERE cluster > %s AND (NOT closed OR watch_at < (SELECT late FROM l)) "
    "ORDER BY run_id LIMIT %s"
)
_IS_BEHIND = (
    "WITH l AS MATERIALIZED (SELECT engine.now() - %s::interval AS late) "
    "SELECT run_id FROM l, engine.relay_queue WHERE run_id = %s "
    "AND (behind_at < late OR (cluster <> %s AND (NOT closed OR watch_at < late)))"
)
_OPEN = "SELECT run_id FROM engine.relay_queue WHERE NOT closed ORDER BY run_id"
_OPEN_FOR = (
    "SELECT run_id FROM engine.relay_queue WHERE NOT closed AND run_id > %s "
    "AND requested_at < (SELECT engine.now() - %s::interval) ORDER BY run_id LIMIT %s"
)


async def runs_behind(
    database: Database, cluster: str, grace: timedelta, most: int = 500, *, only: str | None = None
) -> list[str]:
    """The next `most` runs, by id, that have been behind for longer than `grace`, for workflows in `cluster`. `only`:
    whether this run is one of them."""
    async with database.driver() as connection:
        if only is None:
            rows = await connection.execute(BEHIND, (grace, cluster, cluster, most))
        else:
            rows = await connection.execute(_IS_BEHIND, (grace, only, cluster))
        return [row[0] for row in await rows.fetchall()]


async def open_runs(database: Database) -> list[str]:
    async with database.driver() as connection:
        rows = await connection.execute(_OPEN)
        return [row[0] for row in await rows.fetchall()]


async def open_for(database: Database, grace: timedelta, after: str, most: int | None) -> list[str]:
    """Open runs that were requested more than `grace` ago: the next `most`, or all, by id after the id `after`."""
    async with database.driver() as connection:
        rows = await connection.execute(_OPEN_FOR, (after, grace, most))
        return [row[0] for row in await rows.fetchall()]
