"""Many at once: deciders, last steps, starts, latecomers."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from activities.attempts.leases import LeaseCheck
from activities.attempts.systems import SystemActivities
from orchestrator import commands
from orchestrator.backend import open_backend
from orchestrator.commands import Done, Services
from orchestrator.domain.errors import TooLate
from orchestrator.domain.permissions.levels import HR_FEED, Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.steps.steps import AttemptResult, Intent
from orchestrator.worker import working
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import PAST, Installation
from tests.integration.packets import quick_packet

DECIDERS = 50


async def approvers(here: Installation, count: int) -> list[Actor]:
    actors = []
    for number in range(count):
        human = await here.backend.keyring.person_for("hr", f"hr-decider-{number}")
        actor = Actor(actor_id=f"decider-{number}", kind="person", roles=frozenset({"it_approver"}), human=human)
        await commands.record_actor(here.services, actor)
        actors.append(actor)
    return actors


async def test_fifty_decide_at_one_gate_and_two_count(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet(quorum=2)) as here, open_backend(here.settings) as elsewhere:
        [person] = await hire()
        actors = await approvers(here, DECIDERS)
        run = await here.start(person)
        await here.wait_until(run, lambda s: any(gate.open for gate in s.decisions.gates.values()), "an open gate")
        offices = (here.services, Services(elsewhere.runs, elsewhere.keyring, here.engine))
        outcomes: list[Done | BaseException] = await asyncio.gather(
            *(commands.approve_gate(offices[number % 2], actor, run, "g-all-1") for number, actor in enumerate(actors)),
            return_exceptions=True,
        )
        counted = [actors[n].actor_id for n, outcome in enumerate(outcomes) if isinstance(outcome, Done)]
        assert len(counted) == 2, outcomes
        state = await here.wait_until(run, lambda s: s.finished, "the end")
        [gate] = state.decisions.gates.values()
        assert {vote.by for vote, _ in gate.votes} == set(counted) and gate.outcome == "approved"
        assert (await here.events(run)).count("GateDecided") == 1
        for outcome in outcomes:
            if isinstance(outcome, Done):
                continue
            assert isinstance(outcome, TooLate) and outcome.code == "gate_decided", outcome
            assert all(name in outcome.message for name in counted) and "UTC" in outcome.message
        await here.verify()


async def test_someone_who_decides_too_late_reads_who_decided_and_when(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        [late] = await approvers(here, 1)
        run = await here.start(person)
        await here.attend(run)
        with pytest.raises(TooLate) as refused:
            await commands.reject_gate(here.services, late, run, "g-all-1", "I would rather not")
        assert "approved" in refused.value.message and "it (approve, 2" in refused.value.message


class Together(SystemActivities):
    """Attempts whose results are all written at the same moment."""

    waiting = 0
    together = 0
    go: asyncio.Event

    async def _carry_out(self, state: RunState, world: World, intent: Intent, lease: LeaseCheck) -> AttemptResult:
        answer = await super()._carry_out(state, world, intent, lease)
        self.waiting += 1
        if self.waiting >= self.together:
            self.go.set()
        async with asyncio.timeout(90):
            await self.go.wait()
        return answer


async def test_all_last_steps_end_together_and_the_run_closes_once(install: Install, hire: Hire) -> None:
    made: list[Together] = []

    def make(*parts: Any) -> SystemActivities:
        activities = Together(*parts)
        activities.together, activities.go = 8, asyncio.Event()
        made.append(activities)
        return activities

    async with install(packet=quick_packet(), worker=False) as here, working(here.settings, make_activities=make):
        [person] = await hire()
        run = await here.start(person)
        state = await here.attend(run)
        events = await here.events(run)
        assert state.finish == "clean" and made[0].waiting == 8
        assert events.count("RunClosed") == 1 and events[-1] == "RunClosed"
        assert events.count("StepVerified") + events.count("StepAttested") == 8
        await here.verify()


@pytest.mark.parametrize("accounts", [("hr", "hr"), ("hr", HR_FEED)])
async def test_one_person_started_from_two_processes_at_once(
    install: Install, hire: Hire, accounts: tuple[str, str]
) -> None:
    """Two processes of the API, or one of them and HR's own report of the same person."""
    feed = {"levels:\n": "levels:\n  - {who: hr_system, kind: service, up_to: prepare}\n"}
    async with install(packet=quick_packet(changed=feed)) as here:
        feed_account = Actor(actor_id=HR_FEED, kind="service", roles=frozenset({"hr_system"}))
        await commands.record_actor(here.services, feed_account)
        [person] = await hire()
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.integration.starting_process",
                person.employee_number,
                PAST,
                account,
                env=here.environment(),
                cwd=here.environment()["PYTHONPATH"],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for account in accounts
        ]
        async with asyncio.timeout(60):
            for process in processes:
                assert process.stdout is not None
                assert await process.stdout.readline() == b"ready\n"
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(b"go\n")
            said = [(await process.communicate())[0].decode().split() for process in processes]
        started = [words for words in said if words[0] == "started"]
        refused = [words for words in said if words[0] == "run_open"]
        assert len(started) == 1 and len(refused) == 1, said
        run = started[0][1]
        assert run in " ".join(refused[0]), "the refusal names the open run"
        await here.attend(run)
        # Afterwards the person may leave again.
        again = await here.start(person)
        assert again != run


async def test_two_writers_of_one_run_lose_nothing(install: Install, hire: Hire) -> None:
    """Holds placed and lifted from two processes' books while the run works: each command stands or changed nothing."""
    async with install(packet=quick_packet()) as here, open_backend(here.settings) as elsewhere:
        [person] = await hire()
        run = await here.start(person)
        other = Services(elsewhere.runs, elsewhere.keyring, None)
        operator = here.actors["operator"]
        for _ in range(5):
            await asyncio.gather(
                *(commands.hold_run(services, operator, run, "wait") for services in (here.services, other)),
                *(commands.release_run(services, operator, run) for services in (here.services, other)),
            )
        await commands.release_run(here.services, operator, run)
        state = await here.attend(run)
        assert state.finish == "clean"
        page = await here.backend.ledger.read({f"run:{run}": 0})
        assert [recorded.version for recorded in page.events[f"run:{run}"]] == list(range(1, state.version + 1))
        await here.verify()
