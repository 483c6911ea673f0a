"""An older copy of the ledger is restored while runs are at different points: Offboard notices it and changes nothing
until changes are resumed, every run ends, and no effect is repeated.

In `make test`: `tests/integration/faults/test_restored_ledger.py`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from orchestrator import commands
from orchestrator.backend import open_backend
from orchestrator.commands import Services
from orchestrator.domain import events as e
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import Journal, count
from tests.faults.trial import answer_cards
from tests.integration.faults.test_kills import packet_here, settled_or_asked
from tests.integration.faults.test_restored_ledger import (
    NOTICED_WITHIN_SECONDS,
    approved,
    copied,
    holds,
    kept,
    restored,
)
from tests.integration.installation import POLL, Installation, WorkerProcess, gate_open, installation

QUIET_SECONDS = 3.0
"""For how long nothing happens while changes are paused: several looks of the relay, and longer than its grace."""


def in_progress(state: RunState) -> bool:
    return any(known.attempt for known in state.work.steps.values())


@pytest.mark.trial(row=13, batches=2, short=False)
@pytest.mark.parametrize("processes", ["restarted", "left running"])
async def test_an_older_ledger_is_noticed_and_repeats_nothing(
    database_url: str,
    temporal: TemporalServer,
    company: Company,
    hire: Hire,
    batch: TrialBatch,
    tmp_path: Path,
    processes: Literal["restarted", "left running"],
) -> None:
    """Before the copy, some runs are approved and may be in progress. Afterwards others are approved and end; the last
    ones are approved after changes were resumed."""
    people = await hire(24)
    async with (
        AsyncExitStack() as stack,
        installation(database_url, temporal.address, company, packet=packet_here(company), worker=False) as here,
    ):
        workers = await stack.enter_async_context(AsyncExitStack())
        await started(workers, here, tmp_path)
        runs = [await here.start(person) for person in people]
        for run in runs:
            await here.wait_until(run, gate_open, "an open gate")
        third = len(runs) // 3
        batch.chance.shuffle(runs)
        early, between, late = runs[:third], runs[third : 2 * third], runs[2 * third :]
        for run in early:
            await approved(here, run)
        if batch.chance.random() < 0.5:
            await here.wait_until(early[0], in_progress, "a first attempt")
        await copied(here)
        for run in between:
            await approved(here, run)
        ended = [await here.attend(run, decide=False, confirm="done") for run in [*early, *between]]
        assert {state.finish for state in ended} <= {"clean"}
        done = (await Journal.read(company)).total
        await kept(here.engine, await here.backend.ledger.tail_position())
        if processes == "restarted":
            await workers.aclose()
        await restored(here)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with open_backend(here.settings) as backend:
            if processes == "restarted":
                await started(workers, here, tmp_path)
            again = replace(here, backend=backend, services=Services(backend.runs, backend.keyring, here.engine))
            async with asyncio.timeout(NOTICED_WITHIN_SECONDS):
                while (found := await holds(again.services)) is None:
                    await asyncio.sleep(POLL)
            batch.took(f"until it was noticed, processes {processes}", loop.time() - began)
            assert found.lost_tails, "the pause says that events are missing"
            for run in between:
                await approved(again, run)
            until = loop.time() + QUIET_SECONDS
            while loop.time() < until:
                assert (await Journal.read(company)).total == done, "nothing is done while changes are paused"
                await asyncio.sleep(0.2)
            name = here.packet.name
            assert await commands.release_system(again.services, here.actors["operator"], e.EVERYTHING, name, [name])
            for run in late:
                await approved(again, run)
            asked = 0
            for run in runs:
                state = await again.attend(run, until=settled_or_asked)
                unknown = [known for known in state.work.steps.values() if known.status == "unknown"]
                asked += len(unknown)
                await answer_cards(SimpleNamespace(here=again, company=company), run)  # type: ignore[arg-type]
            last = [await again.attend(run) for run in runs]
            batch.add("outcomes that a person was asked for", asked)
            assert {state.finish for state in last} == {"clean"}
            await count(batch, company, last, intents_first=False)
            await again.verify()


async def started(stack: AsyncExitStack, here: Installation, folder: Path) -> None:
    for number in range(2):
        await stack.enter_async_context(WorkerProcess.start(here.environment(), folder / f"worker-{number}.log"))
