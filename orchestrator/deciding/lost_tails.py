"""The ledger's last events are missing, since an older copy of its database was restored: nothing is done until a
person has resumed changes.

    noticed ─► appends refused ─► pause of changes on all systems, in the ledger ─► appends go on, no step starts
                                                                                    └─► a person resumes changes

What was done in systems after the copy was made is not recorded. After the pause, steps that must not be repeated are
looked for in their systems before they are attempted, and what no system can show is asked of a person
(`orchestrator/domain/run/steps/steps.py`).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Literal

from orchestrator.background import BackgroundTask
from orchestrator.deciding.appending import drafts
from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain import events as e
from orchestrator.domain.organisation.organisation import Holds, fold_holds
from orchestrator.ledger.book.errors import LedgerError, OlderDatabase
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger

log = logging.getLogger("offboard.lost_tails")

RETRY_SECONDS = 1.0
LostTail = Literal["paused", "settled"]


class LostTails:
    """One per process. Hears of it from the ledger, and from those who compare it with what is kept elsewhere."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._task: BackgroundTask | None = None
        ledger.on_older = self._heard

    async def pause(self, lost_tail: str, known_since: datetime | None = None) -> LostTail:
        """Pauses changes on all systems, unless this lost tail is recorded already; then says whether a person has
        resumed changes since. What was read at `known_since`, before a lost tail was noticed, shows the same one.
        Raises `LedgerUnavailable`."""
        stream = e.holds_stream(e.EVERYTHING)

        async def attempt() -> LostTail:
            page = await self._ledger.read({stream: 0})
            holds = Holds()
            for recorded in page.events[stream]:
                holds = fold_holds(holds, recorded.event, recorded.recorded_at)
            earlier = holds.restored_at is not None and known_since is not None and known_since < holds.restored_at
            if earlier or lost_tail in holds.lost_tails:
                return "paused" if holds.held else "settled"
            placed = e.HoldPlaced(by="", lost_tail=lost_tail)
            version = page.version(stream)
            await self._ledger.append([StreamAppend(stream, version, drafts([placed], version, None))], on_older=True)
            log.critical("the ledger is an older copy, so changes on all systems are paused: %s is missing", lost_tail)
            return "paused"

        return await until_appended(attempt)

    async def aclose(self) -> None:
        if self._task is not None:
            await self._task.stop()

    def _heard(self, error: OlderDatabase) -> None:
        self._ledger.refusing = error
        if self._task is None or self._task.done:
            self._task = BackgroundTask(self._until_recorded(error), "pause after a restored ledger", may_end=True)

    async def _until_recorded(self, error: OlderDatabase) -> None:
        while True:
            try:
                await self.pause(f"{error.stream}@{error.version}", error.known_since)
            except LedgerError as failed:
                log.error("the pause of all changes could not be recorded, retrying: %s", type(failed).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._ledger.refusing = None
                return
