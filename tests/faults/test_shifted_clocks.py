"""Clocks of workers, relay and web process are two hours off, each in its own direction: the ledger's time counts."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.ledger.access.tokens import Tokens
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.shifted_clock import clock_library, shifted
from tests.integration.faults.test_kills import packet_here
from tests.integration.installation import PAST, ZONE, Installation, gate_open, installation, worker_here
from tests.ports import unused_port
from tests.web.visitor import api

OFFBOARD = Path(sys.executable).with_name("offboard")
OFF_SECONDS = 7200
CUTOFF_SECONDS = (10, 40)
"""From its start to the cutoff of every other run, in `make test` and in `make faults`: far less than two hours."""
STARTED_WITHIN_SECONDS = 60.0
RUNNING = {"worker": "Worker running.", "relay": "Relay running.", "web": "Listening on "}


@asynccontextmanager
async def process(command: str, environment: dict[str, str], log: Path) -> AsyncIterator[None]:
    """The command as an administrator starts it, ready when the block begins. It stops in good order."""
    with log.open("wb") as output:
        started = await asyncio.create_subprocess_exec(OFFBOARD, command, env=environment, stdout=output, stderr=output)
    try:
        async with asyncio.timeout(STARTED_WITHIN_SECONDS):
            while RUNNING[command] not in log.read_text():
                assert started.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        yield
        assert started.returncode is None, f"it ended: {log.read_text()[-2000:]}"
        started.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(started.wait(), 45) == 0, log.read_text()[-2000:]
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


@asynccontextmanager
async def shifted_processes(here: Installation, batch: TrialBatch, folder: Path) -> AsyncIterator[str]:
    """Two workers, the relay and the web process, whose address is given."""
    library, port = clock_library(folder), unused_port()
    url = f"http://127.0.0.1:{port}"
    ways = [OFF_SECONDS, -OFF_SECONDS] * 2
    batch.chance.shuffle(ways)
    async with AsyncExitStack() as stack:
        for number, (command, ahead) in enumerate(zip(("worker", "worker", "relay", "web"), ways, strict=True)):
            environment = here.environment() | shifted(library, ahead)
            environment |= {"OFFBOARD_PUBLIC_URL": url, "OFFBOARD_WEB_PORT": str(port), "OFFBOARD_INSTALLATION": "test"}
            await stack.enter_async_context(process(command, environment, folder / f"{command}-{number}.log"))
        yield url


@asynccontextmanager
async def signed_in(here: Installation, url: str, alias: str) -> AsyncIterator[httpx.AsyncClient]:
    text, _ = await Tokens(here.backend.database).make(
        alias, label="trial", made_by=alias, up_to=Level.CHANGE, lasts=timedelta(hours=1)
    )
    async with api(url, text) as client:
        yield client


def refused_certificates(state: RunState) -> list[str]:
    """Steps that failed since the certificate of the mail server is not valid yet by the clock of a worker."""
    return [id_ for id_, known in state.work.steps.items() if known.code == "certificate_refused"]


def finished_or_refused(state: RunState) -> bool:
    refused = refused_certificates(state)
    rest = [known for id_, known in state.work.steps.items() if id_ not in refused]
    return state.finished or (bool(refused) and all(known.final for known in rest))


@pytest.mark.trial(row=12, batches=3)
async def test_clocks_of_processes_are_two_hours_off(
    database_url: str, temporal: TemporalServer, company: Company, hire: Hire, batch: TrialBatch, tmp_path: Path
) -> None:
    people = await hire(batch.sized(2, 20))
    async with installation(database_url, temporal.address, company, packet=packet_here(company), worker=False) as here:
        async with (
            shifted_processes(here, batch, tmp_path) as url,
            signed_in(here, url, "hr") as hr,
            signed_in(here, url, "it") as approver,
        ):
            runs: list[str] = []
            for number, person in enumerate(people):
                if number % 2 == 0:
                    at = await here.backend.ledger.now() + timedelta(seconds=batch.sized(*CUTOFF_SECONDS))
                    cutoff = Cutoff(instant=at, zone=ZONE, local=f"{at:%Y-%m-%dT%H:%M}")
                    runs.append(await here.start(person, cutoff=cutoff))
                    continue
                wanted = {"person": person.employee_number, "packet": here.packet.name, "cutoff": PAST, "zone": ZONE}
                answer = await hr.post("/runs", json=wanted)
                assert answer.status_code == 201, answer.text
                runs.append(str(answer.json()["run_id"]))
            for run in runs:
                await here.wait_until(run, gate_open, "an open gate")
                answer = await approver.post(f"/runs/{run}/gates/g-all-1/decision", json={"verdict": "approve"})
                assert answer.status_code == 200, answer.text
            settled = [await here.attend(run, decide=False, until=finished_or_refused) for run in runs]
        # The clocks are right again.
        async with worker_here(here):
            for state in settled:
                for step_id in refused_certificates(state):
                    batch.add("steps that failed because of a certificate, and name it")
                    name = state.plan.steps[step_id].name
                    operator = here.actors["operator"]
                    await commands.retry_step(here.services, operator, state.run_id, name, reason="the clock is right")
            ended = [await here.attend(run, decide=False) for run in runs]
        assert {state.finish for state in ended} == {"clean"}
        for state in ended:
            page = await here.backend.ledger.read({e.run_stream(state.run_id): 0})
            begun = [one for one in page.events[e.run_stream(state.run_id)] if isinstance(one.event, e.StepStarted)]
            early = [one.recorded_at for one in begun if one.recorded_at < state.cutoff]
            assert not early, f"{state.run_id} began {state.cutoff - min(early)} before its cutoff"
            [gate] = state.decisions.gates.values()
            if gate.decided_at is not None and gate.decided_at < state.cutoff:
                batch.add("runs approved before their cutoff")
        await count(batch, company, ended)
        await here.verify()
