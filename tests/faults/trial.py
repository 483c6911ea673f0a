"""What every trial with faults shares: many runs on servers behind wires, people who act honestly, and the counting.

A trial starts its runs, then workers, and at the same time a fault that comes back for some seconds, during which
people approve. Then everything is repaired, and the runs must come to their end. A run that did not end, nor waits for
a person with a card, is stuck. What was lost and repeated is counted (`counting.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.schema.migrate import upgrade
from tests.faults.batch import TrialBatch
from tests.faults.counting import Journal, count
from tests.faults.stuck import story_of
from tests.faults.wire import Wire, socket_of, wire
from tests.integration.faults.test_kills import packet_here, settled_or_asked
from tests.integration.installation import Installation, WorkerProcess, installation, new_settings, task_of

WORKERS = 2
SETTLED_WITHIN_SECONDS = 240.0
"""After the fault. A lease of nine seconds, Temporal's time-outs for what it gave to a process that is gone, and its
longest pause between two tries (30 s), on a machine that is busy with other things."""
ANSWERED_AFTER_SECONDS = 10.0
"""People answer a card when no attempt can be under way any more: the deadline of a call is two seconds."""


@dataclass
class Trial:
    """`database`, `engine` and `systems` are the wires on the way to PostgreSQL, to Temporal and to the company."""

    here: Installation
    postgres: PostgresServer
    temporal: TemporalServer
    database: Wire
    engine: Wire
    systems: dict[str, Wire]
    company: Company
    batch: TrialBatch
    log: Path
    folder: Path
    open: AsyncExitStack
    workers: list[WorkerProcess] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    @property
    def chance(self) -> random.Random:
        return self.batch.chance

    @property
    def load_seconds(self) -> float:
        """For how long the fault comes back, and people approve one run after another."""
        return self.batch.sized(4.0, 15.0)

    async def add_worker(self) -> WorkerProcess:
        worker = await self.open.enter_async_context(WorkerProcess.start(self.here.environment(), self.log))
        self.workers.append(worker)
        return worker


InjectFault = Callable[[Trial], Awaitable[None]]
"""Causes its fault until it is cancelled, and repairs it before it ends."""


@asynccontextmanager
async def trial(company: Company, folder: Path, batch: TrialBatch) -> AsyncIterator[Trial]:
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(PostgresServer.start(folder / "postgres"))
        await asyncio.to_thread(upgrade, postgres.url())
        temporal = await stack.enter_async_context(TemporalServer.start(folder / "temporal", keep=True))
        database = await stack.enter_async_context(wire(socket_of(postgres)))
        engine = await stack.enter_async_context(wire(temporal.address))
        systems, connections = {}, dict(company.connections)
        for name in (each for each in connections if each.endswith("_URL")):
            url = urlsplit(connections[name])
            systems[name] = await stack.enter_async_context(wire(f"{url.hostname}:{url.port}"))
            connections[name] = url._replace(netloc=systems[name].address).geturl()
        systems["MAIL"] = await stack.enter_async_context(wire(f"127.0.0.1:{connections['MAIL_PORT']}"))
        connections["MAIL_PORT"] = str(systems["MAIL"].port)
        url = f"postgresql+psycopg://postgres@{database.address}/offboard"
        settings = replace(new_settings(url, engine.address, company), environment=connections)
        here = await stack.enter_async_context(
            installation(url, engine.address, company, packet=packet_here(company), worker=False, settings=settings)
        )
        yield Trial(
            here,
            postgres,
            temporal,
            database,
            engine,
            systems,
            company,
            batch,
            folder / "worker.log",
            folder,
            stack,
        )


async def under(fault: InjectFault, here: Trial, people: list[Employee]) -> None:
    """The whole trial: see the beginning of this file. Fails with what was lost, repeated or stuck."""
    here.runs = [await here.here.start(person) for person in people]
    await asyncio.gather(*(here.add_worker() for _ in range(WORKERS)))
    attended = tuple(here.runs)  # a fault can start more
    attending = [asyncio.create_task(settled(here, run)) for run in attended]
    harm = asyncio.create_task(fault(here))  # type: ignore[arg-type]
    await asyncio.wait([harm], timeout=here.load_seconds)
    harm.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await harm
    outcomes = await asyncio.gather(*attending, return_exceptions=True)
    by_run = zip(attended, outcomes, strict=True)
    stuck = [(run, outcome) for run, outcome in by_run if not isinstance(outcome, RunState)]
    if stuck:
        run, why = stuck[0]
        story = await story_of(here.here, run)
        raise AssertionError(f"{len(stuck)} of {len(outcomes)} runs are stuck, the first: {run}: {why!r}\n{story}")
    cards = [state.run_id for state in outcomes if isinstance(state, RunState) and has_card(state)]
    if cards:
        await asyncio.sleep(ANSWERED_AFTER_SECONDS)
        await asyncio.gather(*(answer_cards(here, run) for run in cards))
    ended = await asyncio.gather(*(here.here.attend(run, deadline=SETTLED_WITHIN_SECONDS) for run in here.runs))
    assert {state.finish for state in ended} == {"clean"}
    await count(here.batch, here.company, ended)
    await here.here.verify()


async def settled(here: Trial, run: str) -> RunState:
    """Attends to the run as people do, at a moment of their own, and in spite of whatever refuses them."""
    await asyncio.sleep(here.chance.uniform(0, here.load_seconds))
    loop = asyncio.get_running_loop()
    until = loop.time() + here.load_seconds + SETTLED_WITHIN_SECONDS
    while True:
        try:
            return await here.here.attend(run, until=settled_or_asked, deadline=max(until - loop.time(), 1.0))
        except (LedgerError, EngineUnavailable, Refusal) as error:
            # A refusal: the outcome of an earlier try was lost, and it was recorded.
            if loop.time() >= until:
                raise AssertionError(f"{run}: {error}") from error
            await asyncio.sleep(0.25)


def has_card(state: RunState) -> bool:
    return any(task.open and task.opened.kind == "confirm_outcome" for task in state.work.tasks.values())


async def answer_cards(here: Trial, run: str) -> None:
    """People look into the system, say what is so, and have done again what was not done."""
    state = await here.here.state(run)
    operator = here.here.actors["operator"]
    for id_, known in state.work.steps.items():
        if known.status != "unknown":
            continue
        name = state.plan.steps[id_].name
        task = task_of(state, name)
        assert task is not None and task.open, f"{run}: nobody is asked about {name}"
        done = (await Journal.read(here.company)).count(state, id_)
        outcome = "done" if done else "not_done"
        task_id = next(task_id for task_id, each in state.work.tasks.items() if each is task)
        await commands.complete_task(here.here.services, operator, run, task_id, outcome, {"note": "looked"})
        if not done:
            await commands.retry_step(here.here.services, operator, run, name, reason="it was not done")


@contextlib.contextmanager
def stopped(pid: int | None) -> Any:
    """SIGSTOP, and SIGCONT when the block ends."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
