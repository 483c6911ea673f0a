"""Every process of an installation sends its spans and numbers to the collector: web, worker, relay, and a worker that
is the relay as well."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from orchestrator import commands
from orchestrator.domain.permissions.levels import Level
from orchestrator.ledger.access.tokens import Tokens
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, Installation, gate_open
from tests.integration.packets import quick_packet
from tests.telemetry.collector import Collector, collecting

PORT_OF = "OFFBOARD_WEB_PORT"


@asynccontextmanager
async def process(
    here: Installation, words: tuple[str, ...], collector: Collector, log: Path, **settings: str
) -> AsyncIterator[None]:
    """One command, with a name of its own at the collector, ended as a service manager does it."""
    environment = {
        **here.environment(),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_SERVICE_NAME": " ".join(words),
        **settings,
    }
    program = "from orchestrator.cli import main; main()"
    with log.open("wb") as output:
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, *words, env=environment, stdout=output, stderr=output
        )
    try:
        yield
        started.send_signal(signal.SIGTERM)
        async with asyncio.timeout(90):
            assert await started.wait() == 0, log.read_text()[-2000:]
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def until_told(collector: Collector, service: str, spans: set[str], metrics: set[str]) -> None:
    async with asyncio.timeout(60):
        while not (spans <= collector.spans_of(service) and metrics <= collector.metrics_of(service)):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("apart", [True, False], ids=["worker and relay apart", "in one process"])
async def test_every_process_reaches_the_collector(
    install: Install, hire: Hire, tmp_path: Path, unused_tcp_port: int, apart: bool
) -> None:
    [person] = await hire()
    worker, relay = (("worker",), ("relay",)) if apart else (("worker", "--relay"), ("worker", "--relay"))
    names = [" ".join(words) for words in (worker, relay)]
    web = {PORT_OF: str(unused_tcp_port), "OFFBOARD_PUBLIC_URL": f"http://127.0.0.1:{unused_tcp_port}"}
    with collecting() as collector:
        async with (
            install(packet=quick_packet(), worker=False, relay=False) as here,
            process(here, worker, collector, tmp_path / "worker.log"),
            process(here, ("web",), collector, tmp_path / "web.log", **web),
        ):
            run = await here.start(person, cutoff=FAR_FUTURE)
            await here.wait_until(run, gate_open, "a gate")
            await until_told(collector, names[0], {"find_accounts"}, {"offboard.queue.delay"})
            await held_over_the_api(here, run, unused_tcp_port)
            await until_told(collector, "web", {"request", "SignalWithStartWorkflow:Offboarding"}, set())
            if apart:
                async with process(here, relay, collector, tmp_path / "relay.log"):
                    await relay_nudges(here, collector, names[1])
            else:
                await relay_nudges(here, collector, names[1])
        assert collector.services() == {"web", *names}


async def held_over_the_api(here: Installation, run: str, port: int) -> None:
    tokens = Tokens(here.backend.database)
    text, _ = await tokens.make(
        "operator", label="test", made_by="operator", up_to=Level.CHANGE, lasts=timedelta(hours=1)
    )
    at, said = f"http://127.0.0.1:{port}/api/v1/runs/{run}/hold", {"reason": "A check"}
    async with asyncio.timeout(60), httpx.AsyncClient(headers={"Authorization": f"Bearer {text}"}) as client:
        while True:
            try:
                answer = await client.post(at, json=said)
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)  # it is starting
    assert answer.status_code == 200, answer.text


async def relay_nudges(here: Installation, collector: Collector, name: str) -> None:
    """A pause of a system concerns all runs, so that a relay wakes each of them."""
    place = (here.services, here.actors["operator"], "cards", here.packet.name, [here.packet.name])
    assert await commands.hold_system(*place)
    metrics = {"offboard.runs.open", "offboard.relay.lag"}
    await until_told(collector, name, {"SignalWithStartWorkflow:Offboarding"}, metrics)
