"""Outcomes of runs for one viewer, packet and period, compared with the packet's targets.

Everything is added up from the runs' rows, each a function of its run alone; runs that the viewer does not see are in
no number. A span is one of cutoffs, its end left out; a cutoff that is still to come has no outcome yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, case, cast, func, literal, not_, or_, select, union_all

from orchestrator.deciding.runs import Runs
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import exceptions, runs
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer

MAX_CHARTED_RUNS = 2_000
"""Runs whose times are listed one by one, the latest cutoffs first."""
MAX_EXPOSED_RUNS = 100


@dataclass(frozen=True, slots=True)
class Span:
    """Runs with a cutoff in it, of one packet or of all."""

    since: datetime | None = None
    until: datetime | None = None
    packet: str | None = None


@dataclass(frozen=True, slots=True)
class TimeTaken:
    """How long after its cutoff a run's access was gone; 0 where it was gone before."""

    run_id: str
    cutoff: datetime
    took: timedelta


@dataclass(frozen=True, slots=True)
class Times:
    """From cutoff to the end of access. `runs` are those where access is gone, and of these `within` met the promise of
    their packet. `open` are past their cutoff and not there yet: a step is not done, or tokens are still accepted;
    `never` ended with access that was left or is not known to be gone. `not_known`: every step that removes access is
    done, but of one system at least it is not known for how long tokens are accepted; they are in no other number. The
    lengths are None where there is no run; `each` has `MAX_CHARTED_RUNS` at most."""

    runs: int
    within: int
    open: int
    never: int
    not_known: int
    median: timedelta | None
    p95: timedelta | None
    worst: timedelta | None
    each: tuple[TimeTaken, ...]


@dataclass(frozen=True, slots=True)
class CauseCount:
    """Exceptions of one kind."""

    kind: str
    open: int
    closed: int


@dataclass(frozen=True, slots=True)
class OpenExposureRow:
    """A run past its cutoff whose access is not gone: since when, and where. No systems: it is not known yet which,
    or every step is done and tokens are accepted until `tokens_until`."""

    run_id: str
    name: str | None
    packet: str
    state: str
    since: datetime
    systems: tuple[str, ...]
    tokens_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """Manual minutes that were not spent, by the packet's own figures. `month` is its first day, as YYYY-MM, in UTC."""

    month: str
    minutes: int
    runs: int


@dataclass(frozen=True, slots=True)
class OutcomeReader:
    """`promised` is what each packet promises itself today, by its name. `exposed` is of now, whatever the span, with
    the longest first, and `exposed_runs` how many there are. `now` is the database's time."""

    span: Span
    promised: Mapping[str, timedelta]
    times: Times
    causes: tuple[CauseCount, ...]
    exposed_runs: int
    exposed: tuple[OpenExposureRow, ...]
    minutes_saved: int
    saved: tuple[Saved, ...]
    now: datetime


_OFFBOARDINGS = (not_(runs.c.shadow), runs.c.restores.is_(None))
"""Neither dry runs nor restores."""


class OutcomeQueries:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database, queries: Queries, all_runs: Runs) -> None:
        self._database = database
        self._queries = queries
        self._runs = all_runs

    async def outcomes(self, viewer: Viewer, span: Span | None = None) -> OutcomeReader:
        span = span or Span()
        visible = await self._queries.visible(viewer)
        now = await self._queries.now()
        where = [visible, *_OFFBOARDINGS, *_of_packet(span), runs.c.cutoff <= now]
        if span.since is not None:
            where.append(runs.c.cutoff >= span.since)
        if span.until is not None:
            where.append(runs.c.cutoff < span.until)
        promises, promised = await self._promises(viewer)
        exposed_runs, exposed = await self._exposed([visible, *_OFFBOARDINGS, *_of_packet(span)], now)
        saved = await self._saved(where)
        return OutcomeReader(
            span=span,
            promised=promised,
            times=await self._times(where, promises, now),
            causes=await self._causes(where),
            exposed_runs=exposed_runs,
            exposed=exposed,
            minutes_saved=sum(month.minutes for month in saved),
            saved=saved,
            now=now,
        )

    async def _promises(self, viewer: Viewer) -> tuple[dict[str, timedelta], dict[str, timedelta]]:
        """By version, for the runs under it; and by packet as it is today, for the page."""
        by_version: dict[str, timedelta] = {}
        today: dict[str, timedelta] = {}
        readable, _ = await self._queries.packet_versions(viewer)
        for line in await self._queries.packets():
            shelf = await self._runs.shelf(line.name)
            for known in shelf.history.versions:
                by_version[known.version] = shelf.version(known.version).workflow.outcomes.access_gone_within
            current = shelf.current
            if current is not None and current.version in readable:
                today[line.name] = current.workflow.outcomes.access_gone_within
        return by_version, today

    async def _times(
        self, where: Sequence[ColumnElement[bool]], promises: Mapping[str, timedelta], now: datetime
    ) -> Times:
        took = func.greatest(runs.c.access_gone_at - runs.c.cutoff, timedelta(0))
        promise = case(promises, value=runs.c.packet_version, else_=literal(timedelta(0)))
        gone = runs.c.access_gone_at <= now
        never = and_(
            runs.c.closed_at.is_not(None),
            runs.c.access_gone_at.is_(None),
            runs.c.state != "ended",
            _any(runs.c.open_systems),
        )
        numbers: Select[Any] = select(
            func.count().filter(gone).label("n"),
            func.count().filter(and_(gone, took <= promise)).label("within"),
            func.count().filter(and_(_still_open(now), runs.c.cutoff <= now)).label("open"),
            func.count().filter(never).label("never"),
            func.count().filter(_any(runs.c.tokens_unknown_on)).label("not_known"),
            func.percentile_disc(0.5).within_group(took).filter(gone).label("median"),
            func.percentile_disc(0.95).within_group(took).filter(gone).label("p95"),
            func.max(took).filter(gone).label("worst"),
        ).where(*where)
        each: Select[Any] = (
            select(runs.c.run_id, runs.c.cutoff, took.label("took"))
            .where(*where, gone)
            .order_by(runs.c.cutoff.desc(), runs.c.run_id.desc())
            .limit(MAX_CHARTED_RUNS)
        )
        [found] = await self._database.rows(numbers)
        drawn = tuple(TimeTaken(row["run_id"], row["cutoff"], row["took"]) for row in await self._database.rows(each))
        lengths = {name: found[name] for name in ("median", "p95", "worst")}
        counted = {name: found[name] for name in ("within", "open", "never", "not_known")}
        return Times(found["n"], each=drawn, **counted, **lengths)

    async def _causes(self, where: Sequence[ColumnElement[bool]]) -> tuple[CauseCount, ...]:
        is_open = exceptions.c.closed_at.is_(None)
        query: Select[Any] = (
            select(
                exceptions.c.kind,
                func.count().filter(is_open).label("open"),
                func.count().filter(~is_open).label("closed"),
            )
            .join_from(exceptions, runs, exceptions.c.run_id == runs.c.run_id)
            .where(*where)
            .group_by(exceptions.c.kind)
            .order_by(func.count().desc(), exceptions.c.kind)
        )
        return tuple(CauseCount(row["kind"], row["open"], row["closed"]) for row in await self._database.rows(query))

    async def _exposed(
        self, where: Sequence[ColumnElement[bool]], now: datetime
    ) -> tuple[int, tuple[OpenExposureRow, ...]]:
        past = [*where, runs.c.cutoff <= now]
        count: Select[Any] = select(func.count().label("n")).where(*past, _still_open(now))
        # The first of each cause come from an index in their order; with both causes in one condition, PostgreSQL reads
        # and sorts every such run.
        first = [
            select(runs).where(*past, cause).order_by(runs.c.cutoff, runs.c.run_id).limit(MAX_EXPOSED_RUNS).subquery()
            for cause in (runs.c.exposed, and_(not_(runs.c.exposed), runs.c.access_gone_at > now))
        ]
        either = union_all(*(select(part) for part in first)).subquery()
        query: Select[Any] = select(either).order_by(either.c.cutoff, either.c.run_id).limit(MAX_EXPOSED_RUNS)
        [number] = await self._database.rows(count)
        rows = await self._database.rows(query)
        names = await self._queries.names([row["run_id"] for row in rows])
        exposed = tuple(
            OpenExposureRow(
                row["run_id"],
                names[row["run_id"]].name if row["run_id"] in names else None,
                row["packet_name"],
                row["state"],
                row["cutoff"],
                tuple(row["open_systems"]),
                row["access_gone_at"],
            )
            for row in rows
        )
        return number["n"], exposed

    async def _saved(self, where: Sequence[ColumnElement[bool]]) -> tuple[Saved, ...]:
        month = _text(func.to_char(func.timezone("UTC", runs.c.cutoff), "YYYY-MM")).label("month")
        query = (
            select(month, func.sum(runs.c.minutes_saved).label("minutes"), func.count().label("n"))
            .where(*where, runs.c.minutes_saved > 0)
            .group_by(month)
            .order_by(month)
        )
        return tuple(Saved(row["month"], int(row["minutes"]), row["n"]) for row in await self._database.rows(query))


def _of_packet(span: Span) -> list[ColumnElement[bool]]:
    return [runs.c.packet_name == span.packet] if span.packet is not None else []


def _still_open(now: datetime) -> ColumnElement[bool]:
    """A step that removes access is not done, or tokens are accepted that were issued before."""
    return or_(runs.c.exposed, runs.c.access_gone_at > now)


def _text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(column, Text)


def _any(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.jsonb_array_length(column) > 0
