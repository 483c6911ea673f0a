"""An older copy of the ledger's database is restored: the product notices, changes nothing, and repeats nothing after
an operator has resumed changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from orchestrator import commands
from orchestrator.backend import open_backend
from orchestrator.commands import Services
from orchestrator.domain import events as e
from orchestrator.domain.organisation.organisation import Holds
from orchestrator.domain.run.run import RunState
from orchestrator.engine import Engine
from orchestrator.ledger.book.errors import LedgerError
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import POLL, Installation, gate_open, statuses, task_of, worker_here
from tests.integration.packets import quick_packet
from tests.integration.signed_databases import conninfo

NOTICED_WITHIN_SECONDS = 40.0
NEVER = ("final_pay", "tell_manager")
"""The steps of the packet that must not run twice; the second one cannot be read back."""


@asynccontextmanager
async def alone(here: Installation) -> AsyncIterator[tuple[psycopg.AsyncConnection[tuple[object, ...]], str]]:
    """A connection beside the ledger's database, to which nothing else connects while the block runs."""
    name = make_url(here.settings.database_url).database
    assert name is not None
    async with await psycopg.AsyncConnection.connect(
        conninfo(here.settings.database_url, "postgres"), autocommit=True
    ) as server:
        await server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
        await server.execute(ended, (name,))
        try:
            yield server, name
        finally:
            await server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


async def copied(here: Installation) -> None:
    async with alone(here) as (server, name):
        await _copy(server, f"{name}_kept", name)


async def restored(here: Installation) -> None:
    async with alone(here) as (server, name):
        await server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        await _copy(server, name, f"{name}_kept")


async def _copy(server: psycopg.AsyncConnection[tuple[object, ...]], name: str, template: str) -> None:
    await server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


async def holds(services: Services) -> Holds | None:
    """The pause of changes on all systems; None while the ledger can't be read."""
    try:
        return (await services.runs.held_systems([])).get(e.EVERYTHING)
    except LedgerError:
        return None


async def effects(here: Installation) -> dict[str, int]:
    done = {name: await here.company.effects(system) for name, system in zip(NEVER, ("hr", "mail"), strict=True)}
    return {name: len(entries) for name, entries in done.items()}


async def kept(engine: Engine, position: int) -> None:
    """The mark in Temporal is that of the event at `position`, or of a later one."""
    async with asyncio.timeout(NOTICED_WITHIN_SECONDS):
        while (mark := await engine.ledger_mark()) is None or int(mark.partition(":")[0]) < position:
            await asyncio.sleep(POLL)


@pytest.mark.parametrize("processes", ["restarted", "left running"])
async def test_nothing_is_repeated_after_an_older_ledger_was_restored(
    install: Install, hire: Hire, processes: str
) -> None:
    async with install(packet=quick_packet(), worker=False) as here, AsyncExitStack() as stack:
        worker = await stack.enter_async_context(AsyncExitStack())
        await worker.enter_async_context(worker_here(here))
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        await copied(here)
        before = await effects(here)
        await approved(here, run)
        assert (await here.attend(run, decide=False)).finish == "clean"
        done = await effects(here)
        await kept(here.engine, await here.backend.ledger.tail_position())
        if processes == "restarted":
            await worker.aclose()
        await restored(here)
        async with open_backend(here.settings) as fresh:
            services = Services(fresh.runs, fresh.keyring, here.engine)
            if processes == "restarted":
                await worker.enter_async_context(worker_here(here))
            async with asyncio.timeout(NOTICED_WITHIN_SECONDS):
                while (found := await holds(services)) is None:
                    await asyncio.sleep(POLL)
            assert found.lost_tails, "Offboard paused changes"
            await commands.approve_gate(services, here.actors["it"], run, "g-all-1")
            assert await effects(here) == done, "nothing is done while changes are paused"
            state = (await fresh.runs.load(run)).state
            assert set(statuses(state).values()) <= {"planned"}

            names = [here.packet.name]
            assert await commands.release_system(services, here.actors["operator"], e.EVERYTHING, names[0], names)
            state = await until(services, run, lambda state: task_of(state, "tell_manager") is not None)
            task = task_of(state, "tell_manager")
            assert task is not None
            await commands.complete_task(
                services, here.actors["operator"], run, task.opened.task_id, "done", {"note": "The mail is there."}
            )
            state = await until(services, run, lambda state: state.finished)
        assert await effects(here) == done and done != before, "each was done once, before the copy was restored"
        assert statuses(state)["final_pay"] == "verified"
        await here.verify()


async def approved(here: Installation, run: str) -> None:
    async with asyncio.timeout(NOTICED_WITHIN_SECONDS):
        while True:
            try:
                await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
                return
            except LedgerError:  # a connection that was ended for the copy
                await asyncio.sleep(POLL)


async def until(services: Services, run: str, holds: object) -> RunState:
    async with asyncio.timeout(90):
        while not holds(state := (await services.runs.load(run)).state):  # type: ignore[operator]
            await asyncio.sleep(POLL)
    return state
