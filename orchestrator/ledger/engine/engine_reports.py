"""Reports of workflows: which version of its run each knows, in which cluster, and when it checks again.

Not part of the ledger: lost reports cost a nudge too many and nothing else. So they are written in bunches.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from orchestrator.background import BackgroundTask
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.run.progress import Progress
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.schema.database import Database

log = logging.getLogger("offboard.ledger")

FLUSH_SECONDS = 0.5  # between two writes

# One statement and no transaction around it: a process that is stopped cannot hold its rows, for which appends wait.
_WRITE = (
    "INSERT INTO engine.reports (run_id, version, cluster, reported_at, due_at) "
    "SELECT run_id, version, cluster, engine.now(), due_at "
    "FROM unnest(%s::text[], %s::int[], %s::timestamptz[], %s::text[]) AS u(run_id, version, due_at, cluster) "
    "ORDER BY run_id "
    "ON CONFLICT (run_id) DO UPDATE SET version = excluded.version, cluster = excluded.cluster, "
    "reported_at = excluded.reported_at, due_at = excluded.due_at "
    "WHERE engine.reports.version <= excluded.version OR engine.reports.cluster <> excluded.cluster"
)
_TYPES_BETWEEN = (
    "SELECT DISTINCT event_type FROM ledger.events WHERE position > %s AND position <= %s AND stream NOT LIKE 'run:%%'"
)
_POSITION = "SELECT position FROM engine.cursors WHERE name = %s"
_KEEP_POSITION = (
    "INSERT INTO engine.cursors (name, position) VALUES (%s, %s) "
    "ON CONFLICT (name) DO UPDATE SET position = excluded.position"
)


@dataclass(frozen=True, slots=True)
class _Report:
    version: int
    due_at: datetime | None
    cluster: str


class EngineReports:
    """The report of a worker on runs that it has just read."""

    def __init__(
        self, database: Database, cluster: Callable[[], str], failed: Callable[[str], None] = lambda task: None
    ) -> None:
        """`failed` counts an error that was not expected, under the name of the task that met it.

        `cluster` names the one that was last seen. If it was replaced since, the report names the old one, and the
        relay nudges once more than needed; never once less."""
        self._database = database
        self._cluster = cluster
        self._failed = failed
        self._waiting: dict[str, _Report] = {}
        self._task: BackgroundTask | None = None

    def note(self, run_id: str, progress: Progress, now: datetime) -> None:
        """`now` is the ledger's time as of which `progress` holds. What it starts must report in time as well: the
        workflow may never have heard of it, as after Temporal's database was replaced by an older copy."""
        known = self._waiting.get(run_id)
        if known is None or known.version <= progress.version:
            expected_in = progress.expected_in
            due_at = now + timedelta(seconds=expected_in) if expected_in is not None else None
            self._waiting[run_id] = _Report(progress.version, due_at, self._cluster())
        if self._task is None:
            self._task = BackgroundTask(self._write_in_bunches(), "engine reports")

    async def flush(self) -> None:
        """Raises `LedgerUnavailable`; what could not be written waits."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            async with self._database.driver() as connection:
                await connection.execute(
                    _WRITE,
                    (
                        list(waiting),
                        [report.version for report in waiting.values()],
                        [report.due_at for report in waiting.values()],
                        [report.cluster for report in waiting.values()],
                    ),
                )
        except BaseException:  # also where this task is cancelled meanwhile: `aclose` writes what waits
            self._waiting = {**waiting, **self._waiting}
            raise

    async def aclose(self) -> None:
        if self._task is not None:
            await self._task.stop()
        with contextlib.suppress(LedgerError):
            await self.flush()

    async def _write_in_bunches(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except LedgerError:
                continue
            except Exception as error:
                log.error("reports could not be written, retrying: %s", type(error).__name__)
                self._failed("reports")


async def under_embargo(database: Database) -> set[str]:
    """The runs that an embargo hides from others now."""
    async with database.driver() as connection:
        rows = await connection.execute("SELECT run_id FROM read.runs WHERE embargo_until > engine.now()")
        return {row[0] for row in await rows.fetchall()}


async def still_open(database: Database, run_ids: list[str]) -> list[str]:
    async with database.connect() as connection:
        rows = await connection.execute(
            text("SELECT run_id FROM read.runs WHERE closed_at IS NULL AND run_id = ANY(:ids) ORDER BY run_id"),
            {"ids": run_ids},
        )
        return [row[0] for row in rows]


async def runs_without_level(database: Database) -> list[str]:
    """Open runs in which something waits for a permission."""
    async with database.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT DISTINCT run_id FROM read.exceptions WHERE kind = ANY(:kinds) AND closed_at IS NULL "
                "ORDER BY run_id"
            ),
            {"kinds": [kind for kind, rule in RULES.items() if rule.depends_on_levels]},
        )
        return [row[0] for row in rows]


async def runs_awaiting_decisions(database: Database) -> list[str]:
    """Open runs with an open gate or review."""
    async with database.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT DISTINCT i.run_id FROM read.inbox i JOIN read.runs r USING (run_id) "
                "WHERE i.kind IN ('gate', 'review') AND r.closed_at IS NULL ORDER BY i.run_id"
            )
        )
        return [row[0] for row in rows]


async def open_runs_of(database: Database, people: Collection[str]) -> list[str]:
    """The open runs of these people, by their opaque ids."""
    if not people:
        return []
    async with database.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT run_id FROM read.runs WHERE closed_at IS NULL AND person_id = ANY(cast(:people AS text[])) "
                "ORDER BY run_id"
            ),
            {"people": sorted(people)},
        )
        return [row[0] for row in rows]


async def event_types_between(database: Database, after: int, last: int) -> set[str]:
    """What kinds of events outside of runs there are at these positions: what may concern several runs at once."""
    async with database.driver() as connection:
        rows = await connection.execute(_TYPES_BETWEEN, (after, last))
        return {row[0] for row in await rows.fetchall()}


async def streams_of_holds(database: Database) -> list[str]:
    """The streams of all systems that were ever paused, and of `*`."""
    async with database.driver() as connection:
        rows = await connection.execute("SELECT DISTINCT stream FROM ledger.events WHERE stream LIKE 'holds:%'")
        return [row[0] for row in await rows.fetchall()]


async def position_of(database: Database, cursor: str) -> int:
    async with database.driver() as connection:
        row = await (await connection.execute(_POSITION, (cursor,))).fetchone()
    return int(row[0]) if row is not None else 0


async def keep_position(database: Database, cursor: str, position: int) -> None:
    async with database.driver() as connection:
        await connection.execute(_KEEP_POSITION, (cursor, position))


async def reported_before(database: Database, run_ids: Collection[str]) -> set[str]:
    """Those of these runs whose workflow has reported before."""
    async with database.driver() as connection:
        rows = await connection.execute(
            "SELECT run_id FROM engine.reports WHERE run_id = ANY(%s::text[])", (sorted(run_ids),)
        )
        return {row[0] for row in await rows.fetchall()}


async def reported_elsewhere(database: Database, cluster: str, run_ids: Collection[str]) -> set[str]:
    """Those of these runs that are open and whose workflow has last reported from another cluster."""
    async with database.driver() as connection:
        rows = await connection.execute(
            "SELECT w.run_id FROM engine.reports w JOIN read.runs r USING (run_id) "
            "WHERE w.run_id = ANY(%s::text[]) AND w.cluster <> %s AND r.closed_at IS NULL",
            (sorted(run_ids), cluster),
        )
        return {row[0] for row in await rows.fetchall()}


async def closed_and_known(database: Database, run_ids: Collection[str]) -> dict[str, bool]:
    """Which of these runs the read tables have, and whether each is closed with no check that is due."""
    async with database.driver() as connection:
        rows = await connection.execute(
            "SELECT run_id, closed_at IS NOT NULL AND (watch_at IS NULL OR watch_at > engine.now()) FROM read.runs "
            "WHERE run_id = ANY(%s::text[])",
            (sorted(run_ids),),
        )
        return {row[0]: bool(row[1]) for row in await rows.fetchall()}


async def runs_with_open(database: Database, kind: str) -> list[str]:
    """The runs with an open exception of this kind."""
    async with database.driver() as connection:
        rows = await connection.execute(
            "SELECT DISTINCT run_id FROM read.exceptions WHERE kind = %s AND closed_at IS NULL", (kind,)
        )
        return [row[0] for row in await rows.fetchall()]


async def packet_names(database: Database) -> list[str]:
    async with database.driver() as connection:
        rows = await connection.execute("SELECT name FROM read.packets ORDER BY name")
        return [row[0] for row in await rows.fetchall()]


async def systems_in_use(database: Database) -> set[str]:
    """Systems whose rate is used by now, and systems that fail."""
    async with database.driver() as connection:
        rows = await connection.execute(
            "SELECT system FROM engine.rates WHERE free_at > clock_timestamp() "
            "UNION SELECT system FROM engine.system_uses WHERE failing_since IS NOT NULL"
        )
        return {row[0] for row in await rows.fetchall()}
