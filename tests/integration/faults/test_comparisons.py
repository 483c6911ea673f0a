"""What comparisons find besides lost workflows, and how much each covers; the next one covers what was left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.domain import events as e
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.ledger.engine.findings import Findings
from orchestrator.reconciler import LEASE, Reconciler
from tests.conftest import Hire
from tests.faults.shifted_clock import clock_library, shifted
from tests.faults.test_shifted_clocks import OFFBOARD, process
from tests.integration.conftest import Install
from tests.integration.faults.test_reconciler import (
    DAY,
    WITHIN_SECONDS,
    database,
    found,
    lose,
    nothing_is_behind,
    opened,
    reconciler,
)
from tests.integration.installation import (
    PAST,
    POLL,
    ZONE,
    Installation,
    WorkerProcess,
    gate_open,
    open_kinds,
    statuses,
    without_engine,
    worker_here,
)
from tests.integration.packets import quick_packet

NOW = timedelta(0)


async def test_a_workflow_that_did_not_start_what_is_due_is_an_exception_until_it_continues(
    install: Install, hire: Hire
) -> None:
    """The notification of an approval is lost, and no worker is there."""
    async with install(packet=quick_packet(), worker=False) as here:
        [person] = await hire()
        async with worker_here(here):
            run = await here.start(person)
            await here.wait_until(run, gate_open, "an open gate")
            await nothing_is_behind(here)
        await commands.approve_gate(without_engine(here), here.actors["it"], run, "g-all-1")
        compare = reconciler(here)
        await compare.compare_now()
        assert (await found(here))["workflow_late"].about == run
        opened_now = [known.opened for known in (await here.state(run)).work.open_exceptions()]
        assert [one.code for one in opened_now if one.kind == "workflow_stopped"] == ["workflow_late"]

        async with worker_here(here):
            await here.wait_until(
                run, lambda state: statuses(state)["disable_identity"] == "verified", "what was due is done"
            )
            await nothing_is_behind(here)
            await compare.compare_now(run)
            assert "workflow_late" not in await found(here)
            assert "workflow_late" in await found(here, closed=True)
            assert "workflow_stopped" not in open_kinds(await here.state(run))


async def test_an_attempt_without_a_result_is_found_once_its_lease_is_long_over(
    install: Install, hire: Hire, tmp_path: Path
) -> None:
    async with install(packet=quick_packet(), worker=False) as here:
        [person] = await hire()
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log", "after_intent") as worker:
            run = await here.start(person)
            await here.wait_until(run, gate_open, "an open gate")
            await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
            await worker.died()
        state = await here.state(run)
        begun = {f"{run}/{id_}" for id_, known in state.work.steps.items() if known.status == "started"}
        assert begun
        compare = reconciler(here)
        await compare.compare_now()
        assert "intent_open" not in await found(here), "another worker takes it over soon"
        await here.set_clock_ahead((LEASE + timedelta(minutes=5)).total_seconds())
        await compare.compare_now()
        assert (await found(here))["intent_open"].about in begun
        assert statuses(await here.state(run)) == statuses(state), "the comparison repairs nothing"
        async with worker_here(here):
            assert (await here.attend(run, confirm="done")).finished
        await compare.compare_now(run)
        assert "intent_open" not in await found(here)
        await here.verify()


async def test_a_size_of_the_ledger_that_is_not_that_of_its_last_event_is_found(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet(), worker=False) as here:
        compare = reconciler(here)
        async with database(here) as raw:
            await raw.execute("UPDATE ledger.head SET position = position + 1")
            await compare.compare_now()
            assert (await found(here))["head_differs"].about == "ledger"
        [person] = await hire()
        await here.start(person, services=without_engine(here))  # from here on they agree, with a gap
        await compare.compare_now()
        assert "head_differs" not in await found(here) and "head_differs" in await found(here, closed=True)


async def test_what_temporal_does_not_describe_in_time_stays_as_it_was_found_before(
    install: Install, hire: Hire
) -> None:
    async with install(packet=quick_packet(), relay=False) as here:
        first, second = [await here.start(person) for person in await hire(2)]
        for run in (first, second):
            await here.wait_until(run, gate_open, "an open gate")
        await nothing_is_behind(here)
        await lose(here, first, "terminated")
        await reconciler(here).compare_now()
        await lose(here, second, "terminated")
        hurried = Reconciler(here.backend.runs, here.backend.database, here.engine, grace=NOW, described_within=0.0)
        compared = await hurried.compare_now()
        assert (compared.workflows, compared.workflows_left) == (0, 2)
        assert (await found(here))["workflow_missing"].about == first, "neither closed nor joined by the second"
        compared = await hurried.compare_now(second)
        assert (compared.workflows, compared.workflows_left) == (0, 1)
        assert opened(await here.state(second)) == 0

        compared = await reconciler(here).compare_now()
        assert (compared.workflows, compared.workflows_left) == (2, 0)
        assert [opened(await here.state(run)) for run in (first, second)] == [1, 1]


async def test_runs_under_embargo_are_not_counted_except_where_one_is_compared_alone(
    install: Install, hire: Hire
) -> None:
    async with install(packet=quick_packet(), worker=False) as here:
        shown, hidden = await hire(2)
        await here.start(shown, services=without_engine(here))
        done = await commands.start_run(
            without_engine(here),
            here.actors["hr"],
            await here.facts(hidden),
            here.packet.name,
            parse_cutoff("2035-01-05T18:00", ZONE),
            embargo=EmbargoTerms(
                datetime(2034, 12, 24, tzinfo=UTC), tuple(one.actor_id for one in here.actors.values())
            ),
        )
        assert isinstance(done, Done)
        compared = await reconciler(here).compare_now()
        assert (compared.workflows, compared.runs) == (1, 1) and compared.rows >= 1 and not compared.rows_left
        alone = await reconciler(here).compare_now(done.run_id)
        assert (alone.workflows, alone.runs) == (1, 1)


async def requested(here: Installation, run: str) -> list[Sequence[str]]:
    page = await here.backend.ledger.read({e.run_stream(run): 0})
    events = [one.event for one in page.events[e.run_stream(run)]]
    return [tuple(event.steps) for event in events if isinstance(event, e.ReadBackRequested)]


async def test_a_comparison_reads_no_more_steps_than_its_budget_and_the_next_one_goes_on(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another step waits for a person, so that the run stays open."""
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person, cutoff=PAST)
        await here.wait_until(run, gate_open, "an open gate")
        held = ("cards", here.packet.name, [here.packet.name])
        assert await commands.hold_system(here.services, here.actors["operator"], *held)
        removals = ("suspend_code", "disable_identity")
        await here.attend(run, until=lambda state: {statuses(state)[name] for name in removals} == {"verified"})
        await Findings(here.backend.database).due_in(2 * DAY)  # the worker's own comparison reads nothing meanwhile
        await here.set_clock_ahead((DAY + timedelta(minutes=1)).total_seconds())
        compare = reconciler(here)

        monkeypatch.setattr("orchestrator.reconciler.READ_PER_SYSTEM", 0)
        compared = await compare.compare_now()
        assert (compared.steps, await requested(here, run)) == (0, [])
        due = compared.steps_left
        assert due >= 2
        monkeypatch.undo()
        monkeypatch.setattr("orchestrator.reconciler.READ_AT_ONCE", 1)
        for number in range(1, due + 1):
            compared = await compare.compare_now()
            assert (compared.steps, compared.steps_left) == (1, due - number), await here.story(run)
            assert len(await requested(here, run)) == number
            await here.wait_until(
                run, lambda state: not any(one.reading_again for one in state.work.steps.values()), "the step read"
            )
        asked = await requested(here, run)
        assert len({step for steps in asked for step in steps}) == due, "each step once"
        compared = await compare.compare_now()
        assert (compared.steps, compared.steps_left) == (0, 0)
        await here.verify()


@pytest.mark.parametrize("days", [1, -1])
async def test_a_queue_is_served_whatever_the_clock_of_its_worker_says(
    install: Install, tmp_path: Path, days: int
) -> None:
    """The comparison that the worker itself makes, and its health check, with a clock that is a day ahead or behind."""
    async with install(packet=quick_packet(), worker=False) as here:
        await reconciler(here).compare_now()
        assert "queue_unserved" in await found(here), "no worker is there"
        await Findings(here.backend.database).due_in(timedelta(0))
        environment = here.environment() | shifted(clock_library(tmp_path), days * 86_400)
        environment |= {"OFFBOARD_RECONCILE_SECONDS": "10"}
        idle = await asyncio.create_subprocess_exec(OFFBOARD, "healthy", "--worker", env=environment)
        assert await idle.wait() == 1
        async with process("worker", environment, tmp_path / "worker.log"), asyncio.timeout(WITHIN_SECONDS):
            while "queue_unserved" in await found(here):
                await asyncio.sleep(POLL)
            checked = await asyncio.create_subprocess_exec(OFFBOARD, "healthy", "--worker", env=environment)
            assert await checked.wait() == 0
