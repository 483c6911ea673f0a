"""Compares the ledger with the mark of its last event that is kept in Temporal, and keeps the next one.

A worker compares before it takes work, the relay every few seconds. Events after the last mark, of a few seconds, can
be missing unnoticed; without Temporal's own data there is no mark.
"""

from __future__ import annotations

from datetime import datetime

from orchestrator.deciding.lost_tails import LostTails
from orchestrator.engine import Engine
from orchestrator.ledger.book.store import Ledger


class LedgerMarks:
    def __init__(self, ledger: Ledger, lost_tails: LostTails, engine: Engine) -> None:
        self._ledger = ledger
        self._lost_tails = lost_tails
        self._engine = engine
        self._kept: str | None = None
        self._known_since: datetime | None = None
        """When the ledger last had the event of the mark that this process kept, by the database's time."""

    async def compare(self) -> bool:
        """False if the event of the mark is missing and no person has resumed changes since; then changes on all
        systems are paused. Raises `LedgerUnavailable` and `EngineUnavailable`."""
        missing = await self.missing()
        known_since = self._known_since if missing == self._kept else None
        return missing is None or await self._lost_tails.pause(missing, known_since) == "settled"

    async def missing(self) -> str | None:
        """The mark whose event the ledger does not have; None if it has it, or if there is no mark. Raises as
        `compare`."""
        mark = await self._engine.ledger_mark()
        if mark is None:
            return None
        position, _, leaf = mark.partition(":")
        return None if await self._ledger.has(int(position), bytes.fromhex(leaf)) else mark

    async def keep(self) -> None:
        """Compares, then keeps the mark of the last event, if that is another one. Raises as `compare`."""
        if not await self.compare():
            return
        last = await self._ledger.last()
        if last is None:
            return
        position, leaf, now = last
        mark = f"{position}:{leaf.hex()}"
        if mark != self._kept:
            await self._engine.keep_ledger_mark(mark)
            self._kept = mark
        self._known_since = now
