"""The last check of an attempt, made just before the call to the system: its lease, and legal holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from connectors.elapsed import local_seconds
from orchestrator.deciding.runs import Runs
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps import steps
from orchestrator.domain.run.steps.steps import Intent

RECENT_INTENT_SECONDS = 0.25
"""A commit of the intent that was sent at most this long ago shows the lease as well as a read would. Much less than
any lease, and more than a commit takes on a busy database."""


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """`refused`: why no call may be made; None where one may. `checked_at`: on `local_seconds`. The lease lasts for a
    whole call from then on."""

    refused: Literal["legal_hold", "lease_over"] | None
    checked_at: float


class LeaseCheck:
    """Says whether attempts of one run still hold their leases: a process that was stopped or paused does not know for
    how long, and another worker may have taken over.

    Where the intent was recorded a moment ago, by this machine's clock, its commit is the check. Otherwise the ledger
    is asked, by its own clock. A step that may not be repeated freely always asks the ledger, since the clock of a
    virtual machine may stand still while the machine is paused. So does a step that destroys something, since a legal
    hold can have been placed since.

    Attempts that ask at the same moment share one read. No attempt uses a read that was sent before it asked."""

    def __init__(self, runs: Runs, run_id: str, intents_sent_at: float) -> None:
        """`intents_sent_at` is `local_seconds` before the intents were sent to the ledger."""
        self._runs = runs
        self._run_id = run_id
        self._recent_until = intents_sent_at + RECENT_INTENT_SECONDS
        self._next_read: asyncio.Task[tuple[RunState, datetime, float]] | None = None

    async def check(self, intent: Intent) -> LeaseSeen:
        """Raises `LedgerUnavailable`."""
        checked_at = local_seconds()
        if intent.step.repeat == "freely" and not intent.destroys and checked_at <= self._recent_until:
            return LeaseSeen(None, checked_at)
        if self._next_read is None:
            self._next_read = asyncio.create_task(self._read())
        state, now, sent_at = await asyncio.shield(self._next_read)
        # The answer can have waited in a process that was stopped: the time since the question counts.
        checked_at = local_seconds()
        refused = steps.why_no_call(state, intent, now + timedelta(seconds=checked_at - sent_at))
        if refused is not None:
            # This process may have been stopped while time passed: its next attempt must begin at the ledger's time.
            await self._runs.load(self._run_id)
        return LeaseSeen(refused, checked_at)

    async def _read(self) -> tuple[RunState, datetime, float]:
        """The run, the ledger's time, and `local_seconds` before the ledger was asked."""
        await asyncio.sleep(0)  # attempts that begin together ask in this turn of the event loop
        self._next_read = None
        sent_at = local_seconds()
        return *await self._runs.state_now(self._run_id), sent_at
