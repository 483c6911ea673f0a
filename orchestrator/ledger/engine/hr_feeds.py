"""HR's feed: when it is due, since when it reads a system, and what it read last.

Not part of the ledger: which leavings have a run is decided from the ledger alone. A lost row makes the feed begin
again, and leavings before that wait for HR. The report and the problem are sealed, since they are about records of
people: a problem has what HR's system said.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, text

from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.rewrapping import SealedColumn
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.inquiry_tables import hr_feeds

# Of several workers one reads: the others find the row not due.
_CLAIM = text(
    "INSERT INTO engine.hr_feeds AS f (packet, system, due_at) VALUES (:packet, '', engine.now() + :lease) "
    "ON CONFLICT (packet) DO UPDATE SET due_at = excluded.due_at WHERE f.due_at <= engine.now() RETURNING packet"
)
# A feed that was woken while it read stays due.
_RELEASE = text(
    "UPDATE engine.hr_feeds SET due_at = engine.now() + :every WHERE packet = :packet AND due_at > engine.now()"
)
_WAKE = text("UPDATE engine.hr_feeds SET due_at = engine.now()")
_BEGIN = text(
    "UPDATE engine.hr_feeds SET since = CASE WHEN system = :system THEN coalesce(since, engine.now()) "
    "ELSE engine.now() END, system = :system WHERE packet = :packet RETURNING since"
)
_KEEP = text(
    "UPDATE engine.hr_feeds SET checked_at = engine.now(), read_at = engine.now(), version = :version, code = '', "
    "detail = '', problem = NULL, report = :report, asks = :asks, "
    "asked_at = CASE WHEN asks = :asks THEN asked_at ELSE engine.now() END WHERE packet = :packet"
)
_KEEP_PROBLEM = text(
    "UPDATE engine.hr_feeds SET checked_at = engine.now(), code = :code, detail = '', problem = :problem, "
    "asks = CASE WHEN asking THEN :code ELSE asks END, "
    "asked_at = CASE WHEN asking AND asks <> :code THEN engine.now() ELSE asked_at END "
    "FROM (SELECT packet AS asked, :lasting OR read_at < engine.now() - :patience AS asking "
    "FROM engine.hr_feeds) AS this WHERE packet = :packet AND asked = packet"
)
PATIENCE: Final = timedelta(days=1)
"""For how long lists cannot be read for a cause that may pass, until HR is asked."""
_LATEST_RUNS = """
SELECT DISTINCT ON (person_id) person_id, run_id, cutoff, state, closed_at
FROM read.runs WHERE person_id = ANY(%s) AND (%s OR NOT shadow) AND twin_of IS NULL
ORDER BY person_id, requested_at DESC
"""
_OTHER_OPEN_RUNS = """
SELECT run_id FROM read.runs
WHERE closed_at IS NULL AND NOT shadow AND packet_name = %s AND NOT person_id = ANY(%s)
ORDER BY requested_at LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class FeedRow:
    """`report` is a `FeedReport` as JSON, None before the first list was read. `code` and `detail` say why the last
    look read no list; both are empty where it did."""

    packet: str
    checked_at: datetime | None
    read_at: datetime | None
    version: str
    code: str
    detail: str
    report: bytes | None


@dataclass(frozen=True, slots=True)
class LatestRun:
    """A person's latest run, as lists have it."""

    run_id: str
    cutoff: datetime
    state: str
    closed_at: datetime | None


class HrFeedRows:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def claim(self, packet: str, lease: timedelta) -> bool:
        """Whether this process is to read now. No other one does within `lease`, or until `release`."""
        async with self._database.transaction() as connection:
            claimed = await connection.execute(_CLAIM, {"packet": packet, "lease": lease})
            return claimed.first() is not None

    async def release(self, packet: str, every: timedelta) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(_RELEASE, {"packet": packet, "every": every})

    async def wake(self) -> None:
        """Every feed is due, also one that is being read: what was reported may come after what it has read."""
        async with self._database.transaction() as connection:
            await connection.execute(_WAKE)

    async def begin(self, packet: str, system: str) -> datetime:
        """Since when the feed reads this system: now, at the first time."""
        async with self._database.transaction() as connection:
            since: datetime = (await connection.execute(_BEGIN, {"packet": packet, "system": system})).scalar_one()
        return since

    async def keep(self, packet: str, version: str, report: bytes, asks: str) -> None:
        """`asks` is the same for the same records that wait for HR; empty where none do."""
        sealed = self._keyring.seal(_context(packet), report)
        async with self._database.transaction() as connection:
            await connection.execute(_KEEP, {"packet": packet, "version": version, "report": sealed, "asks": asks})

    async def keep_problem(self, packet: str, code: str, detail: str, *, lasting: bool) -> None:
        """The last report stays. `lasting`: a person has to remove the cause."""
        problem = self._keyring.seal(_problem_context(packet), detail.encode())
        values = {"packet": packet, "code": code, "problem": problem, "lasting": lasting, "patience": PATIENCE}
        async with self._database.transaction() as connection:
            await connection.execute(_KEEP_PROBLEM, values)

    async def last(self, packet: str) -> FeedRow | None:
        """None for a packet that no feed reads."""
        table = hr_feeds.c
        columns = (
            table.packet,
            table.checked_at,
            table.read_at,
            table.version,
            table.code,
            table.problem,
            table.report,
        )
        rows = await self._database.rows(select(*columns).where(table.packet == packet))
        if not rows:
            return None
        row = dict(rows[0])
        problem, report = row.pop("problem"), row.pop("report")
        detail = "" if problem is None else self._keyring.open(_problem_context(packet), bytes(problem)).decode()
        opened = None if report is None else self._keyring.open(_context(packet), bytes(report))
        return FeedRow(**row, detail=detail, report=opened)

    async def latest_runs(self, people: Collection[str], *, dry: bool) -> dict[str, LatestRun]:
        """By person (opaque ids); a person without a run is missing. `dry`: dry runs count, which they do only where
        the feed starts nothing else."""
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_LATEST_RUNS, (list(people), dry))).fetchall()
        return {person_id: LatestRun(*row) for person_id, *row in rows}

    async def other_open_runs(self, packet: str, people: Collection[str]) -> list[str]:
        """Open runs under the packet of other people than these, without dry runs."""
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_OTHER_OPEN_RUNS, (packet, list(people)))).fetchall()
        return [str(run_id) for (run_id,) in rows]


def _context(packet: str) -> str:
    return f"hr_feed:{packet}"


def _problem_context(packet: str) -> str:
    return f"hr_feed_problem:{packet}"


SEALED: Final = (
    SealedColumn(hr_feeds, hr_feeds.c.report, lambda row: _context(row["packet"])),
    SealedColumn(hr_feeds, hr_feeds.c.problem, lambda row: _problem_context(row["packet"])),
)
