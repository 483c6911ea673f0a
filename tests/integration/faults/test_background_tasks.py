"""Background tasks survive what no one expected, a database that is read-only, and workflows that vanish."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from orchestrator import commands
from orchestrator import relay as relay_module
from orchestrator.domain.run.progress import Progress
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.engine import NUDGE_WITHIN, Engine, EngineAddress, EngineRefused, EngineUnavailable
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.ledger.engine import engine_reports, relay_queue
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.engine.webhooks import Webhooks
from orchestrator.relay import Cadence, Relay
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import POLL, Installation, gate_open, without_engine
from tests.integration.packets import quick_packet
from tests.integration.signed_databases import conninfo

SURVIVED_WITHIN_SECONDS = 40.0
"""Temporal retries an activity that could not reach the ledger after up to 30 s."""
DECISIONS = 100


async def until(holds: Callable[[], bool], seconds: float = SURVIVED_WITHIN_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(POLL)


async def test_an_unexpected_error_ends_neither_the_relay_nor_the_reports(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = {"relay": 0, "reports": 0}
    sweep, flush = Relay.sweep, EngineReports.flush

    async def broken_sweep(self: Relay) -> int:
        failures["relay"] += 1
        raise ZeroDivisionError("a name")

    async def broken_flush(self: EngineReports) -> None:
        failures["reports"] += 1
        raise ZeroDivisionError("a name")

    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        with caplog.at_level(logging.ERROR):
            monkeypatch.setattr(Relay, "sweep", broken_sweep)
            monkeypatch.setattr(EngineReports, "flush", broken_flush)
            silent = without_engine(here)
            run = await here.start(person, services=silent)
            await here.engine.nudge(run)
            await until(lambda: min(failures.values()) >= 2)
        monkeypatch.setattr(Relay, "sweep", sweep)
        monkeypatch.setattr(EngineReports, "flush", flush)
        assert "ZeroDivisionError" in caplog.text and "a name" not in caplog.text
        await here.wait_until(run, gate_open, "an open gate")
        await commands.approve_gate(silent, here.actors["it"], run, "g-all-1")
        assert (await here.attend(run, decide=False)).finish == "clean", "the relay makes the lost nudge good"
        await no_run_is_behind(here)


async def no_run_is_behind(here: Installation) -> None:
    async with asyncio.timeout(SURVIVED_WITHIN_SECONDS):
        while await relay_queue.runs_behind(here.backend.database, here.engine.cluster, timedelta(0)):
            await asyncio.sleep(POLL)


@asynccontextmanager
async def read_only(here: Installation) -> AsyncIterator[None]:
    """The test's own database accepts reads only, as after a failover to a standby."""
    url = conninfo(here.settings.database_url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as administrator:
        name = administrator.info.dbname

        async def set_to(value: str) -> None:
            await administrator.execute("SET default_transaction_read_only = off")
            await administrator.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'.encode())
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        await set_to("on")
        try:
            yield
        finally:
            await set_to("off")


async def test_a_database_that_is_read_only_for_a_while_is_survived(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        async with read_only(here):
            for _ in range(3):  # the first may meet a connection that was closed
                with pytest.raises(LedgerUnavailable):
                    await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
            await here.engine.nudge(run)
            with pytest.raises(LedgerUnavailable):
                await engine_reports.keep_position(here.backend.database, "a test", 1)
        silent = without_engine(here)
        async with asyncio.timeout(SURVIVED_WITHIN_SECONDS):
            while True:
                try:
                    await commands.approve_gate(silent, here.actors["it"], run, "g-all-1")
                    break
                except LedgerUnavailable:
                    await asyncio.sleep(POLL)
        assert (await here.attend(run, decide=False)).finish == "clean"
        await here.verify()


@pytest.mark.parametrize("how", ["terminated", "deleted"])
async def test_a_workflow_that_vanished_is_started_again(install: Install, hire: Hire, how: str) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        client, id_ = here.engine.client, workflow_id(run)
        first = (await client.get_workflow_handle(id_).describe()).run_id
        if how == "terminated":
            await client.get_workflow_handle(id_).terminate()
        else:
            await client.workflow_service.delete_workflow_execution(
                DeleteWorkflowExecutionRequest(
                    namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=id_, run_id=first)
                )
            )

        async def is_back() -> bool:
            listed = [found async for found in client.list_workflows(f"WorkflowId = '{id_}'")]
            return any(found.run_id != first and found.status and found.status.name == "RUNNING" for found in listed)

        async with asyncio.timeout(SURVIVED_WITHIN_SECONDS):
            while not await is_back():
                await asyncio.sleep(POLL)
        assert (await here.attend(run)).finish == "clean"


async def test_open_runs_are_checked_for_workflows_some_at_a_time(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "CHECKED_AT_ONCE", 2)
    async with install(packet=quick_packet(), relay=False) as here:
        silent = without_engine(here)
        runs = [await here.start(person, services=silent) for person in await hire(3)]
        webhooks = Webhooks(here.backend.database, here.backend.keyring, here.backend.ledger)
        relay = Relay(
            here.backend.database, here.backend.ledger, here.engine, webhooks, cadence=Cadence(grace=timedelta(0))
        )
        assert [await relay.start_missing() for _ in range(2)] == [2, 1]
        for run in runs:
            await here.wait_until(run, gate_open, "an open gate")
        async with asyncio.timeout(SURVIVED_WITHIN_SECONDS):  # Temporal's list is behind at first
            while await relay.start_missing() + await relay.start_missing():
                await asyncio.sleep(POLL)


async def test_a_workflow_that_runs_is_not_disturbed_by_the_check(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet(), relay=False) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        for _ in range(3):
            await here.engine.start_again(run)
        assert await signals_of(here, run) == 1, "that of the start"


async def test_a_run_that_waits_hears_of_a_pause_and_of_its_end(install: Install, hire: Hire) -> None:
    """A pause that keeps access open is reported to HR, also where no date of the run comes before its cutoff."""
    async with install(packet=quick_packet(), relay=False) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        relay = Relay(
            here.backend.database,
            here.backend.ledger,
            here.engine,
            Webhooks(here.backend.database, here.backend.keyring, here.backend.ledger),
        )
        await relay.follow()
        place = (here.services, here.actors["operator"], "code", here.packet.name, [here.packet.name])
        lift = (here.services, here.actors["safety-owner"], "code", here.packet.name, [here.packet.name])
        for change in (commands.hold_system(*place), commands.release_system(*lift)):
            before = await signals_of(here, run)
            assert await change
            await relay.follow()
            async with asyncio.timeout(60):  # Temporal adds a signal to the history after the task that is running
                while await signals_of(here, run) == before:
                    await asyncio.sleep(0.05)
            assert await signals_of(here, run) == before + 1


async def signals_of(here: Installation, run: str) -> int:
    history = await here.engine.client.get_workflow_handle(workflow_id(run)).fetch_history()
    return sum(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)


async def test_a_run_that_takes_no_more_signals_stops_no_other(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with install(packet=quick_packet()) as here:
        staff = await hire(2)
        silent = without_engine(here)
        refused, other = sorted([await here.start(person, services=silent) for person in staff])
        nudge = Engine.nudge

        async def refusing(self: Engine, run_id: str, hint: Progress | None = None, **more: Any) -> None:
            if run_id == refused:
                raise EngineRefused("Temporal", "INVALID_ARGUMENT")
            await nudge(self, run_id, hint, **more)

        monkeypatch.setattr(Engine, "nudge", refusing)
        await here.wait_until(other, gate_open, "an open gate")
        await commands.approve_gate(silent, here.actors["it"], other, "g-all-1")
        assert (await here.attend(other, decide=False)).finish == "clean"


@pytest.mark.parametrize("how", ["down", "stopped"])
async def test_many_decisions_together_wait_for_temporal_no_longer_than_one(tmp_path: Path, how: str) -> None:
    async with TemporalServer.start(tmp_path / "temporal", keep=True) as server:
        engine = await Engine.connect(EngineAddress(server.address))
        if how == "down":
            await server.crash()
        else:
            assert server.pid is not None
            os.kill(server.pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        began = loop.time()
        together = await asyncio.gather(*(engine.nudge(f"r{n}") for n in range(DECISIONS)), return_exceptions=True)
        assert {type(outcome) for outcome in together} == {EngineUnavailable}
        for number in range(DECISIONS):
            with pytest.raises(EngineUnavailable):
                await engine.nudge(f"s{number}")
        assert loop.time() - began < DECISIONS / 4 * NUDGE_WITHIN.total_seconds(), "not one after the other"
        if how == "down":
            await server.restart()
        else:
            os.kill(server.pid, signal.SIGCONT)
        async with asyncio.timeout(SURVIVED_WITHIN_SECONDS):
            while True:
                try:
                    await engine.nudge("r1")
                    break
                except EngineUnavailable:
                    await asyncio.sleep(POLL)
