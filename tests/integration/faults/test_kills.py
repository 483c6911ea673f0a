"""A worker dies by SIGKILL; what it left behind goes on with the next one. The company counts what was done."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import HTTP_SYSTEMS, Company
from orchestrator.embedded.company.people import Employee
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import Installation, WorkerProcess, statuses, task_of, worker_here
from tests.integration.killable_worker import POINTS
from tests.integration.packets import quick_packet

COUNTED_ONCE = {  # step -> (system, how the company calls its effect)
    "disable_identity": ("identity", "/Users/"),
    "suspend_code": ("code", "suspend"),
    "revoke_code_tokens": ("code", "tokens"),
    "close_card": ("cards", "close"),
    "forward_mail": ("mail", "/mailboxes/"),
    "record_leaving": ("hr", "leaving"),
}
IN_THE_DIRECTORY = {"lock_directory": ("directory", "modify")}
NEVER_TWICE = {"final_pay": ("hr", "final-pay"), "tell_manager": ("mail", "SMTP")}
SLOW = 0.6  # seconds a system takes where a worker is to die during the call


def packet_here(company: Company) -> Packet:
    """With a step in the directory wherever there is one."""
    return quick_packet(directory=company.directory is not None)


def steps_here(company: Company) -> int:
    return len(packet_here(company).workflow.steps)


def counted_once(company: Company) -> dict[str, tuple[str, str]]:
    return COUNTED_ONCE | (IN_THE_DIRECTORY if company.directory is not None else {})


async def keys_done(company: Company, system: str, action: str) -> list[str | None]:
    """The effect keys under which a kind of effect was done since the test began, one entry per effect."""
    return [entry["key"] for entry in await company.effects(system) if action in entry["action"]]


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_killed_at_a_named_point(
    install: Install, company: Company, hire: Hire, tmp_path: Path, point: str
) -> None:
    async with install(packet=packet_here(company), worker=False) as here:
        [person] = await hire()
        run = await here.start(person)
        if point == "during_call":
            for system in HTTP_SYSTEMS:
                for method in ("POST", "PUT", "PATCH", "DELETE"):
                    await company.break_(system, "slow", method=method, seconds=SLOW)
        async with WorkerProcess.start(
            here.environment(), tmp_path / "worker.log", point, steps_here(company)
        ) as worker:
            await here.attend(run, until=lambda state: any(not gate.open for gate in state.decisions.gates.values()))
            await worker.died()
        await company.clear_faults()
        broken = await here.state(run)
        begun = sum(known.attempt for known in broken.work.steps.values())
        assert begun == (0 if point == "before_intent" else steps_here(company)), await here.story(run)
        async with worker_here(here):
            waiting = await here.attend(run, until=settled_or_asked)
            tasks = {name: task_of(waiting, name) for name in NEVER_TWICE}
            state = await here.attend(run, confirm="done")
        assert state.finish == "clean", await here.story(run)
        for name, (system, action) in counted_once(company).items():
            done = await keys_done(company, system, action)
            assert len(done) == 1, f"{name}: {done}"
        for name, (system, action) in NEVER_TWICE.items():
            done = await keys_done(company, system, action)
            assert len(done) <= 1, f"{name} was done more than once"
            if not done:
                assert tasks[name] is not None, f"{name} was not done and nobody was asked"
        if point == "after_intent":
            # Never tried again, and nothing can show that it was not done: people were asked about both.
            assert all(tasks.values())
        if point == "before_intent":
            assert not any(tasks.values())
        if point in ("after_effect", "after_read_back", "during_call"):
            assert tasks["final_pay"] is None, "what was booked is found by looking"
            assert tasks["tell_manager"] is not None, "nothing can show a message, so a person says"
        await here.verify()


def settled_or_asked(state: RunState) -> bool:
    """Every step is final, or waits for a person's word about its outcome."""
    return state.plan.planned_at is not None and all(
        known.final or known.status == "unknown" for known in state.work.steps.values()
    )


@pytest.mark.parametrize(
    ("people", "rounds"),
    [(4, 5), pytest.param(6, 12, marks=[pytest.mark.faults, pytest.mark.timeout(900)])],
    ids=["short", "long"],
)
async def test_workers_killed_at_random(
    install: Install, company: Company, hire: Hire, tmp_path: Path, people: int, rounds: int
) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with install(packet=packet_here(company), worker=False) as here:
        staff = await hire(people)
        runs = [await here.start(person) for person in staff]
        deaths = 0
        for _ in range(rounds):
            async with WorkerProcess.start(here.environment(), tmp_path / "worker.log") as worker:
                attending = [asyncio.create_task(here.attend(run, until=never, deadline=300)) for run in runs]
                await asyncio.wait(attending, timeout=chance.uniform(0.05, 1.5))
                worker.kill()
                await worker.died()
                deaths += 1
                await stopped(attending)
        async with worker_here(here):
            states = await asyncio.gather(*(here.attend(run, until=settled_or_asked) for run in runs))
            states = await asyncio.gather(*(here.attend(run, confirm="done") for run in runs))
        assert deaths == rounds
        for state in states:
            assert state.finish == "clean", await here.story(state.run_id)
            assert set(statuses(state).values()) <= {"verified", "attested"}
        for name, (system, action) in counted_once(company).items():
            done = await by_target(company, system, action)
            assert sorted(done.values()) == [1] * len(staff), f"seed {seed}, {name}: {done}"
        for name, (system, action) in NEVER_TWICE.items():
            done = await by_key(company, system, action)
            asked = sum(task_of(state, name) is not None for state in states)
            assert all(count == 1 for count in done.values()), f"seed {seed}, {name}: {done}"
            assert len(done) + asked >= len(staff), f"seed {seed}: {name} was neither done nor asked about"
        await here.verify()


def never(state: RunState) -> bool:
    return False


async def stopped(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, asyncio.CancelledError), outcome


async def by_target(company: Company, system: str, action: str) -> dict[str, int]:
    return await _counted(company, system, action, "target")


async def by_key(company: Company, system: str, action: str) -> dict[str, int]:
    return await _counted(company, system, action, "key")


async def _counted(company: Company, system: str, action: str, what: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in await company.effects(system):
        if action in entry["action"]:
            counts[entry[what]] = counts.get(entry[what], 0) + 1
    return counts


async def test_two_workers_share_a_run_and_nothing_is_done_twice(
    install: Install, company: Company, hire: Hire, tmp_path: Path
) -> None:
    async with install(packet=packet_here(company), worker=False) as here:
        staff: list[Employee] = await hire(3)
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log"), worker_here(here):
            runs = [await here.start(person) for person in staff]
            states = await asyncio.gather(*(here.attend(run) for run in runs))
        assert [state.finish for state in states] == ["clean"] * 3
        for system, action in [*counted_once(company).values(), NEVER_TWICE["final_pay"]]:
            assert list((await by_target(company, system, action)).values()) == [1] * 3, action
        assert list((await by_key(company, *NEVER_TWICE["tell_manager"])).values()) == [1] * 3
        await no_attempt_twice(here, runs, steps_here(company))
        await here.verify()


async def no_attempt_twice(here: Installation, runs: list[str], steps: int) -> None:
    for run in runs:
        started = (await here.events(run)).count("StepStarted")
        assert started == steps, await here.story(run)
