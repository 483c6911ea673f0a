"""PostgreSQL dies around an intent, a result, and while several decisions are committed together."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.schema.migrate import upgrade
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import GATE, approve_all, at_their_gates, each_gate_decided_once, to_the_end
from tests.faults.test_killed_workers import at_the_point
from tests.faults.web_process import web_process
from tests.integration.faults.test_kills import packet_here, steps_here
from tests.integration.installation import Installation, WorkerProcess, installation, without_engine

RECOVERED_WITHIN_SECONDS = 120.0
"""On a machine that is busy. docs/reliability.md has the longest that was measured."""


@asynccontextmanager
async def own_database(
    folder: Path, temporal: TemporalServer, company: Company
) -> AsyncIterator[tuple[PostgresServer, Installation]]:
    async with PostgresServer.start(folder / "postgres") as server:
        await asyncio.to_thread(upgrade, server.url())
        async with installation(
            server.url(), temporal.address, company, packet=packet_here(company), worker=False
        ) as here:
            yield server, here


async def recovered(batch: TrialBatch, url: str, here: Installation, probe: str) -> None:
    """Returns when the web process says that the ledger, Temporal, a worker and the relay work, and the worker has
    begun the steps of the run `probe`. Its approval sends no nudge, so only the relay can wake the workflow."""
    loop = asyncio.get_running_loop()
    began, approved, told, down = loop.time(), None, False, ["everything"]
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        while down:
            assert loop.time() < began + RECOVERED_WITHIN_SECONDS, f"seed {batch.seed}: still down: {down}"
            with contextlib.suppress(httpx.HTTPError, LedgerError):
                approved = approved or await approve(without_engine(here), here, probe)
                parts = (await client.get("/api/v1/health")).json()["parts"]
                down = [part["part"] for part in parts if part["up"] is not True]
                if "StepStarted" not in await here.events(probe):
                    down.append("the steps of a run")
            if down == ["the steps of a run"] and not told:
                told = True
                batch.took("until the web process said that all parts work", loop.time() - began)
            await asyncio.sleep(0.1)
    batch.took("until a worker carried out steps of which only the relay notified it", loop.time() - began)


@pytest.mark.trial(row=4, batches=2)
@pytest.mark.parametrize("point", ["before_intent", "after_intent", "after_read_back"])
async def test_postgresql_dies_around_an_intent_and_a_result(
    batch: TrialBatch, temporal: TemporalServer, company: Company, hire: Hire, tmp_path: Path, point: str
) -> None:
    """The worker is stopped at the point, and continues when PostgreSQL has died and is back."""
    async with own_database(tmp_path, temporal, company) as (server, here), web_process(here) as url:
        runs = [await here.start(person) for person in await hire(batch.sized(1, 20) + 1)]
        probe, approved = runs[0], runs[1:]
        held = at_the_point(batch, point, len(approved), steps_here(company))
        async with WorkerProcess.start(
            here.environment(), tmp_path / "worker.log", point, held, signal.SIGSTOP
        ) as worker:
            await at_their_gates(here, runs)
            await approve_all(here, approved)
            await worker.stopped()
            await server.crash()
            worker.go_on()
            await asyncio.sleep(batch.chance.uniform(0.0, 1.0))
            await server.restart()
            await recovered(batch, url, here, probe)
            ended = await to_the_end(here, company, runs)
        batch.add("deaths of PostgreSQL")
        await count(batch, company, ended)
        await here.verify()


@pytest.mark.trial(row=4, batches=3)
async def test_postgresql_dies_while_a_group_commits(
    batch: TrialBatch, temporal: TemporalServer, company: Company, hire: Hire, tmp_path: Path
) -> None:
    async with own_database(tmp_path, temporal, company) as (server, here), web_process(here) as url:
        deaths = batch.sized(1, 4)
        runs = [await here.start(person) for person in await hire(batch.sized(4, 20) + deaths)]
        probes = runs[:deaths]
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log"):
            await at_their_gates(here, runs)
            waiting, acknowledged = set(runs[deaths:]), set[str]()
            for probe in probes:
                approved = asyncio.gather(*(approve(here.services, here, run) for run in sorted(waiting)))
                await asyncio.sleep(batch.chance.uniform(0.0, 0.2))
                await server.crash()
                acknowledged |= {run for run in await approved if run is not None}
                waiting -= acknowledged
                await asyncio.sleep(batch.chance.uniform(0.0, 2.0))
                await server.restart()
                await recovered(batch, url, here, probe)
                batch.add("deaths of PostgreSQL")
            for run in acknowledged:
                assert "GateDecided" in await here.events(run), f"{run}: a confirmed approval is lost"
            ended = await to_the_end(here, company, runs)
        for run in runs:
            await each_gate_decided_once(here, run)
        await count(batch, company, ended)
        await here.verify()


async def approve(services: Services, here: Installation, run: str) -> str | None:
    """The run, if its approval was confirmed."""
    try:
        await commands.approve_gate(services, here.actors["it"], run, GATE, (), "looks right")
    except LedgerError:
        return None
    return run
