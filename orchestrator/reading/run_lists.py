"""The list of runs as a page shows it: filtered, sorted, by keyset, with how many runs there are in each state.

A page costs the same however many runs the ledger has. Counts come from a tally that triggers keep (`read.run_counts`),
if only packet and urgency are filtered; with other filters the matching rows are counted, up to `MAX_COUNTED`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text, tuple_

from orchestrator.domain.errors import Invalid
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import exceptions, run_counts, runs
from orchestrator.reading.cursors import cursor, place, undated
from orchestrator.reading.queries import MAX_PAGE_SIZE, Queries, in_state
from orchestrator.reading.rows import RunList, RunRow
from orchestrator.reading.visibility import Viewer, unseen_dry_runs

Sort = Literal["latest", "cutoff", "due"]
"""`latest`: what was asked for last comes first. `cutoff`: the earliest first. `due`: what has to be done first, and
runs for which nothing has a date at the end."""

MAX_COUNTED = 10_000
"""Where a filter leaves more runs than these, a count would take longer than the page that shows it."""
FINISHED = ("clean", "with_exceptions", "shadow", "ended")
_SYSTEM_FAILS = ("search_failed", "step_failing", "step_failed", "connector_missing")
_SORTED_BY: Mapping[Sort, str] = {"latest": "requested_at", "cutoff": "cutoff", "due": "due_at"}
_NEVER = text("'infinity'::timestamptz")
_DUE = func.coalesce(runs.c.due_at, _NEVER)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs. `states` are words of `StateFilter`; `system` is one that the plan has steps on; `mine` are those
    that the viewer's own account asked for; `legal_hold` those with a legal hold in force; a cutoff `until` is left out
    itself."""

    states: tuple[str, ...] = ()
    packet: str | None = None
    system: str | None = None
    urgent: bool | None = None
    mine: bool = False
    cutoff_from: datetime | None = None
    cutoff_until: datetime | None = None
    legal_hold: bool = False


@dataclass(frozen=True, slots=True)
class RunTally:
    """`by_state` leaves out states that no run is in. `more`: there are so many that counting stopped, and the numbers
    are of those that were counted."""

    by_state: Mapping[str, int] = field(default_factory=dict)
    more: bool = False

    @property
    def open(self) -> int:
        return self.total - self.finished

    @property
    def finished(self) -> int:
        return sum(self.by_state.get(state, 0) for state in FINISHED)

    @property
    def total(self) -> int:
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one viewer sees, asked once for a page and its counts."""

    viewer: Viewer
    readable: Sequence[str]
    others: Sequence[str]
    visible: ColumnElement[bool]
    waiting: ColumnElement[bool]


class RunLists:
    """Raises `LedgerUnavailable`; `Invalid` for an unknown state, sort or cursor."""

    def __init__(self, database: Database, queries: Queries) -> None:
        self._database = database
        self._queries = queries

    async def page(
        self,
        viewer: Viewer,
        wanted: RunFilter | None = None,
        sort: Sort = "latest",
        after: str | None = None,
        limit: int = 50,
    ) -> RunList:
        """`after` is what the page before gave, under the same filter and sort."""
        return await self._page(await self._sight(viewer), wanted or RunFilter(), sort, after, limit)

    async def counts(self, viewer: Viewer, wanted: RunFilter | None = None) -> RunTally:
        """How many runs the viewer sees in each state, under the filter without its states."""
        return await self._count(await self._sight(viewer), wanted or RunFilter())

    async def page_and_counts(
        self,
        viewer: Viewer,
        wanted: RunFilter | None = None,
        sort: Sort = "latest",
        after: str | None = None,
        limit: int = 50,
    ) -> tuple[RunList, RunTally]:
        """Both, for less than one after the other."""
        sight, wanted = await self._sight(viewer), wanted or RunFilter()
        return await self._page(sight, wanted, sort, after, limit), await self._count(sight, wanted)

    async def of(self, viewer: Viewer, run_ids: Sequence[str]) -> Mapping[str, RunRow]:
        """Those of these runs that the viewer sees, in one query."""
        if not run_ids:
            return {}
        query = select(runs).where(
            runs.c.run_id.in_(list(run_ids)[:MAX_PAGE_SIZE]), await self._queries.visible(viewer)
        )
        rows = await self._database.rows(query)
        names = await self._queries.names([row["run_id"] for row in rows])
        return {row["run_id"]: RunRow.of(row, names) for row in rows}

    async def waiting_on(self, viewer: Viewer, packet: str, system: str) -> int:
        """How many open runs of a packet wait on a system, of those that the viewer sees: access there was to end and
        has not, or the run has an open exception because the system fails."""
        late = and_(runs.c.exposed, runs.c.cutoff <= func.engine.now(), runs.c.open_systems.has_key(system))
        failing = select(exceptions.c.run_id).where(
            exceptions.c.closed_at.is_(None), exceptions.c.system == system, exceptions.c.kind.in_(_SYSTEM_FAILS)
        )
        mine = and_(runs.c.packet_name == packet, runs.c.closed_at.is_(None), await self._queries.visible(viewer))
        query = select(func.count().label("runs")).where(mine, or_(late, runs.c.run_id.in_(failing)))
        [row] = await self._database.rows(query)
        return int(row["runs"])

    async def open_under(self, viewer: Viewer, version: str) -> tuple[str, ...]:
        """The ids of the open runs, of those that the viewer sees, which started under a version of a packet."""
        query = select(runs.c.run_id).where(
            runs.c.packet_version == version, runs.c.closed_at.is_(None), await self._queries.visible(viewer)
        )
        return tuple(row["run_id"] for row in await self._database.rows(query.order_by(runs.c.run_id)))

    async def _sight(self, viewer: Viewer) -> _Sight:
        readable, others = await self._queries.packet_versions(viewer)
        visible = await self._queries.visible(viewer, readable)
        return _Sight(viewer, readable, others, visible, await self._queries.waits_for(viewer))

    async def _page(self, sight: _Sight, wanted: RunFilter, sort: Sort, after: str | None, limit: int) -> RunList:
        most = max(1, min(limit, MAX_PAGE_SIZE))
        query = select(runs, func.engine.now().label("now")).where(sight.visible, *_narrowed(wanted, sight.viewer))
        if wanted.states:
            query = query.where(_in_states(wanted.states, sort))
        rows = await self._database.rows(_ordered(query, sort, after).limit(most + 1))
        shown = rows[:most]
        names = await self._queries.names([row["run_id"] for row in shown])
        lines = tuple(RunRow.of(row, names) for row in shown)
        more = cursor(sort, shown[-1][_SORTED_BY[sort]], shown[-1]["run_id"]) if len(rows) > most else None
        return RunList(lines, more, rows[0]["now"] if rows else await self._queries.now())

    async def _count(self, sight: _Sight, wanted: RunFilter) -> RunTally:
        narrowed = _narrowed(wanted, sight.viewer)
        if not (wanted.mine or wanted.legal_hold or wanted.system or wanted.cutoff_from or wanted.cutoff_until):
            return _added(await self._tallied(sight, wanted, narrowed))
        left = select(runs.c.state).where(sight.visible, *narrowed).limit(MAX_COUNTED + 1).subquery()
        rows = await self._database.rows(select(left.c.state, func.count().label("n")).group_by(left.c.state))
        counted = _added(rows)
        return RunTally(counted.by_state, more=counted.total > MAX_COUNTED)

    async def _tallied(
        self, sight: _Sight, wanted: RunFilter, narrowed: Sequence[ColumnElement[bool]]
    ) -> list[Mapping[str, Any]]:
        """The tally has what a viewer sees because of the packet. Runs that were ever under an embargo, and those
        that are seen only because something in them waits for the viewer, are few and counted one by one."""
        tally = select(run_counts.c.state, run_counts.c.runs.label("n")).where(
            run_counts.c.packet_version.in_(sight.readable), run_counts.c.runs > 0
        )
        if wanted.packet is not None:
            tally = tally.where(run_counts.c.packet_name == wanted.packet)
        if wanted.urgent is not None:
            tally = tally.where(run_counts.c.urgent.is_(wanted.urgent))
        found = await self._database.rows(tally)
        # The tally counts them for everyone who reads the packet.
        hidden = unseen_dry_runs(sight.viewer.actor)
        unseen = (runs.c.embargo_until.is_(None), runs.c.packet_version.in_(sight.readable), hidden)
        found += [{**row, "n": -row["n"]} for row in await self._database.rows(_counted(*unseen, *narrowed))]
        found += await self._database.rows(_counted(runs.c.embargo_until.is_not(None), sight.visible, *narrowed))
        if sight.others and sight.viewer.kind == "person":
            rest = (runs.c.embargo_until.is_(None), runs.c.packet_version.in_(sight.others), sight.waiting)
            found += await self._database.rows(_counted(*rest, sight.visible, *narrowed))
        return found


def _counted(*where: ColumnElement[bool]) -> Select[Any]:
    return select(runs.c.state, func.count().label("n")).where(*where).group_by(runs.c.state)


def _added(rows: Sequence[Mapping[str, Any]]) -> RunTally:
    by_state: dict[str, int] = {}
    for row in rows:
        by_state[row["state"]] = by_state.get(row["state"], 0) + int(row["n"])
    return RunTally({state: number for state, number in by_state.items() if number})


def _narrowed(wanted: RunFilter, viewer: Viewer) -> list[ColumnElement[bool]]:
    """The filter but for its states."""
    where: list[ColumnElement[bool]] = []
    if wanted.packet is not None:
        where.append(runs.c.packet_name == wanted.packet)
    if wanted.system is not None:
        where.append(runs.c.systems.has_key(wanted.system))
    if wanted.urgent is not None:
        where.append(runs.c.urgent.is_(wanted.urgent))
    if wanted.mine:
        where.append(runs.c.requested_by == viewer.actor_id)
    if wanted.legal_hold:
        where.append(runs.c.legal_hold)
    if wanted.cutoff_from is not None:
        where.append(runs.c.cutoff >= wanted.cutoff_from)
    if wanted.cutoff_until is not None:
        where.append(runs.c.cutoff < wanted.cutoff_until)
    return where


def _in_states(states: Sequence[str], sort: Sort) -> ColumnElement[bool]:
    """Adds whether the states are those of open runs, which have an index of their own. For the latest in one state
    there is a better index, which PostgreSQL would not use with both conditions."""
    chosen = or_(*(in_state(state) for state in states))
    if sort == "latest" and len(states) == 1 and states[0] != "open":
        return chosen
    if all(state not in (*FINISHED, "finished") for state in states):
        return and_(runs.c.closed_at.is_(None), chosen)
    return chosen


def _ordered(query: Select[Any], sort: Sort, after: str | None) -> Select[Any]:
    here = _place(after, sort) if after is not None else None
    if sort == "latest":
        if here is not None:
            query = query.where(tuple_(runs.c.requested_at, runs.c.run_id) < tuple_(*here))
        return query.order_by(runs.c.requested_at.desc(), runs.c.run_id.desc())
    if sort not in ("cutoff", "due"):
        raise Invalid("unknown_sort", f"Runs are not sorted by {str(sort)[:40]!r}.")
    column: ColumnElement[Any] = runs.c.cutoff if sort == "cutoff" else _DUE
    if here is not None:
        query = query.where(tuple_(column, runs.c.run_id) > tuple_(*here))
    return query.order_by(column, runs.c.run_id)


def _place(after: str, sort: Sort) -> tuple[Any, str]:
    if sort == "due" and (run_id := undated(after, sort)) is not None:
        return _NEVER, run_id
    _, at, run_id = place(after, (sort,))
    return at, run_id
