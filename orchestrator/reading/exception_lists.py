"""The list of exceptions as a page shows it: filtered, by keyset, with how many are open, overdue and over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_

from orchestrator.domain.errors import Invalid
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import exceptions, runs
from orchestrator.reading.cursors import cursor, place
from orchestrator.reading.queries import MAX_PAGE_SIZE, Queries
from orchestrator.reading.rows import ExceptionLine, Names
from orchestrator.reading.visibility import Viewer

ListScope = Literal["open", "overdue", "closed", "all"]
GOVERNED_BY = (runs.c.packet_name, runs.c.packet_version)
PARKED_KINDS: Final = ("step_failed", "outcome_unknown")
"""The exceptions about steps that no attempt follows until a person acts."""
MAX_COUNTED = 1_000
"""Closed ones are counted up to here."""


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """The filter of the list. `owner` is the role that owns them, `assigned_to` the account of the person who is to
    resolve them; `overdue` are open ones past their due date. `kinds`, if there are any, are all that are listed."""

    standing: ListScope = "open"
    owner: str | None = None
    kind: str | None = None
    kinds: tuple[str, ...] = ()
    assigned_to: str | None = None
    system: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExceptionList:
    """Open ones: what is due first comes first. Closed ones: what was closed last comes first. All: what was opened
    last comes first. `after` continues the list where this page ends; `now` is the database's time."""

    lines: tuple[ExceptionLine, ...]
    after: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class ExceptionTally:
    """`overdue` are among the `open`. `more`: there are more closed ones than were counted."""

    open: int
    overdue: int
    closed: int
    more: bool = False


class ExceptionLists:
    """Raises `LedgerUnavailable`; `Invalid` for an unknown standing or cursor."""

    def __init__(self, database: Database, queries: Queries) -> None:
        self._database = database
        self._queries = queries

    async def page(
        self, viewer: Viewer, wanted: ExceptionFilter | None = None, after: str | None = None, limit: int = 50
    ) -> ExceptionList:
        """`after` is what the page before gave, under the same filter."""
        wanted = wanted or ExceptionFilter()
        most = max(1, min(limit, MAX_PAGE_SIZE))
        query = select(exceptions, *GOVERNED_BY, func.engine.now().label("now")).join_from(
            exceptions, runs, exceptions.c.run_id == runs.c.run_id
        )
        query = query.where(await self._queries.visible(viewer), *_narrowed(wanted), *_in_standing(wanted.standing))
        rows = await self._database.rows(_ordered(query, wanted.standing, after).limit(most + 1))
        shown = rows[:most]
        names = await self._queries.names([row["run_id"] for row in shown])
        lines = await exception_lines(self._queries, viewer, shown, names)
        more = _cursor(shown[-1], wanted.standing) if len(rows) > most else None
        return ExceptionList(lines, more, rows[0]["now"] if rows else await self._queries.now())

    async def parked_on(self, viewer: Viewer, system: str, limit: int) -> tuple[list[str], bool]:
        """The ids of runs that the viewer sees in which a step on the system failed or has an unknown outcome, those
        that are due first, and whether there are more than `limit`."""
        first = func.min(exceptions.c.due_at)
        query = select(exceptions.c.run_id).join_from(exceptions, runs, exceptions.c.run_id == runs.c.run_id)
        parked = _narrowed(ExceptionFilter(system=system, kinds=PARKED_KINDS))
        query = query.where(await self._queries.visible(viewer), *parked, *_in_standing("open"))
        query = query.group_by(exceptions.c.run_id).order_by(first, exceptions.c.run_id).limit(limit + 1)
        found = [str(row["run_id"]) for row in await self._database.rows(query)]
        return found[:limit], len(found) > limit

    async def counts(self, viewer: Viewer, wanted: ExceptionFilter | None = None) -> ExceptionTally:
        """Under the filter without its standing."""
        where = [await self._queries.visible(viewer), *_narrowed(wanted or ExceptionFilter())]
        of_runs = exceptions.join(runs, exceptions.c.run_id == runs.c.run_id)
        late = func.count().filter(exceptions.c.due_at < func.engine.now())
        waiting = _numbers(func.count().label("n"), late.label("late"))
        closed = select(literal(1)).select_from(of_runs).where(exceptions.c.closed_at.is_not(None), *where)
        left = closed.limit(MAX_COUNTED + 1).subquery()
        (is_open,) = await self._database.rows(
            waiting.select_from(of_runs).where(exceptions.c.closed_at.is_(None), *where)
        )
        (over,) = await self._database.rows(_numbers(func.count().label("n")).select_from(left))
        return ExceptionTally(is_open["n"], is_open["late"], min(over["n"], MAX_COUNTED), more=over["n"] > MAX_COUNTED)


async def exception_lines(
    queries: Queries, viewer: Viewer, rows: Sequence[Mapping[str, Any]], names: Names
) -> tuple[ExceptionLine, ...]:
    """Rows of the read table with `GOVERNED_BY`, as the viewer reads them: without the codes that are hidden from them,
    and with the titles that the run's version of the packet gives to steps."""
    hidden = await queries.hidden_codes(viewer, rows)
    shelves = (await queries.organisation_snapshot()).shelves if rows else {}
    lines = []
    for row in rows:
        step, shelf = row["detail"]["step"], shelves.get(row["packet_name"])
        line = ExceptionLine.of(
            row, names, shelf.step_title(row["packet_version"], step) if step and shelf is not None else None
        )
        lines.append(replace(line, code="") if (line.run_id, line.id) in hidden else line)
    return tuple(lines)


def _numbers(*columns: ColumnElement[Any]) -> Select[Any]:
    query: Select[Any] = select(*columns)
    return query


def _narrowed(wanted: ExceptionFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.owner is not None:
        where.append(literal(wanted.owner) == func.any(func.string_to_array(exceptions.c.owner, ",")))
    if wanted.kind is not None:
        where.append(exceptions.c.kind == wanted.kind)
    if wanted.kinds:
        where.append(exceptions.c.kind.in_(wanted.kinds))
    if wanted.assigned_to is not None:
        where.append(exceptions.c.detail["owned_by"].astext == wanted.assigned_to)
    if wanted.system is not None:
        where.append(exceptions.c.system == wanted.system)
    if wanted.run_id is not None:
        where.append(exceptions.c.run_id == wanted.run_id)
    return where


def _in_standing(standing: ListScope) -> list[ColumnElement[bool]]:
    match standing:
        case "open":
            return [exceptions.c.closed_at.is_(None)]
        case "overdue":
            return [exceptions.c.closed_at.is_(None), exceptions.c.due_at < func.engine.now()]
        case "closed":
            return [exceptions.c.closed_at.is_not(None)]
        case "all":
            return []
    raise Invalid("unknown_standing", f"No exception can be {str(standing)[:40]!r}.")


def _sorted_by(standing: ListScope) -> str:
    return {"closed": "closed_at", "all": "opened_at"}.get(standing, "due_at")


def _ordered(query: Select[Any], standing: ListScope, after: str | None) -> Select[Any]:
    column, latest_first = exceptions.c[_sorted_by(standing)], standing in ("closed", "all")
    if after is not None:
        _, at, exception_id = place(after, (standing,))
        here, end = tuple_(column, exceptions.c.exception_id), tuple_(at, exception_id)
        query = query.where(here < end if latest_first else here > end)
    if latest_first:
        return query.order_by(column.desc(), exceptions.c.exception_id.desc())
    return query.order_by(column, exceptions.c.exception_id)


def _cursor(row: Mapping[str, Any], standing: ListScope) -> str:
    return cursor(standing, row[_sorted_by(standing)], row["exception_id"])
