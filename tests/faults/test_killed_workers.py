"""Workers die by SIGKILL while they carry out steps; the next one continues with what they left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.embedded.company.company import HTTP_SYSTEMS, Company
from orchestrator.embedded.company.effects import CHANGING
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import approve_all, at_their_gates, to_the_end, until_all
from tests.integration.conftest import Install
from tests.integration.faults.test_kills import NEVER_TWICE, packet_here, settled_or_asked, steps_here
from tests.integration.installation import WorkerProcess, task_of, worker_here
from tests.integration.killable_worker import ANY_NUMBER, POINTS

SLOW_SECONDS = 0.6
"""What a system takes where a worker is to die during the call."""


async def slow_down(company: Company) -> None:
    for system in HTTP_SYSTEMS:
        for method in CHANGING:
            await company.break_(system, "slow", method=method, seconds=SLOW_SECONDS)


def at_the_point(batch: TrialBatch, point: str, runs: int, steps: int) -> int:
    """How many attempts are at the point when the worker dies: all of them, or in a full run 60 to 95 %."""
    share = batch.sized(1.0, batch.chance.uniform(0.6, 0.95))
    if point == "before_intent":
        return max(1, round(runs * share)) * ANY_NUMBER
    return max(1, round(runs * steps * share))


@pytest.mark.trial(row=1, batches=10)
@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_is_killed_at_a_point(
    batch: TrialBatch, install: Install, company: Company, hire: Hire, tmp_path: Path, point: str
) -> None:
    steps = steps_here(company)
    async with install(packet=packet_here(company), worker=False) as here:
        runs = [await here.start(person) for person in await hire(batch.sized(1, 20))]
        if point == "during_call":
            await slow_down(company)
        held = at_the_point(batch, point, len(runs), steps)
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log", point, held) as worker:
            await at_their_gates(here, runs)
            await approve_all(here, runs)
            await worker.died()
        await company.clear_faults()
        broken = [await here.state(run) for run in runs]
        begun = sum(known.attempt for state in broken for known in state.work.steps.values())
        assert begun >= (0 if point == "before_intent" else held), await here.story(runs[0])
        async with worker_here(here):
            asked = await until_all(here, runs, settled_or_asked)
            ended = await to_the_end(here, company, runs)
        batch.add(
            "questions to people", sum(task_of(state, name) is not None for state in asked for name in NEVER_TWICE)
        )
        await count(batch, company, ended)
        await here.verify()
    if batch.size == "short":  # every step was at the point, so it is known who is asked about what
        tasks = {name: task_of(asked[0], name) for name in NEVER_TWICE}
        if point == "before_intent":
            assert not any(tasks.values())
        elif point == "after_intent":
            # Never tried again, and nothing can show that it was not done: people were asked about both.
            assert all(tasks.values())
        else:
            assert tasks["final_pay"] is None, "what was booked is found by reading"
            assert tasks["tell_manager"] is not None, "nothing can show a message, so a person says"


@pytest.mark.trial(row=1, batches=3)
@pytest.mark.timeout(600)
async def test_one_worker_after_another_is_killed(
    batch: TrialBatch, install: Install, company: Company, hire: Hire, tmp_path: Path
) -> None:
    async with install(packet=packet_here(company), worker=False) as here:
        runs = [await here.start(person) for person in await hire(batch.sized(4, 20))]
        for _ in range(batch.sized(5, 12)):
            async with WorkerProcess.start(here.environment(), tmp_path / "worker.log") as worker:
                attending = asyncio.create_task(until_all(here, runs, lambda state: False))
                await asyncio.wait([attending], timeout=batch.chance.uniform(0.05, 1.5))
                worker.kill()
                await worker.died()
                attending.cancel()
                [outcome] = await asyncio.gather(attending, return_exceptions=True)
                assert isinstance(outcome, asyncio.CancelledError), outcome
            batch.add("workers killed")
        async with worker_here(here):
            ended = await to_the_end(here, company, runs)
        await count(batch, company, ended)
        await here.verify()
