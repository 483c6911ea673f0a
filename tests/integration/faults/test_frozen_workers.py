"""A worker that pauses between its intent and its call for longer than its lease makes no call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast

import pytest

from activities.attempts import leases
from activities.attempts.leases import RECENT_INTENT_SECONDS, LeaseCheck
from activities.attempts.systems import SystemActivities
from connectors.abilities import Ability, Connector, Effect, Reply
from connectors.elapsed import local_seconds
from connectors.errors import TryAgainError
from connectors.http.auth import BearerToken
from connectors.http.client import HttpClient
from connectors.http.requests import Answer, Flow, Request
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import Decide, RunDecision, RunSnapshot
from orchestrator.domain.events import StepStarted
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.steps.steps import Intent
from orchestrator.embedded.company.company import Company
from orchestrator.worker import relaying, working
from tests.conftest import Hire
from tests.connectors.clocks import JumpingClock
from tests.connectors.company_settings import ALLOWED
from tests.connectors.raw_servers import listening
from tests.integration.cadence import QUICK
from tests.integration.conftest import Install
from tests.integration.faults.test_kills import (
    NEVER_TWICE,
    counted_once,
    keys_done,
    packet_here,
)

AN_HOUR_SECONDS = 3600.0


class PausedActivities(SystemActivities):
    """Pauses after its first intents are recorded, as a process that is stopped there."""

    reached: asyncio.Event
    going_on: asyncio.Event
    paused: list[tuple[str, int]]
    """Step and attempt."""

    async def record_intent(self, run_id: str, begin: Decide) -> RunDecision:
        decided = await super().record_intent(run_id, begin)
        begun = [event for event in decided.events if isinstance(event, StepStarted)]
        if begun and not self.going_on.is_set():
            self.paused += [(event.step_id, event.attempt) for event in begun]
            self.reached.set()
            await self.going_on.wait()
        return decided


async def test_an_attempt_whose_lease_is_over_makes_no_call(install: Install, company: Company, hire: Hire) -> None:
    PausedActivities.reached, PausedActivities.going_on = asyncio.Event(), asyncio.Event()
    PausedActivities.paused = []
    async with install(packet=packet_here(company), worker=False) as here:
        [person] = await hire()
        run = await here.start(person)
        async with (
            working(here.settings, make_activities=PausedActivities) as (backend, engine),
            relaying(backend, engine, cadence=QUICK),
        ):
            await here.attend(run, until=lambda state: any(not gate.open for gate in state.decisions.gates.values()))
            async with asyncio.timeout(30):
                await PausedActivities.reached.wait()
            await here.set_clock_ahead(AN_HOUR_SECONDS)
            await asyncio.sleep(RECENT_INTENT_SECONDS)
            PausedActivities.going_on.set()
            state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        page = await here.backend.ledger.read({f"run:{run}": 0})
        failed = [recorded.event for recorded in page.events[f"run:{run}"] if recorded.type == "StepAttemptFailed"]
        over = [event.model_dump() for event in failed]
        # On a busy machine a process can lose a second lease before it has read the new time.
        assert {(event["code"], event["happened"]) for event in over} == {("lease_over", "no")}
        paused = set(PausedActivities.paused)
        assert paused and paused <= {(event["step_id"], event["attempt"]) for event in over}
        await each_effect_once(company)
        await here.verify()


class LateAnswers(SystemActivities):
    """The ledger's answer about a lease waits in a process that is stopped."""

    reached: asyncio.Event
    going_on: asyncio.Event

    def __init__(self, runs: Runs, *others: Any) -> None:
        super().__init__(runs, *others)
        ask = runs.state_now

        async def answered_late(run_id: str) -> tuple[RunState, datetime]:
            answer = await ask(run_id)
            self.reached.set()
            await self.going_on.wait()
            return answer

        runs.state_now = answered_late  # type: ignore[method-assign]


async def test_an_answer_from_before_the_process_was_stopped_shows_no_lease(
    install: Install, company: Company, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    LateAnswers.reached, LateAnswers.going_on = asyncio.Event(), asyncio.Event()
    stopped = LateAnswers.going_on
    monkeypatch.setattr(
        leases, "local_seconds", lambda: local_seconds() + (AN_HOUR_SECONDS if stopped.is_set() else 0.0)
    )
    async with install(packet=packet_here(company), worker=False) as here:
        [person] = await hire()
        run = await here.start(person)
        async with (
            working(here.settings, make_activities=LateAnswers) as (backend, engine),
            relaying(backend, engine, cadence=QUICK),
        ):
            await here.attend(run, until=lambda state: any(not gate.open for gate in state.decisions.gates.values()))
            async with asyncio.timeout(30):
                await LateAnswers.reached.wait()
            assert not await keys_done(company, *NEVER_TWICE["final_pay"]), "no call is made before the answer"
            LateAnswers.going_on.set()
            state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        page = await here.backend.ledger.read({f"run:{run}": 0})
        failed = [recorded.event for recorded in page.events[f"run:{run}"] if recorded.type == "StepAttemptFailed"]
        over = [event.model_dump() for event in failed]
        assert {(event["code"], event["happened"]) for event in over} == {("lease_over", "no")}
        await each_effect_once(company)
        await here.verify()


class StoppedBeforeTheCall(SystemActivities):
    """A process that is stopped between the check of the lease and the call."""

    def __init__(self, clock: JumpingClock) -> None:
        self._clock = clock

    async def attempt(self, connector: Connector, effect: Effect) -> dict[str, Any]:
        self._clock.passes(AN_HOUR_SECONDS)
        return await super().attempt(connector, effect)

    async def called(self, connector: Connector, intent: Intent) -> object:
        runs = LedgerAsked()
        return await self._called(connector, Effect("pay", "k", deadline=30.0), intent, LeaseCheck(runs, "run", 1e12))


class Paying:
    """A connector with a whole time-out for each call, over HTTP."""

    abilities: Mapping[str, Ability] = {}

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def attempt(self, effect: Effect) -> Reply:
        def pay() -> Flow[Answer]:
            return (yield Request("POST", ("payments",), json={}))

        await self._client.run(pay(), deadline=effect.deadline)
        return Reply()


async def test_no_call_is_made_by_a_process_that_was_stopped_after_the_check_of_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    async with listening(serve) as port:
        client = HttpClient(f"http://127.0.0.1:{port}", BearerToken("token"), allowed_hosts=ALLOWED)
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await StoppedBeforeTheCall(JumpingClock(monkeypatch)).called(cast(Any, Paying(client)), intent_of("freely"))
        await client.aclose()
    assert (raised.value.happened, b"".join(received)) == ("no", b"")


class LedgerAsked(Runs):
    """Counts the questions, and answers that the lease is over."""

    def __init__(self) -> None:
        self.times = 0

    async def state_now(self, run_id: str) -> tuple[RunState, datetime]:
        self.times += 1
        return RunState(), datetime.now(UTC)

    async def load(self, run_id: str) -> RunSnapshot:
        return RunSnapshot(RunState(), cast(World, None), {})


@pytest.mark.parametrize(
    ("repeat", "seconds_since", "destroys", "held"),
    [
        ("freely", 0.0, False, True),
        ("freely", RECENT_INTENT_SECONDS + 0.01, False, False),
        ("freely", 0.0, True, False),
        ("never", 0.0, False, False),
        ("keyed", 0.0, False, False),
    ],
)
async def test_only_a_recent_intent_that_may_run_twice_spares_the_question(
    monkeypatch: pytest.MonkeyPatch,
    repeat: Literal["freely", "keyed", "never"],
    seconds_since: float,
    destroys: bool,
    held: bool,
) -> None:
    runs = LedgerAsked()
    monkeypatch.setattr(leases, "local_seconds", lambda: 1000.0 + seconds_since)
    intent = intent_of(repeat, destroys=destroys)
    assert ((await LeaseCheck(runs, "run", 1000.0).check(intent)).refused is None) is held
    assert runs.times == (0 if held else 1)


def intent_of(repeat: Literal["freely", "keyed", "never"], *, destroys: bool = False) -> Intent:
    step = PlannedStep(step_id="s", digest="", name="s", title="S", level="change", repeat=repeat)
    started = StepStarted(
        step_id="s", generation=1, attempt=1, effect_key="k", lease_until=datetime.now(UTC), caused_by=()
    )
    return Intent(started, step, look_first=False, may_act=True, may_stood=False, earlier_keys=(), destroys=destroys)


async def each_effect_once(company: Company) -> None:
    for name, (system, action) in (counted_once(company) | NEVER_TWICE).items():
        done = await keys_done(company, system, action)
        assert len(done) == 1, f"{name}: {done}"
