"""A refused vote is recorded in its run before the refusal is answered, and changes nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.deciding.runs import Runs
from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.engine.relay_queue import runs_behind
from tests.ledger.small_office import AUDREY, HANNA, IVO, OLE, SmallOffice, acting, small_office

GATE = "g-access-1"
ISA = acting("isa", "it_approver")
IVO_AGAIN = Actor(actor_id="ivo-again", roles=frozenset({"it_approver"}), human=IVO.human)
HANNA_AS_IT = Actor(actor_id="hanna-as-it", roles=frozenset({"it_approver"}), human=HANNA.human)
PROGRAM = Actor(actor_id="bot", kind="service", roles=frozenset({"hr_system"}), maker_human=OLE.human)
GARDENER = acting("gil", "gardener")
CLUSTER = "a-cluster"


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        for one in (ISA, IVO_AGAIN, HANNA_AS_IT, PROGRAM, GARDENER):
            if one.human is not None:
                await office.keyring.create_person(one.human)
            await commands.record_actor(office.services, one)
        yield office


async def recorded(here: SmallOffice, run_id: str) -> list[e.VoteRefused]:
    stream = e.run_stream(run_id)
    page = await here.ledger.read({stream: 0})
    return [one.event for one in page.events[stream] if isinstance(one.event, e.VoteRefused)]


async def refused(here: SmallOffice, by: Actor, run_id: str, gate_id: str = GATE, verdict: str = "approve") -> str:
    with pytest.raises(Refusal) as raised:
        if verdict == "approve":
            await commands.approve_gate(here.services, by, run_id, gate_id)
        else:
            await commands.reject_gate(here.services, by, run_id, gate_id, "It must not go.")
    return raised.value.code


async def test_a_refused_vote_is_recorded_with_who_and_why(here: SmallOffice) -> None:
    run_id = await here.start()
    assert await refused(here, HANNA_AS_IT, run_id) == "requester_never_decides"
    assert await refused(here, AUDREY, run_id, verdict="reject") == "role_missing"
    assert await refused(here, PROGRAM, run_id) == "only_people_decide"
    found = await recorded(here, run_id)
    assert [(one.by, one.account_kind, one.human, one.verdict, one.refusal) for one in found] == [
        ("hanna-as-it", "person", HANNA.human, "approve", "requester_never_decides"),
        ("audrey", "person", AUDREY.human, "reject", "role_missing"),
        ("bot", "service", OLE.human, "approve", "only_people_decide"),
    ]
    assert {one.gate_id for one in found} == {GATE}


async def test_a_second_vote_and_one_that_is_late_are_recorded(here: SmallOffice) -> None:
    run_id = await here.start()
    await commands.approve_gate(here.services, IVO, run_id, GATE)
    assert await refused(here, IVO_AGAIN, run_id) == "gate_decided"
    assert await refused(here, ISA, run_id, verdict="reject") == "gate_decided"
    later = await here.start()
    await here.advance_clock(timedelta(days=60))
    assert await refused(here, ISA, later) == "gate_lapsed"
    ended = await here.start()
    await commands.end_run(here.services, HANNA, ended, "stays")
    assert await refused(here, ISA, ended) == "run_finished"
    found = {run: [(one.by, one.refusal) for one in await recorded(here, run)] for run in (run_id, later, ended)}
    assert found == {
        run_id: [("ivo-again", "gate_decided"), ("isa", "gate_decided")],
        later: [("isa", "gate_lapsed")],
        ended: [("isa", "run_finished")],
    }


async def test_a_vote_that_is_repeated_is_recorded_once_for_each_reason(here: SmallOffice) -> None:
    run_id = await here.start()
    for _ in range(20):
        await refused(here, PROGRAM, run_id)
    many = await asyncio.gather(*(refused(here, AUDREY, run_id) for _ in range(20)))
    assert set(many) == {"role_missing"}
    assert [(one.by, one.refusal) for one in await recorded(here, run_id)] == [
        ("bot", "only_people_decide"),
        ("audrey", "role_missing"),
    ]
    await commands.approve_gate(here.services, IVO, run_id, GATE)
    assert await refused(here, AUDREY, run_id) == "role_missing", "the same reason as before"
    assert len(await recorded(here, run_id)) == 2


async def test_refusals_in_two_processes_at_once_are_each_recorded(here: SmallOffice) -> None:
    run_id = await here.start()
    other = replace(here.services, runs=Runs(here.ledger, here.runs.abilities))
    tried = (AUDREY, PROGRAM, HANNA_AS_IT, OLE, HANNA)

    async def vote(services: commands.Services, by: Actor) -> None:
        with pytest.raises(Refusal):
            await commands.approve_gate(services, by, run_id, GATE)

    await asyncio.gather(*(vote(services, by) for by in tried for services in (here.services, other)))
    assert sorted(one.by for one in await recorded(here, run_id)) == sorted(one.actor_id for one in tried)


async def test_a_selection_records_each_of_its_refusals(here: SmallOffice) -> None:
    runs = [await here.start(), await here.start()]
    outcomes = await commands.approve_gates(here.services, AUDREY, [(run, GATE) for run in runs])
    assert [one.refused.code for one in outcomes if one.refused is not None] == ["role_missing"] * 2
    assert [[one.refusal for one in await recorded(here, run)] for run in runs] == [["role_missing"]] * 2


async def test_a_request_that_is_no_vote_and_a_run_that_is_not_seen_leave_no_event(here: SmallOffice) -> None:
    run_id = await here.start()
    before = (await here.state(run_id)).version
    assert await refused(here, ISA, run_id, "g-nothing-1") == "unknown_gate"
    assert await refused(here, GARDENER, run_id) == "unknown_run"
    with pytest.raises(Refusal, match="not_at_this_gate"):
        await commands.approve_gate(here.services, ISA, run_id, GATE, ["nothing"])
    assert (await here.state(run_id)).version == before


async def test_a_refused_vote_changes_no_decision_and_wakes_no_workflow(here: SmallOffice) -> None:
    run_id = await here.start()
    reports = EngineReports(here.database, lambda: CLUSTER)
    snapshot = await here.runs.load(run_id)
    reports.note(run_id, snapshot.progress, snapshot.world.now)
    await reports.aclose()
    assert await refused(here, AUDREY, run_id) == "role_missing"
    after = (await here.runs.load(run_id)).state
    assert after.version == snapshot.state.version + 1
    assert after.plan == snapshot.state.plan and after.decisions.gates == snapshot.state.decisions.gates
    assert after.work == snapshot.state.work
    assert run_id not in await runs_behind(here.database, CLUSTER, timedelta(0))
    assert (await rebuild(here.database, here.codec))["runs"].differed == 0
    await commands.hold_run(here.services, OLE, run_id, "wait")
    assert run_id in await runs_behind(here.database, CLUSTER, timedelta(0)), "a pause wakes it"
