"""What systems answered to the calls of runs: when each last responded and last failed, and since when it fails.

Not part of the ledger: a lost report is replaced by the next one. A report holds codes and times, and nothing about a
person. A change of state is written at once, anything else at most every `EVERY_SECONDS` for each system. Of several
workers the last call counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text

from orchestrator.background import BackgroundTask
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.inquiry_tables import system_uses

log = logging.getLogger("offboard.ledger")

EVERY_SECONDS = 30.0
FLUSH_SECONDS = 1.0  # between two writes

# Ages are seconds before now: of the last response and the last failure that this worker saw since it last wrote.
_WRITE = text(
    "INSERT INTO engine.system_uses AS s (packet, system, answered_at, failed_at, failing_since, code) "
    "SELECT packet, system, now - make_interval(secs => answered), now - make_interval(secs => failed), "
    "CASE WHEN failing THEN now - make_interval(secs => began) END, code "
    "FROM unnest(cast(:packets AS text[]), cast(:systems AS text[]), cast(:answered AS float8[]), "
    "cast(:failed AS float8[]), cast(:began AS float8[]), cast(:failing AS boolean[]), cast(:codes AS text[])) "
    "AS u(packet, system, answered, failed, began, failing, code) "
    "CROSS JOIN (SELECT engine.now() AS now) AS n ORDER BY packet, system "
    "ON CONFLICT (packet, system) DO UPDATE SET "
    "answered_at = greatest(s.answered_at, excluded.answered_at), "
    "failed_at = greatest(s.failed_at, excluded.failed_at), "
    "failing_since = CASE WHEN excluded.failing_since IS NULL THEN NULL "
    "WHEN s.failing_since IS NOT NULL AND excluded.answered_at IS NULL THEN s.failing_since "
    "ELSE excluded.failing_since END, "
    "code = CASE WHEN excluded.failed_at IS NULL THEN s.code ELSE excluded.code END"
)


@dataclass(frozen=True, slots=True)
class SystemUse:
    """`failing_since` is None while the system responds; `code` is that of the last failure."""

    packet: str
    system: str
    answered_at: datetime | None
    failed_at: datetime | None
    failing_since: datetime | None
    code: str


@dataclass(slots=True)
class _Seen:
    """Of one system, in this worker. Times are readings of a steady clock; `answered` and `failed` since it was last
    written."""

    answered: float | None = None
    failed: float | None = None
    began: float | None = None
    code: str = ""
    changed: bool = False
    written: float | None = None


class SystemUses:
    """The reports of one worker. `clock` counts seconds."""

    def __init__(
        self,
        database: Database,
        failed: Callable[[str], None] = lambda task: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`failed` counts an error that was not expected, under the name of the task that met it."""
        self._database = database
        self._failed = failed
        self._clock = clock
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._task: BackgroundTask | None = None

    def note(self, packet: str, system: str, code: str = "") -> None:
        """One call: the system responded, or failed with `code`."""
        now = self._clock()
        known = self._seen.get((packet, system))
        seen = known or self._seen.setdefault((packet, system), _Seen())
        if code:
            seen.changed = seen.changed or known is None or seen.began is None or seen.code != code
            seen.failed, seen.code = now, code
            seen.began = now if seen.began is None else seen.began
        else:
            seen.changed = seen.changed or known is None or seen.began is not None
            seen.answered, seen.began = now, None
        if self._task is None:
            self._task = BackgroundTask(self._write_in_bunches(), "system uses")

    async def flush(self, *, everything: bool = False) -> int:
        """Writes what is due and returns how many systems that was. Raises `LedgerUnavailable`; what could not be
        written waits."""
        now = self._clock()
        due = {key: seen for key, seen in self._seen.items() if _is_due(seen, now, everything)}
        if not due:
            return 0

        def age(at: float | None) -> float | None:
            return None if at is None else max(now - at, 0.0)

        rows = {
            "packets": [packet for packet, _ in due],
            "systems": [system for _, system in due],
            "answered": [age(seen.answered) for seen in due.values()],
            "failed": [age(seen.failed) for seen in due.values()],
            "began": [age(seen.began) for seen in due.values()],
            "failing": [seen.began is not None for seen in due.values()],
            "codes": [seen.code for seen in due.values()],
        }
        written = {key: (seen.answered, seen.failed, seen.began) for key, seen in due.items()}
        async with self._database.transaction() as connection:
            await connection.execute(_WRITE, rows)
        for key, seen in due.items():
            seen.written = now
            if written[key] == (seen.answered, seen.failed, seen.began):  # no call ended during the write
                seen.answered = seen.failed = None
                seen.changed = False
        return len(due)

    async def aclose(self) -> None:
        if self._task is not None:
            await self._task.stop()
        with contextlib.suppress(LedgerError):
            await self.flush(everything=True)

    async def _write_in_bunches(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except LedgerError:
                continue
            except Exception as error:
                log.error("uses of systems could not be written, retrying: %s", type(error).__name__)
                self._failed("system uses")


def _is_due(seen: _Seen, now: float, everything: bool) -> bool:
    if seen.answered is None and seen.failed is None:
        return False
    return everything or seen.changed or seen.written is None or now - seen.written >= EVERY_SECONDS


async def last_uses(database: Database, packet: str) -> dict[str, SystemUse]:
    """By system; one that no run has called is missing. Raises `LedgerUnavailable`."""
    async with database.connect() as connection:
        rows = await connection.execute(select(system_uses).where(system_uses.c.packet == packet))
        return {row["system"]: SystemUse(**row) for row in rows.mappings()}


async def every_use(database: Database) -> dict[tuple[str, str], SystemUse]:
    """By packet and system, of all packets. Raises `LedgerUnavailable`."""
    async with database.connect() as connection:
        rows = await connection.execute(select(system_uses))
        return {(row["packet"], row["system"]): SystemUse(**row) for row in rows.mappings()}
