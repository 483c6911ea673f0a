"""What batches need of the read tables: open runs of many people, how the runs of a batch stand, and how busy the
installation is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, not_, select

from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import inbox, runs
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer

RECENT = timedelta(minutes=2)
"""Runs that were started before hold no batch back: what keeps them is not a lack of places at workers."""

_LOAD = """
SELECT coalesce(array_agg(run_id) FILTER (WHERE urgent), '{}'), count(*) FILTER (WHERE state = 'searching')
FROM read.runs WHERE closed_at IS NULL AND NOT shadow AND requested_at > engine.now() - %s
"""


@dataclass(frozen=True, slots=True)
class RecentRuns:
    """Runs that were started recently: the ids of urgent ones, and how many of any kind are searching for accounts."""

    urgent: tuple[str, ...]
    searching: int


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """So many open items of one kind wait for these roles."""

    kind: str
    roles: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class RunsOfBatch:
    """Of the runs of a batch that the viewer sees: how many there are in each state, by run id, and what waits for
    whom."""

    states: dict[str, str]
    waiting: tuple[WaitingItem, ...]


class BatchQueries:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database, queries: Queries) -> None:
        self._database = database
        self._queries = queries

    async def load(self) -> RecentRuns:
        async with self._database.driver() as connection:
            row = await (await connection.execute(_LOAD, (RECENT,))).fetchone()
        assert row is not None, "an aggregate has one row"
        return RecentRuns(tuple(row[0]), int(row[1]))

    async def open_runs_of(self, viewer: Viewer, people: Collection[str]) -> dict[str, str]:
        """The open run of each of these people (opaque ids), if the viewer sees it; not a dry run, and not a restore,
        which a start cancels."""
        if not people:
            return {}
        query = select(runs.c.person_id, runs.c.run_id).where(
            await self._queries.visible(viewer),
            runs.c.person_id.in_(sorted(people)),
            runs.c.closed_at.is_(None),
            not_(runs.c.shadow),
            runs.c.restores.is_(None),
        )
        return {str(row["person_id"]): str(row["run_id"]) for row in await self._database.rows(query)}

    async def runs_of_batch(self, viewer: Viewer, run_ids: Collection[str]) -> RunsOfBatch:
        if not run_ids:
            return RunsOfBatch({}, ())
        seen = await self._queries.visible(viewer)
        of_batch = runs.c.run_id.in_(sorted(run_ids))
        states = await self._database.rows(select(runs.c.run_id, runs.c.state).where(seen, of_batch))
        query = (
            select(inbox.c.kind, inbox.c.roles, func.count().label("items"))
            .where(inbox.c.run_id.in_(select(runs.c.run_id).where(seen, of_batch)))
            .group_by(inbox.c.kind, inbox.c.roles)
        )
        waiting = [
            WaitingItem(str(row["kind"]), tuple(row["roles"]), int(row["items"]))
            for row in await self._database.rows(query)
        ]
        waiting.sort(key=lambda item: (-item.count, item.kind, item.roles))
        return RunsOfBatch({str(row["run_id"]): str(row["state"]) for row in states}, tuple(waiting))
