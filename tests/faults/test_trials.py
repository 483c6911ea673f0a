"""Each fault comes back at random moments while many runs are in progress. Nothing is lost, repeated or stuck."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest
from temporalio.service import RPCError

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.test_forged_signals import FORGED
from tests.faults.trial import InjectFault, Trial, stopped, trial, under
from tests.faults.wire import Wire, socket_of


async def workers_are_killed(here: Trial) -> None:
    while True:
        await asyncio.sleep(here.chance.uniform(0.5, 2.0))
        worker = here.workers.pop(0)
        worker.kill()
        await asyncio.shield(asyncio.ensure_future(here.add_worker()))


async def workers_are_frozen(here: Trial) -> None:
    """Longer than a lease, each in turn."""
    while True:
        await asyncio.sleep(here.chance.uniform(0.5, 2.0))
        worker = here.workers[0]
        here.workers.reverse()
        with stopped(worker.pid):
            await asyncio.sleep(12)


async def postgresql_is_killed(here: Trial) -> None:
    while True:
        await asyncio.sleep(here.chance.uniform(0.5, 2.0))
        await asyncio.shield(_killed(here.postgres))


async def temporal_is_killed(here: Trial) -> None:
    """And starts again on the same store."""
    while True:
        await asyncio.sleep(here.chance.uniform(0.5, 2.0))
        await asyncio.shield(_killed(here.temporal))


async def _killed(server: PostgresServer | object) -> None:
    await server.crash()  # type: ignore[attr-defined]
    await asyncio.sleep(0.5)
    await server.restart()  # type: ignore[attr-defined]


async def postgresql_is_frozen(here: Trial) -> None:
    """Every process of the server that serves a connection, as on a machine that is paused."""
    while True:
        await asyncio.sleep(here.chance.uniform(0.5, 2.0))
        assert here.postgres.pid is not None
        with contextlib.ExitStack() as all_stopped:
            for pid in [here.postgres.pid, *_children(here.postgres.pid)]:
                all_stopped.enter_context(stopped(pid))
            await asyncio.sleep(here.chance.uniform(1, 6))


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def temporal_is_frozen(here: Trial) -> None:
    while True:
        await asyncio.sleep(here.chance.uniform(0.5, 2.0))
        with stopped(here.temporal.pid):
            await asyncio.sleep(here.chance.uniform(1, 6))


async def postgresql_fails_over(here: Trial) -> None:
    """A synchronous replica is promoted after the primary was killed, and the address leads to it. Then once more."""
    while True:
        replica = await _replica(here)
        await asyncio.sleep(here.chance.uniform(1.0, 2.0))
        await asyncio.shield(_fail_over(here, replica))


async def _fail_over(here: Trial, replica: PostgresServer) -> None:
    await here.postgres.crash()
    here.database.refuse()
    await replica.promote()
    here.postgres, here.database.target = replica, socket_of(replica)
    here.database.mend()


async def _replica(here: Trial) -> PostgresServer:
    folder = here.folder / f"replica-{here.chance.randrange(10**6)}"
    replica = await here.open.enter_async_context(PostgresServer.start(folder, follows=here.postgres))
    async with await psycopg.AsyncConnection.connect(here.postgres.conninfo("postgres"), autocommit=True) as primary:
        await primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'replica'")
        await primary.execute("SELECT pg_reload_conf()")
        while True:
            found = await primary.execute("SELECT sync_state FROM pg_stat_replication WHERE sync_state = 'sync'")
            if await found.fetchone():
                return replica
            await asyncio.sleep(0.05)


async def postgresql_only_reads(here: Trial) -> None:
    """The address leads to a server that accepts reads only, as an old primary that was demoted, and back."""
    try:
        while True:
            await asyncio.sleep(here.chance.uniform(0.5, 2.0))
            await _read_only(here.postgres, "on")
            here.database.cut()
            await asyncio.sleep(here.chance.uniform(1, 5))
            await _read_only(here.postgres, "off")
            here.database.cut()
    finally:
        await _read_only(here.postgres, "off")
        here.database.cut()


async def _read_only(server: PostgresServer, value: str) -> None:
    async with await psycopg.AsyncConnection.connect(server.conninfo("postgres"), autocommit=True) as connection:
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
        await connection.execute("SELECT pg_reload_conf()")


async def signals_are_forged(here: Trial) -> None:
    """Signals of every form to every run, as fast as Temporal takes them."""
    while True:
        for form, made in FORGED.items():
            if form == "huge":
                continue  # Temporal terminates a workflow whose history is larger than 50 MB
            for run in here.runs:
                handle = here.here.engine.client.get_workflow_handle(workflow_id(run))
                name = "made up" if form == "unknown names" else "nudge"
                with contextlib.suppress(LedgerError, RPCError):  # the run may have ended meanwhile
                    for payloads in made(await here.here.state(run)):
                        await handle.signal(name, args=payloads)


BreakWire = Callable[[Wire, Trial], Awaitable[None]]


async def delayed(line: Wire, here: Trial) -> None:
    line.delay = here.chance.uniform(0.05, 0.4)
    await asyncio.sleep(here.chance.uniform(0.5, 2))


async def cut(line: Wire, here: Trial) -> None:
    line.cut()


async def refused(line: Wire, here: Trial) -> None:
    line.refuse()
    await asyncio.sleep(here.chance.uniform(0.5, 2))


async def cut_in_answers(line: Wire, here: Trial) -> None:
    line.cut_answers(here.chance.randrange(1, 4))
    await asyncio.sleep(here.chance.uniform(0.2, 1))


async def swallowed(line: Wire, here: Trial) -> None:
    """Connections that are open hear nothing any more, for good; those that are opened afterwards work."""
    line.swallow()


BROKEN: tuple[BreakWire, ...] = (delayed, cut, refused, cut_in_answers, swallowed)


async def network_to_postgresql_breaks(here: Trial) -> None:
    await _break(here, [here.database])


async def network_to_temporal_breaks(here: Trial) -> None:
    await _break(here, [here.engine])


async def network_to_systems_breaks(here: Trial) -> None:
    await _break(here, list(here.systems.values()))


async def _break(here: Trial, lines: list[Wire]) -> None:
    """Each way in turn, in a new order each time."""
    try:
        while True:
            for broken in here.chance.sample(BROKEN, len(BROKEN)):
                await asyncio.sleep(here.chance.uniform(0.3, 1.0))
                line = here.chance.choice(lines)
                await broken(line, here)
                line.mend()
    finally:
        for line in lines:
            line.mend()


DATABASE_FAULTS = (
    postgresql_is_killed,
    postgresql_is_frozen,
    postgresql_fails_over,
    postgresql_only_reads,
    network_to_postgresql_breaks,
)
Nothing = Callable[[InjectFault], Awaitable[None]]


@pytest.fixture
def nothing_goes_wrong_under(batch: TrialBatch, company: Company, hire: Hire, tmp_path: Path) -> Nothing:
    async def tried(fault: InjectFault) -> None:
        people = await hire(batch.sized(4, 24))
        async with trial(company, tmp_path, batch) as here:
            await under(fault, here, people)

    return tried


@pytest.mark.trial(row=1, batches=2, short=False)
async def test_workers_are_killed_at_random(nothing_goes_wrong_under: Nothing) -> None:
    await nothing_goes_wrong_under(workers_are_killed)


@pytest.mark.trial(row=2, batches=1, short=False)
async def test_the_network_to_systems_breaks(nothing_goes_wrong_under: Nothing) -> None:
    await nothing_goes_wrong_under(network_to_systems_breaks)


@pytest.mark.trial(row=3, batches=1, short=False)
async def test_workers_are_stopped_at_random(nothing_goes_wrong_under: Nothing) -> None:
    await nothing_goes_wrong_under(workers_are_frozen)


@pytest.mark.trial(row=4, batches=1, short=False)
@pytest.mark.parametrize("fault", DATABASE_FAULTS)
async def test_postgresql_is_away(nothing_goes_wrong_under: Nothing, fault: InjectFault) -> None:
    await nothing_goes_wrong_under(fault)


@pytest.mark.trial(row=5, batches=1, short=False)
@pytest.mark.parametrize("fault", [temporal_is_killed, temporal_is_frozen, network_to_temporal_breaks])
async def test_temporal_is_away(nothing_goes_wrong_under: Nothing, fault: InjectFault) -> None:
    await nothing_goes_wrong_under(fault)


@pytest.mark.trial(row=9, batches=1, short=False)
async def test_signals_are_forged_all_the_time(nothing_goes_wrong_under: Nothing) -> None:
    await nothing_goes_wrong_under(signals_are_forged)
