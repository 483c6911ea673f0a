"""`offboard restore` pauses changes once: the first worker finds that pause, and does not place another."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from orchestrator import commands
from orchestrator.backend import open_backend
from orchestrator.commands import Services
from orchestrator.domain import events as e
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.engine import Engine
from orchestrator.ledger.book.backup import BackupPart, back_up
from orchestrator.settings import PREFIX
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import POLL, Installation, environment_of, gate_open, statuses, worker_here
from tests.integration.packets import quick_packet

OFFBOARD = str(Path(sys.executable).with_name("offboard"))
WITHIN_SECONDS = 60.0
RESTORED_WITHIN_SECONDS = 240.0
"""A command of its own process that writes every row, on a machine that is busy."""


async def kept(engine: Engine, position: int) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while (mark := await engine.ledger_mark()) is None or int(mark.partition(":")[0]) < position:
            await asyncio.sleep(POLL)


async def restored(here: Installation, database_url: str, files: dict[BackupPart, Path], **more: str) -> str:
    environment = environment_of(replace(here.settings, database_url=database_url)) | more
    parts = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    to_us = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
    process = await asyncio.create_subprocess_exec(OFFBOARD, "restore", *parts, env=environment, **to_us)
    said, _ = await asyncio.wait_for(process.communicate(), RESTORED_WITHIN_SECONDS)
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.parametrize("responds", [True, False], ids=["temporal_responds", "temporal_is_down"])
async def test_changes_that_were_resumed_after_a_restored_backup_are_not_paused_again(
    install: Install, hire: Hire, postgres: PostgresServer, migrated_template: str, tmp_path: Path, responds: bool
) -> None:
    files: dict[BackupPart, Path] = {"ledger": tmp_path / "ledger", "keyring": tmp_path / "keyring"}
    async with install(packet=quick_packet(), worker=False) as here, AsyncExitStack() as stack:
        worker = await stack.enter_async_context(AsyncExitStack())
        await worker.enter_async_context(worker_here(here))
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        await asyncio.to_thread(back_up, here.settings.database_url, files)
        assert (await here.attend(run)).finish == "clean"
        await kept(here.engine, await here.backend.ledger.tail_position())
        await worker.aclose()

        name = f"restored_{responds}".lower()
        await postgres.create_database(name, template=migrated_template)
        url = make_url(here.settings.database_url).set(database=name).render_as_string(hide_password=False)
        down = {} if responds else {PREFIX + "TEMPORAL_ADDRESS": "127.0.0.1:1"}
        said = await restored(here, url, files, **down)
        assert ("Temporal did not respond" in said) == (not responds), said
        there = replace(here, settings=replace(here.settings, database_url=url))
        async with open_backend(there.settings) as backend:
            services = Services(backend.runs, backend.keyring, here.engine)
            names = [here.packet.name]
            assert await commands.release_system(services, here.actors["operator"], e.EVERYTHING, names[0], names)
            async with worker_here(there):  # it compares before it takes work
                paused = (await services.runs.held_systems([])).get(e.EVERYTHING)
                assert (paused is not None) == (not responds)
                if paused is None:
                    await commands.approve_gate(services, here.actors["it"], run, "g-all-1")
                    async with asyncio.timeout(WITHIN_SECONDS):
                        while statuses((await services.runs.load(run)).state)["final_pay"] != "verified":
                            await asyncio.sleep(POLL)
                page = await backend.ledger.read({e.holds_stream(e.EVERYTHING): 0})
                placed = [one.type for one in page.events[e.holds_stream(e.EVERYTHING)]]
                assert placed.count("HoldPlaced") == (1 if responds else 2)
