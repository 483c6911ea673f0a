"""A vote that makes nothing due leaves the run's workflow asleep; one that does wakes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from orchestrator import commands
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.engine.relay_queue import runs_behind
from tests.ledger.small_office import HOUR, IVO, SAM, SmallOffice, acting, renamed, small_office

GATE = "g-access-1"
ISA = acting("isa", "it_approver")
CLUSTER = "a-cluster"


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    two = ("quorum: 1\n    decide_within: P1D", "quorum: 2\n    decide_within: P1D")
    packet = renamed(without_late_starts(starter_packet("standard-leaver")), "two-people", approvals=two)
    async with small_office(database_url, packet) as office:
        await office.keyring.create_person(ISA.human)
        await commands.record_actor(office.services, ISA)
        yield office


async def waiting(here: SmallOffice) -> str:
    """A run whose cutoff has passed and that waits for decisions alone, as its workflow has reported."""
    run_id = await here.start(-HOUR)
    await here.work(run_id)
    await reported(here, run_id)
    return run_id


async def reported(here: SmallOffice, run_id: str) -> None:
    """As a workflow does that has just asked what is due."""
    reports = EngineReports(here.database, lambda: CLUSTER)
    snapshot = await here.runs.load(run_id)
    reports.note(run_id, snapshot.progress, snapshot.world.now)
    await reports.aclose()


async def is_behind(here: SmallOffice, run_id: str) -> bool:
    return run_id in await runs_behind(here.database, CLUSTER, timedelta(0))


async def test_a_vote_that_makes_nothing_due_wakes_no_workflow(here: SmallOffice) -> None:
    run_id = await waiting(here)
    before = (await here.state(run_id)).version
    done = await commands.approve_gate(here.services, IVO, run_id, GATE)
    assert done.version > before
    assert not await is_behind(here, run_id)
    await commands.approve_gate(here.services, ISA, run_id, GATE)
    assert (await here.runs.load(run_id)).progress.steps
    assert await is_behind(here, run_id)


async def test_a_vote_after_one_that_no_workflow_knows_wakes_it(here: SmallOffice) -> None:
    run_id = await waiting(here)
    await commands.hold_run(here.services, SAM, run_id, "wait")
    assert await is_behind(here, run_id)
    await commands.approve_gate(here.services, IVO, run_id, GATE)
    assert await is_behind(here, run_id), "the pause is not known yet"


async def test_votes_on_several_runs_are_quiet_as_well(here: SmallOffice) -> None:
    runs = [await waiting(here) for _ in range(2)]
    outcomes = await commands.approve_gates(here.services, IVO, [(run_id, GATE) for run_id in runs])
    assert all(one.done is not None for one in outcomes)
    assert [await is_behind(here, run_id) for run_id in runs] == [False, False]
