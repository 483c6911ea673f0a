"""The ledger is compared with Temporal, the read tables and systems: what does not agree is reported once, closes when
it agrees again, and nothing is repaired by the comparison."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import psycopg
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.domain.run.progress import Progress
from orchestrator.domain.run.run import RunState
from orchestrator.engine import WorkflowSeen
from orchestrator.ledger.engine.findings import Finding, Findings
from orchestrator.ledger.engine.relay_queue import runs_behind
from orchestrator.reconciler import Reconciler
from orchestrator.workflows.offboarding import Offboarding
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import (
    POLL,
    Installation,
    gate_open,
    open_kinds,
    statuses,
    without_engine,
    worker_here,
)
from tests.integration.packets import quick_packet
from tests.integration.signed_databases import conninfo

WITHIN_SECONDS = 60.0
DAY = timedelta(days=1)


def reconciler(here: Installation, grace: timedelta = timedelta(0)) -> Reconciler:
    return Reconciler(here.backend.runs, here.backend.database, here.engine, grace=grace)


async def found(here: Installation, *, closed: bool = False) -> dict[str, Finding]:
    """The findings that are reported, by kind."""
    every = await Findings(here.backend.database).all(DAY)
    return {one.kind: one for one in every if one.reported_at is not None and (one.closed_at is not None) == closed}


async def seen(here: Installation, run: str, how: str) -> None:
    """Temporal says the same as the test expects: it is behind for a moment."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while (await here.engine.look_at_workflow(run)).ended != how:
            await asyncio.sleep(POLL)
        while (workflow_id(run) in await here.engine.workflow_ids()) != (how == ""):
            await asyncio.sleep(POLL)


async def lose(here: Installation, run: str, how: str) -> None:
    client, id_ = here.engine.client, workflow_id(run)
    if how == "terminated":
        await client.get_workflow_handle(id_).terminate()
    else:
        first = (await client.get_workflow_handle(id_).describe()).run_id
        execution = WorkflowExecution(workflow_id=id_, run_id=first)
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        )
    await seen(here, run, how)


async def nothing_is_behind(here: Installation) -> None:
    """Every workflow has reported what it knows: without a grace period it would be late."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while await runs_behind(here.backend.database, here.engine.cluster, timedelta(0)):
            await asyncio.sleep(POLL)


def opened(state: RunState) -> int:
    return sum(known.opened.kind == "workflow_stopped" for known in state.work.exceptions.values())


@asynccontextmanager
async def database(here: Installation) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
    async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url), autocommit=True) as raw:
        yield raw


@pytest.mark.parametrize("how", ["terminated", "deleted"])
async def test_a_lost_workflow_is_an_exception_until_the_relay_has_started_it_again(
    install: Install, hire: Hire, how: str
) -> None:
    """The comparison starts nothing. Without a relay the exception stays, once."""
    async with install(packet=quick_packet(), relay=False) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        await nothing_is_behind(here)
        compare = reconciler(here)
        await compare.compare_now()
        assert "workflow_missing" not in await found(here)
        await lose(here, run, how)
        for _ in range(2):
            await compare.compare_now()
        assert (await found(here))["workflow_missing"].code == how
        state = await here.state(run)
        assert open_kinds(state) == {"workflow_stopped"} and opened(state) == 1
        assert (await here.engine.look_at_workflow(run)).ended == how, "the comparison started nothing"

        assert await here.engine.start_again(run) and not await here.engine.start_again(run)
        await seen(here, run, "")
        await nothing_is_behind(here)
        await compare.compare_now(run)
        assert not open_kinds(await here.state(run))
        assert "workflow_missing" not in await found(here)
        assert "workflow_missing" in await found(here, closed=True)
        assert (await here.attend(run)).finish == "clean"
        assert (await here.events(run)).count("WorkflowCompared") == 2
        await here.verify()


async def test_what_is_seen_for_a_moment_is_not_reported(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet(), relay=False) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        await lose(here, run, "terminated")
        compare = reconciler(here, timedelta(minutes=1))
        await here.set_clock_ahead(90)
        await compare.compare_now()
        assert "workflow_missing" not in await found(here) and not open_kinds(await here.state(run))
        await here.set_clock_ahead(180)
        await compare.compare_now()
        assert "workflow_missing" in await found(here) and open_kinds(await here.state(run)) == {"workflow_stopped"}


async def test_the_relay_starts_a_lost_workflow_again_and_that_is_recorded(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        async with database(here) as raw, asyncio.timeout(WITHIN_SECONDS):
            while not (await (await raw.execute("SELECT 1 FROM engine.reports WHERE run_id = %s", (run,))).fetchone()):
                await asyncio.sleep(POLL)
        await here.engine.client.get_workflow_handle(workflow_id(run)).terminate()
        async with asyncio.timeout(WITHIN_SECONDS):
            while "WorkflowRestarted" not in await here.events(run):
                await asyncio.sleep(POLL)
        assert (await here.attend(run)).finish == "clean"
        assert (await here.events(run)).count("WorkflowRestarted") == 1


async def test_many_lost_workflows_are_one_finding_until_the_relay_has_started_most_of_them(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was lost before has had its chance, and keeps its exception."""
    monkeypatch.setattr("orchestrator.reconciler.STOPPED_AT_MOST", 2)
    async with install(packet=quick_packet(), relay=False) as here:
        runs = [await here.start(person) for person in await hire(4)]
        for run in runs:
            await here.wait_until(run, gate_open, "an open gate")
        await nothing_is_behind(here)
        compare = reconciler(here)
        first, *others = runs
        await lose(here, first, "terminated")
        await compare.compare_now()
        assert "workflows_stopped" not in await found(here) and opened(await here.state(first)) == 1
        for run in others:
            await lose(here, run, "deleted")
        for one in (None, others[0], None):  # also where someone asks about one of them
            await compare.compare_now(one)
        known = await found(here)
        assert (known["workflows_stopped"].run_id, known["workflows_stopped"].code) == (None, "4")
        assert known["workflow_missing"].about == first
        assert [opened(await here.state(run)) for run in runs] == [1, 0, 0, 0]

        for run in runs[:3]:
            assert await here.engine.start_again(run)
            await seen(here, run, "")
        await nothing_is_behind(here)
        await compare.compare_now()
        known = await found(here)
        assert "workflows_stopped" not in known and known["workflow_missing"].about == runs[3]
        assert "workflows_stopped" in await found(here, closed=True)
        assert [opened(await here.state(run)) for run in runs] == [1, 0, 0, 1]
        assert "workflow_stopped" not in open_kinds(await here.state(first))


async def test_a_workflow_that_fails_each_time_is_not_reported_as_missing(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a version with an error in its workflow."""

    async def raising(self: Offboarding) -> Progress:
        raise ZeroDivisionError

    async with install(packet=quick_packet(), worker=False) as here:
        [person] = await hire()
        with monkeypatch.context() as broken:
            broken.setattr(Offboarding, "_advance", raising)
            async with worker_here(here):
                run = await here.start(person)
                await here.engine.nudge(run)  # without what it made due: the workflow asks the ledger
                async with asyncio.timeout(3 * WITHIN_SECONDS):  # Temporal waits longer before each further attempt
                    while not (await here.engine.look_at_workflow(run)).failing:
                        await asyncio.sleep(POLL)
                await reconciler(here).compare_now(run)
                assert (await found(here)).keys() >= {"workflow_failing"}
                opened = [known.opened for known in (await here.state(run)).work.open_exceptions()]
                # On a busy machine, what no worker carries out in time has an exception besides.
                assert [one.code for one in opened if one.kind == "workflow_stopped"] == ["workflow_failing"]


async def waited(here: Installation, run: str, seconds: float) -> bool:
    """Whether the workflow's history has a timer of this length."""
    history = await here.engine.client.get_workflow_handle(workflow_id(run)).fetch_history()
    timers = [event.timer_started_event_attributes for event in history.events]
    return any(one.start_to_fire_timeout.ToTimedelta() == timedelta(seconds=seconds) for one in timers)


async def test_a_workflow_that_does_not_agree_with_its_history_is_started_again_by_the_relay(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a version whose code does something else, and after Temporal forgot what a worker had already done."""

    async def later(self: Offboarding) -> Progress:
        await asyncio.sleep(0.01)
        return await original(self)

    original = Offboarding._advance
    async with install(packet=quick_packet(), worker=False) as here:
        [person] = await hire()
        with monkeypatch.context() as earlier:
            earlier.setattr(Offboarding, "_advance", later)
            async with worker_here(here):
                run = await here.start(person)
                await here.wait_until(run, gate_open, "an open gate")
                async with asyncio.timeout(WITHIN_SECONDS):
                    while not await waited(here, run, 0.01):
                        await here.engine.nudge(run)  # several that arrive together are one
                        await asyncio.sleep(POLL)
                await nothing_is_behind(here)
        async with worker_here(here):
            assert (await here.attend(run)).finish == "clean"
            assert (await here.events(run)).count("WorkflowRestarted") == 1
            await here.verify()


async def test_workflows_without_an_open_run_are_findings_of_the_installation(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet(), worker=False) as here:
        [person] = await hire()
        silent = without_engine(here)
        run = await here.start(person, services=silent)
        await commands.end_run(silent, here.actors["hr"], run, "called off")
        for id_ in (run, "r_unknown"):
            await here.engine.start_again(id_)
            await seen(here, id_, "")
        compare = reconciler(here)
        await compare.compare_now()
        findings = await found(here)
        assert findings["workflow_of_closed_run"].about == run
        assert findings["workflow_without_run"].about == workflow_id("r_unknown")
        assert findings["queue_unserved"].run_id is None, "no worker is there"
        assert await here.engine.look_at_workflow(run) == WorkflowSeen(), "it is not ended by the comparison"
        for id_ in (run, "r_unknown"):
            await lose(here, id_, "terminated")
        await compare.compare_now()
        assert not {"workflow_of_closed_run", "workflow_without_run"} & (await found(here)).keys()


async def test_rows_that_differ_from_the_events_are_found_and_left_as_they_are(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet(), relay=False) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        compare = reconciler(here)
        for one in (None, run):
            await compare.compare_now(one)
            assert not {"rows_differ", "rows_without_events", "head_differs"} & (await found(here)).keys()
        async with database(here) as raw:
            await raw.execute("UPDATE read.runs SET state = 'clean' WHERE run_id = %s", (run,))
            await raw.execute("DELETE FROM read.inbox WHERE run_id = %s", (run,))
            await raw.execute("CREATE TEMPORARY TABLE copied AS TABLE read.runs")
            await raw.execute("UPDATE copied SET run_id = 'r_gone'")
            await raw.execute("INSERT INTO read.runs TABLE copied")
            await compare.compare_now()
            findings = await found(here)
            assert findings["rows_differ"].about == run and findings["rows_without_events"].about == "r_gone"
            kept = await (await raw.execute("SELECT state FROM read.runs WHERE run_id = %s", (run,))).fetchone()
            assert kept == ("clean",), "the comparison repairs nothing"


async def test_access_that_is_back_before_the_close_is_found_and_not_removed(install: Install, hire: Hire) -> None:
    """Another step waits for a person, so that the run stays open."""
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        held = ("cards", here.packet.name, [here.packet.name])
        assert await commands.hold_system(here.services, here.actors["operator"], *held)
        await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
        await here.wait_until(run, lambda state: statuses(state)["suspend_code"] == "verified", "a suspended account")
        await here.wait_until(run, lambda state: statuses(state)["disable_identity"] == "verified", "the other one")
        state = await here.state(run)
        [account] = state.accounts.of("code") or ()
        connections = here.company.connections
        headers = {"Authorization": f"Bearer {connections['CODE_TOKEN']}"}
        async with httpx.AsyncClient(base_url=connections["CODE_URL"], headers=headers) as code:
            native = state.accounts.details[account]["native_id"]
            (await code.post(f"/accounts/{native}/unsuspend")).raise_for_status()
        done = len(await here.company.effects("code"))

        await here.set_clock_ahead((DAY + timedelta(minutes=1)).total_seconds())
        await reconciler(here).compare_now()
        state = await here.wait_until(run, lambda state: "access_returned" in open_kinds(state), "the exception")
        undone = next(one for one in state.work.open_exceptions() if one.opened.kind == "access_returned")
        assert state.plan.steps[undone.opened.step_id or ""].name == "suspend_code"
        await here.wait_until(
            run, lambda state: not any(one.reading_again for one in state.work.steps.values()), "all steps read"
        )
        page = await here.backend.ledger.read({e.run_stream(run): 0})
        read = [one.event for one in page.events[e.run_stream(run)] if isinstance(one.event, e.StepReadBack)]
        assert {one.outcome for one in read} == {"done", "not_done"}
        assert len(await here.company.effects("code")) == done, "nothing is changed by the comparison"
        await here.verify()
