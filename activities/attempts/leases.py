"""The check of an attempt's lease, made just before the call to the system."""

from __future__ import annotations

import asyncio
from datetime import datetime

from orchestrator.deciding.runs import Runs
from orchestrator.domain.run import steps
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps import Intent


class LeaseCheck:
    """Asks the ledger, by its clock, whether attempts of one run still hold their leases: a process that was stopped or
    paused does not know for how long, and another worker may have taken over.

    Attempts that ask at the same moment share one read. No attempt uses a read that was sent before it asked."""

    def __init__(self, runs: Runs, run_id: str) -> None:
        self._runs = runs
        self._run_id = run_id
        self._next_read: asyncio.Task[tuple[RunState, datetime]] | None = None

    async def held(self, intent: Intent) -> bool:
        """Raises `LedgerUnavailable`."""
        if self._next_read is None:
            self._next_read = asyncio.create_task(self._read())
        state, now = await asyncio.shield(self._next_read)
        if steps.holds_lease(state, intent, now):
            return True
        # Time went on while this process stood still: its next attempt must begin at the ledger's time.
        await self._runs.load(self._run_id)
        return False

    async def _read(self) -> tuple[RunState, datetime]:
        await asyncio.sleep(0)  # attempts that begin together ask in this turn of the event loop
        self._next_read = None
        return await self._runs.state_now(self._run_id)
