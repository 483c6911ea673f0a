"""What an activity begins with the result that it records: only steps whose intents are in the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.attempts.leases import LeaseCheck
from activities.attempts.results import Results
from activities.attempts.step_group import ActivityLimits, StepGroup
from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import Decide, RunDecision, Then
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.steps.steps import DueReading, Intent
from tests.ledger.small_office import HANNA, HOUR, SmallOffice, answers_of_systems, small_office

HERE = ActivityLimits("here", lambda: 300.0, lambda: True)


class SeenWork:
    """Names the steps whose attempts begin."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self.attempted: list[str] = []

    async def record_intent(self, run_id: str, begin: Decide) -> RunDecision:
        return await self._runs.record_intent(run_id, begin)

    async def record_result(self, run_id: str, conclude: Decide, then: Then) -> RunDecision:
        return await self._runs.record_fact(run_id, conclude, then)

    async def attempt_one(self, begun: RunDecision, intent: Intent, lease: LeaseCheck, results: Results) -> None:
        self.attempted.append(intent.step.step_id)

    async def read_one(self, begun: RunDecision, reading: DueReading, results: Results) -> None:
        raise AssertionError("no step is read again here")


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        yield office


def searched(state: RunState, world: World) -> list[Event]:
    """As the activity `search_accounts` records it."""
    return [] if state.finished else answers_of_systems(state, world)


async def intents(office: SmallOffice, run_id: str) -> set[str]:
    events = await office.ledger.read({e.run_stream(run_id): 0})
    found = (recorded.event for recorded in events.events[e.run_stream(run_id)])
    return {event.step_id for event in found if isinstance(event, e.StepStarted)}


@pytest.mark.parametrize("cancelled", [False, True])
async def test_no_step_of_a_run_that_another_process_cancelled_is_begun(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    with monkeypatch.context() as unsearched:
        unsearched.setattr(SmallOffice, "search", _no_search)
        run_id = await here.start(-HOUR)
    await here.runs.load(run_id)
    elsewhere = Services(Runs(here.ledger, here.runs.abilities), here.keyring)
    if cancelled:
        await commands.end_run(elsewhere, HANNA, run_id, "They stay.")
    work = SeenWork(here.runs)
    group = StepGroup(here.runs, run_id, work, HERE)
    await group.record(searched)
    await group.finish()
    begun = await intents(here, run_id)
    assert set(work.attempted) == begun and bool(begun) is not cancelled


async def _no_search(office: SmallOffice, run_id: str) -> bool:
    return False
