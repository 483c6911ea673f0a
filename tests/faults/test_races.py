"""A decision at the moment at which its gate expires or is escalated: one outcome, and ledger and workflow agree."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest

from orchestrator import commands
from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.domain import events as e
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.proofs.verification import verify_database
from orchestrator.ledger.schema.database import Database
from tests.faults.batch import TrialBatch
from tests.faults.races import GATE, Moment, Race, near
from tests.integration.packets import quick_packet
from tests.ledger.small_office import IVO, SAM, SmallOffice, acting, small_office

INES = acting("ines", "it_approver")
PROCESSES = 3
BEFORE_SECONDS = 0.5
"""How long before the moment the first votes are sent; the last ones are as long after it."""
RUNS = 25
"""Whose gates expire, or are escalated, at the same moment."""


@asynccontextmanager
async def processes(url: str, office: SmallOffice) -> AsyncIterator[list[SmallOffice]]:
    """Each with what it has read, and with connections of its own, as another web process or worker."""
    async with AsyncExitStack() as stack:
        made = [office]
        for _ in range(PROCESSES - 1):
            database = Database(url, role="offboard_app")
            stack.push_async_callback(database.aclose)
            made.append(SmallOffice(url, database, office.packet))
            stack.push_async_callback(made[-1].ledger.aclose)
        yield made


async def advanced(office: SmallOffice, race: Race, after: float) -> None:
    """What a workflow's timer or the relay asks for."""
    await asyncio.sleep(after)
    await office.runs.advance(race.run_id)


async def raced(offices: Sequence[SmallOffice], moment: Moment, chance: random.Random) -> list[Race]:
    office = offices[0]
    runs = [await office.start(timedelta(days=30)) for _ in range(RUNS)]
    races = []
    for run_id in runs:
        opened = (await office.state(run_id)).decisions.gates[GATE].opened
        at = opened.valid_until if moment == "expiry" else opened.decide_by
        races.append(Race(run_id, moment, at, random.Random(chance.randrange(2**32))))
    # They were started one after the other: each has its own moment, and the clock is set once for all of them.
    first, last = min(race.at for race in races), max(race.at for race in races)
    spread = (last - first).total_seconds()
    await office.advance_clock(first - await office.ledger.now() - timedelta(seconds=BEFORE_SECONDS))
    asked: list[Awaitable[None]] = []
    services = [one.services for one in offices]
    for race in races:
        later = (race.at - first).total_seconds()
        asked += [delayed(vote, later) for vote in race.votes(services, (IVO, INES), SAM, BEFORE_SECONDS)]
        for _ in range(race.chance.randint(1, 3)):
            asked.append(advanced(race.chance.choice(offices), race, later + near(race.chance, BEFORE_SECONDS)))
    await asyncio.gather(*asked)
    now = await office.ledger.now()
    await office.advance_clock(max(last - now, timedelta()) + timedelta(seconds=spread / 1000 + 0.001))
    return races


async def delayed(vote: Awaitable[None], seconds: float) -> None:
    await asyncio.sleep(seconds)
    await vote


@pytest.mark.trial(row=8, batches=5)
async def test_a_decision_has_one_outcome_at_its_last_moment(database_url: str, batch: TrialBatch) -> None:
    """The deciding loop in several processes over one PostgreSQL."""
    outcomes: Counter[str] = Counter()
    async with small_office(database_url, quick_packet()) as office, processes(database_url, office) as offices:
        await office.keyring.create_person(INES.human)
        await commands.record_actor(office.services, INES)
        for number in range(batch.sized(2, 8)):
            moment: Moment = "expiry" if number % 2 == 0 else "escalation"
            races = await raced(offices, moment, batch.chance)
            for race in races:
                await offices[0].runs.advance(race.run_id)
                page = await office.ledger.read({e.run_stream(race.run_id): 0})
                happened = page.events[e.run_stream(race.run_id)]
                wrong = race.wrong(happened, SAM)
                assert not wrong, f"seed {batch.seed}: {wrong}: {[(one.type, one.recorded_at) for one in happened]}"
                snapshots = [await one.runs.load(race.run_id) for one in offices]
                assert all(one.state == snapshots[0].state for one in snapshots), "each process has the same state"
                hints = {one.progress.model_copy(update={"due_in": None}).model_dump_json() for one in snapshots}
                assert len(hints) == 1, "each process tells the workflow the same"
                outcomes[f"{moment}: {snapshots[0].state.decisions.gates[GATE].outcome}"] += 1
        made = await rebuild(office.database, EventCodec(RUN_EVENT_TYPES))
        assert not sum(one.differed for one in made.values()), "the read tables agree with the events"
    assert (await asyncio.to_thread(verify_database, database_url)).ok
    batch.add("races", outcomes.total())
    for outcome, count in outcomes.items():
        batch.add(outcome, count)
