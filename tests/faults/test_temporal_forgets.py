"""Temporal dies with notices to workflows, loses what it confirmed, loses everything, or single workflows."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator import commands
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import GATE, approve_all, at_their_gates, each_gate_decided_once, to_the_end
from tests.integration.conftest import Install
from tests.integration.faults.test_kills import packet_here
from tests.integration.installation import POLL, installation, worker_here


def copy_of(server: TemporalServer, to: Path) -> Path:
    """Of its database, while it runs."""
    with closing(sqlite3.connect(server.state / "temporal.db")) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)
    return to


async def put_back(server: TemporalServer, copy: Path | None) -> None:
    """Kills the server, replaces its database by an older copy (None: by nothing), and starts it again."""
    await server.crash()
    for file in server.state.iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    if copy is not None:
        shutil.copy(copy, server.state / "temporal.db")
    await server.restart()


@pytest.mark.trial(row=5, batches=4)
@pytest.mark.parametrize("nudges", ["undelivered", "confirmed", "received"])
async def test_temporal_dies_with_nudges(
    batch: TrialBatch, database_url: str, company: Company, hire: Hire, tmp_path: Path, nudges: str
) -> None:
    """`undelivered`: it is down while people approve. `confirmed`: no worker runs, and it forgets what it confirmed.
    `received`: it forgets it at a random moment, while a worker carries it out."""
    async with (
        TemporalServer.start(tmp_path / "temporal", keep=True) as server,
        installation(database_url, server.address, company, packet=packet_here(company), worker=False) as here,
    ):
        staff = await hire(batch.sized(3, 20))
        runs = [await here.start(person) for person in staff]
        told = runs[: batch.sized(2, 10)]
        it = here.actors["it"]
        async with worker_here(here):
            await at_their_gates(here, runs)
            if nudges == "received":
                copy = copy_of(server, tmp_path / "older.db")
                await approve_all(here, told)
                await asyncio.sleep(batch.chance.uniform(0.05, 1.5))
                await put_back(server, copy)
        if nudges == "undelivered":
            await server.crash()
            done = [await commands.approve_gate(here.services, it, run, GATE) for run in told]
            assert not any(each.nudged for each in done)
            await server.restart()
        elif nudges == "confirmed":
            copy = copy_of(server, tmp_path / "older.db")
            done = [await commands.approve_gate(here.services, it, run, GATE) for run in told]
            assert all(each.nudged for each in done)
            await put_back(server, copy)
        batch.add(f"nudges {nudges}", len(told))
        async with worker_here(here):
            ended = await to_the_end(here, company, runs)
        for run in runs:
            await each_gate_decided_once(here, run)
        await count(batch, company, ended)
        await here.verify()


@pytest.mark.trial(row=11, batches=4)
async def test_temporal_loses_everything(
    batch: TrialBatch, database_url: str, company: Company, hire: Hire, tmp_path: Path
) -> None:
    async with (
        TemporalServer.start(tmp_path / "temporal", keep=True) as server,
        installation(database_url, server.address, company, packet=packet_here(company)) as here,
    ):
        runs = [await here.start(person) for person in await hire(batch.sized(4, 50))]
        await at_their_gates(here, runs)
        # Some are in progress when everything is gone; the others wait for a person.
        await approve_all(here, batch.chance.sample(runs, len(runs) // 2))
        await asyncio.sleep(batch.chance.uniform(0.0, 1.0))
        lost = here.engine.cluster
        await put_back(server, None)
        ended = await to_the_end(here, company, runs)
        async with asyncio.timeout(60):
            while here.engine.cluster == lost:  # runs can end before a process looks which cluster it is
                await asyncio.sleep(POLL)
        batch.add("open runs when Temporal lost everything", len(runs))
        await count(batch, company, ended)
        await here.verify()


@pytest.mark.trial(row=11, batches=2)
async def test_single_workflows_are_terminated(
    batch: TrialBatch, install: Install, company: Company, hire: Hire
) -> None:
    async with install(packet=packet_here(company)) as here:
        runs = [await here.start(person) for person in await hire(batch.sized(3, 30))]
        await at_their_gates(here, runs)
        victims = batch.chance.sample(runs, batch.sized(2, 15))
        at_work, waiting = victims[::2], victims[1::2]

        async def terminate(run: str) -> None:
            await here.engine.client.get_workflow_handle(workflow_id(run)).terminate("a trial")

        await asyncio.gather(*map(terminate, waiting))
        await approve_all(here, at_work)
        await asyncio.gather(*map(terminate, at_work), return_exceptions=True)  # one may have completed
        ended = await to_the_end(here, company, runs)
        batch.add("terminated workflows", len(victims))
        await count(batch, company, ended)
        await here.verify()
