"""What comparisons of the ledger with Temporal, the read tables and systems found, and when the next one is due.

Not part of the ledger: what is lost here is found again. A finding is first seen, reported once it was seen for long
enough, and closed when it is no longer seen. Rows hold ids, codes and times, and nothing about a person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from orchestrator.ledger.schema.database import Database
from orchestrator.vocabulary.findings import FindingKind

KEPT_FOR: Final = timedelta(days=30)
"""For how long a finding is kept after it was closed."""

_SEE = text(
    "INSERT INTO engine.findings AS f (kind, about, run_id, code, since, seen_at) "
    "VALUES (:kind, :about, :run_id, :code, engine.now(), engine.now()) ON CONFLICT (kind, about) DO UPDATE SET "
    "run_id = excluded.run_id, code = excluded.code, seen_at = excluded.seen_at, closed_at = NULL, "
    "since = CASE WHEN f.closed_at IS NULL THEN f.since ELSE excluded.since END, "
    "reported_at = CASE WHEN f.closed_at IS NULL THEN f.reported_at END"
)
_CLOSE = text(
    "UPDATE engine.findings SET closed_at = engine.now() "
    "WHERE kind = :kind AND closed_at IS NULL AND NOT about = ANY(cast(:seen AS text[])) "
    "AND (:everything OR run_id = ANY(cast(:runs AS text[]))) RETURNING run_id"
)
_FORGET = text("DELETE FROM engine.findings WHERE closed_at IS NOT NULL AND reported_at IS NULL")
_REPORT = text(
    "UPDATE engine.findings SET reported_at = engine.now() WHERE reported_at IS NULL AND closed_at IS NULL "
    "AND since <= engine.now() - cast(:grace AS interval) RETURNING kind, run_id"
)
_PURGE = text("DELETE FROM engine.findings WHERE closed_at < engine.now() - cast(:kept AS interval)")
_FINDINGS = (
    "SELECT kind, about, run_id, code, since, seen_at, reported_at, closed_at FROM engine.findings "
    "WHERE closed_at IS NULL OR closed_at > engine.now() - %s::interval "
    "ORDER BY closed_at IS NOT NULL, kind, since, about LIMIT %s"
)
_OPEN_OF_RUNS = (
    "SELECT run_id, kind, code FROM engine.findings WHERE kind = ANY(%s) AND closed_at IS NULL "
    "AND reported_at IS NOT NULL AND run_id IS NOT NULL ORDER BY since DESC"
)
# Those about hidden runs are left out: everyone may read the numbers.
_COUNT = (
    "SELECT kind, count(*) FROM engine.findings f WHERE closed_at IS NULL AND reported_at IS NOT NULL "
    "AND NOT EXISTS (SELECT FROM read.runs r WHERE r.run_id = f.run_id AND r.embargo_until > engine.now()) "
    "GROUP BY kind"
)
_ANY_OPEN = "SELECT EXISTS (SELECT FROM engine.findings WHERE closed_at IS NULL)"
# Of several processes one compares: the others find the row not due.
_CLAIM = text(
    "INSERT INTO engine.comparisons AS c (due_at) VALUES (engine.now() + cast(:lease AS interval)) "
    "ON CONFLICT (one_row) DO UPDATE SET due_at = excluded.due_at WHERE c.due_at <= engine.now() "
    "RETURNING c.one_row"
)
_FINISH = text(
    "INSERT INTO engine.comparisons AS c (due_at, finished_at, compared_to, read_to) "
    "VALUES (engine.now() + cast(:again AS interval), engine.now(), :compared_to, :read_to) "
    "ON CONFLICT (one_row) DO UPDATE SET due_at = excluded.due_at, finished_at = excluded.finished_at, "
    "compared_to = excluded.compared_to, read_to = excluded.read_to"
)
_DUE = text(
    "INSERT INTO engine.comparisons (due_at) VALUES (engine.now() + cast(:again AS interval)) "
    "ON CONFLICT (one_row) DO UPDATE SET due_at = excluded.due_at"
)
_PLACES = "SELECT compared_to, read_to FROM engine.comparisons"
_LAST = "SELECT finished_at FROM engine.comparisons"


@dataclass(frozen=True, slots=True)
class Finding:
    """`about` is the id of a run or a workflow, a task queue, or a run and a step. `code` says more, or is empty.
    `since` is when it was first seen. It is reported once it was seen for long enough, at `reported_at`."""

    kind: FindingKind
    about: str
    run_id: str | None
    code: str
    since: datetime
    seen_at: datetime
    reported_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a comparison has just seen."""

    kind: FindingKind
    about: str
    run_id: str | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """`reported` counts the new findings by kind; `runs` are those about which something was reported or closed."""

    reported: Mapping[str, int]
    runs: frozenset[str]


Covered = Mapping[FindingKind, Collection[str] | None]
"""By kind, the runs that a comparison looked at; None where it looked at everything. What it did not see is closed."""


class Findings:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, lease: timedelta) -> bool:
        """Whether a comparison is due. Then no other process claims one within `lease`."""
        async with self._database.transaction() as connection:
            return (await connection.execute(_CLAIM, {"lease": lease})).first() is not None

    async def places(self) -> tuple[str, str]:
        """How far the last comparison came with the read tables and with systems; empty for from the beginning."""
        async with self._database.driver() as connection:
            row = await (await connection.execute(_PLACES)).fetchone()
        return (str(row[0]), str(row[1])) if row is not None else ("", "")

    async def due_in(self, again: timedelta) -> None:
        """The next comparison is due after `again`, also while another one is in progress."""
        async with self._database.transaction() as connection:
            await connection.execute(_DUE, {"again": again})

    async def finish(self, again: timedelta, compared_to: str, read_to: str) -> None:
        """A comparison is finished, and the next one is due after `again`."""
        async with self._database.transaction() as connection:
            values = {"again": again, "compared_to": compared_to, "read_to": read_to}
            await connection.execute(_FINISH, values)

    async def record(self, seen: Collection[Seen], covered: Covered, grace: timedelta) -> Changed:
        """Keeps what was seen, closes what was covered and not seen, and reports what has been seen for `grace`."""
        runs: set[str] = set()
        reported: dict[str, int] = {}
        async with self._database.transaction() as connection:
            for one in seen:
                await connection.execute(
                    _SEE, {"kind": one.kind, "about": one.about, "run_id": one.run_id, "code": one.code}
                )
            for kind, looked_at in covered.items():
                values = {
                    "kind": kind,
                    "seen": [one.about for one in seen if one.kind == kind],
                    "everything": looked_at is None,
                    "runs": sorted(looked_at or ()),
                }
                runs |= {str(row[0]) for row in await connection.execute(_CLOSE, values) if row[0] is not None}
            await connection.execute(_FORGET)
            for kind, run_id in await connection.execute(_REPORT, {"grace": grace}):
                reported[kind] = reported.get(kind, 0) + 1
                runs |= {run_id} - {None}
            await connection.execute(_PURGE, {"kept": KEPT_FOR})
        return Changed(reported, frozenset(runs))

    async def all(self, closed_within: timedelta, most: int = 1000) -> list[Finding]:
        """The open ones, and those that were closed a short time ago."""
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_FINDINGS, (closed_within, most))).fetchall()
        return [Finding(*row) for row in rows]

    async def reported_of_runs(self, kinds: Sequence[FindingKind]) -> dict[str, tuple[FindingKind, str]]:
        """The oldest reported finding of these kinds about each run that has one: its kind and code."""
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_OPEN_OF_RUNS, (list(kinds),))).fetchall()
        return {run_id: (kind, code) for run_id, kind, code in rows}

    async def reported(self) -> dict[str, int]:
        """How many of each kind are reported and open, without those about runs under embargo."""
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_COUNT)).fetchall()
        return {kind: int(count) for kind, count in rows}

    async def any_open(self) -> bool:
        """Whether anything was seen last time, reported or not."""
        async with self._database.driver() as connection:
            row = await (await connection.execute(_ANY_OPEN)).fetchone()
        assert row is not None
        return bool(row[0])

    async def finished_at(self) -> datetime | None:
        """When the last comparison was finished."""
        async with self._database.driver() as connection:
            row = await (await connection.execute(_LAST)).fetchone()
        return row[0] if row is not None else None
