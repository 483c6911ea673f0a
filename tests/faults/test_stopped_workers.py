"""Systems that respond after the time-out, and workers that are stopped for longer than their lease and continue."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from orchestrator.embedded.company.company import HTTP_SYSTEMS, Company
from orchestrator.embedded.company.effects import CHANGING
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import approve_all, at_their_gates, to_the_end
from tests.faults.test_killed_workers import at_the_point, slow_down
from tests.integration.conftest import Install
from tests.integration.faults.test_kills import packet_here, steps_here
from tests.integration.installation import WorkerProcess
from tests.integration.killable_worker import POINTS


@pytest.mark.trial(row=3, batches=5)
async def test_systems_respond_after_the_time_out(
    batch: TrialBatch, install: Install, company: Company, hire: Hire
) -> None:
    """The time-out of a call is two seconds."""
    async with install(packet=packet_here(company)) as here:
        runs = [await here.start(person) for person in await hire(batch.sized(2, 20))]
        await at_their_gates(here, runs)
        for system in HTTP_SYSTEMS:
            for method in CHANGING:
                seconds, seed = batch.chance.uniform(2.5, 6.0), batch.chance.randrange(10**6)
                share = batch.sized(0.5, 0.3)
                await company.break_(system, "slow", method=method, seconds=seconds, share=share, seed=seed)
        await approve_all(here, runs)
        ended = await to_the_end(here, company, runs)
        late = await company.clear_faults()
        assert late, "no response was late"
        batch.add("responses after the time-out", late)
        await count(batch, company, ended)
        await here.verify()


@pytest.mark.trial(row=3, batches=2, short=False)
@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_is_stopped_at_a_point_and_continues(
    batch: TrialBatch, install: Install, company: Company, hire: Hire, tmp_path: Path, point: str
) -> None:
    async with install(packet=packet_here(company), worker=False) as here:
        *staff, last = await hire(batch.sized(1, 20) + 1)
        runs = [await here.start(person) for person in staff]
        if point == "during_call":
            await slow_down(company)
        held = at_the_point(batch, point, len(runs), steps_here(company))
        async with WorkerProcess.start(
            here.environment(), tmp_path / "stopped.log", point, held, signal.SIGSTOP
        ) as stopped:
            await at_their_gates(here, runs)
            await approve_all(here, runs)
            await stopped.stopped()
            async with WorkerProcess.start(here.environment(), tmp_path / "second.log"):
                ended = await to_the_end(here, company, runs)
            stopped.go_on()
            # It has gone past the calls of these runs when it has completed another one, alone.
            ended += await to_the_end(here, company, [await here.start(last)])
        await count(batch, company, ended)
        await here.verify()
