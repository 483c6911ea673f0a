"""Who hears every call that a worker makes to a system, and when; and a worker that is listened to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

from activities.attempts.observation import NoObserver, Observed, ObservedCall
from activities.attempts.systems import SystemActivities
from activities.connections import Connections
from orchestrator.deciding.runs import Runs
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.settings import Settings
from orchestrator.worker import working


class AttemptListener(NoObserver):
    """`calls`: system, what for, and the loop's time at which it began, in seconds."""

    def __init__(self, when_confirmed: Callable[[], None] | None = None) -> None:
        """`when_confirmed` is called when the second search of the code hosting has ended, just before its steps."""
        self._when_confirmed = when_confirmed
        self.calls: list[tuple[str, ObservedCall, float]] = []

    def call(self, call: ObservedCall, *, system: str, ability: str) -> AbstractContextManager[Observed]:
        self.calls.append((system, call, asyncio.get_running_loop().time()))
        searches = [each for each in self.calls if each[:2] == ("code", "find_accounts")]
        if self._when_confirmed is not None and (system, call) == ("code", "find_accounts") and len(searches) == 2:
            return self._confirming(self._when_confirmed)
        return super().call(call, system=system, ability=ability)

    @contextmanager
    def _confirming(self, ended: Callable[[], None]) -> Iterator[Observed]:
        with super().call("find_accounts", system="code", ability="find_accounts") as call:
            yield call
        ended()

    def systems(self, *what: ObservedCall) -> set[str]:
        return {system for system, call, _ in self.calls if call in what}


@asynccontextmanager
async def listened_to(settings: Settings, listener: AttemptListener) -> AsyncIterator[None]:
    """A worker with books and connections of its own."""
    async with _connections(settings, listener) as make, working(settings, make_activities=make):
        yield


@asynccontextmanager
async def _connections(
    settings: Settings, listener: AttemptListener
) -> AsyncIterator[Callable[[Runs, Keyring, Connections, Rates, EngineReports], SystemActivities]]:
    heard = Connections(settings.environment, None, listener, secrets_folder=settings.secrets_folder)

    def make(
        runs: Runs, keyring: Keyring, connections: Connections, rates: Rates, reports: EngineReports
    ) -> SystemActivities:
        return SystemActivities(runs, keyring, heard, rates, reports)

    try:
        yield make
    finally:
        await heard.aclose()
