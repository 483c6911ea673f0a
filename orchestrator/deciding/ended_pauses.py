"""Pauses of systems that have an end: when it has come, the ledger records that changes are resumed.

Until then the pause is in force: a relay that was down resumes changes later than asked, and never earlier.
"""

from __future__ import annotations

import logging
from datetime import datetime

from orchestrator.deciding.appending import drafts
from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain.commands.systems import end_hold
from orchestrator.domain.organisation.organisation import holds_of
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.engine.engine_reports import streams_of_holds
from orchestrator.ledger.schema.database import Database

log = logging.getLogger("offboard.pauses")


class EndedPauses:
    """One per relay. Two relays that see the same end record it once."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        self._ends: dict[str, datetime] | None = None

    def changed(self) -> None:
        """A pause was placed or ended: which of them have an end is read again."""
        self._ends = None

    async def record(self) -> int:
        """Ends the pauses whose time has come, and returns how many there were. Raises `LedgerUnavailable`."""
        if self._ends is None:
            self._ends = await self._read()
        if not self._ends:
            return 0
        now = await self._ledger.now()
        over = [stream for stream, end in self._ends.items() if now >= end]
        for stream in over:
            await self._end(stream)
        if over:
            self._ends = None
            log.info("the end of %d pauses is recorded", len(over))
        return len(over)

    async def _read(self) -> dict[str, datetime]:
        streams = await streams_of_holds(self._database)
        page = await self._ledger.read(dict.fromkeys(streams, 0))
        found = {stream: holds_of(one.event for one in page.events[stream]) for stream in streams}
        return {stream: end for stream, holds in found.items() if holds.held and (end := holds.until) is not None}

    async def _end(self, stream: str) -> None:
        async def attempt() -> None:
            page = await self._ledger.read({stream: 0})
            version = page.version(stream)
            ended = end_hold(holds_of(one.event for one in page.events[stream]), page.now)
            if ended:
                await self._ledger.append([StreamAppend(stream, version, drafts(ended, version, None))])

        await until_appended(attempt)
