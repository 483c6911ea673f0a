"""Servers and systems that go away, answer nonsense, or come back as someone else: runs end right all the same."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from activities.runs import RunActivities
from orchestrator import commands
from orchestrator.domain.run.progress import Progress, StepDue
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.effects import Mode
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.schema.migrate import upgrade
from orchestrator.workflows import retry_policies
from orchestrator.workflows.activity_stubs import RunRef
from orchestrator.workflows.offboarding import Nudge
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import (
    FAR_FUTURE,
    Installation,
    exceptions_of,
    gate_open,
    installation,
    open_kinds,
    statuses,
    without_engine,
    worker_here,
)
from tests.integration.packets import quick_packet


def has_open(kind: str, system: str, state: RunState) -> bool:
    return any(known.open and known.opened.system == system for known in exceptions_of(state, kind))


async def test_temporal_crashes_during_a_run(
    database_url: str, company: Company, hire: Hire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The engine waits so long for an activity whose answer the crash lost.
    monkeypatch.setattr(retry_policies, "ADVANCE_TIMEOUT", timedelta(seconds=4))
    monkeypatch.setattr(retry_policies, "AFTER_A_LOST_ACTIVITY", timedelta(seconds=1))
    async with (
        TemporalServer.start(tmp_path / "temporal", keep=True) as server,
        installation(database_url, server.address, company, packet=quick_packet()) as here,
    ):
        first, second = await hire(2)
        run = await here.start(first)
        await here.wait_until(run, gate_open, "an open gate")
        await server.crash()
        done = await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
        assert not done.nudged, "it says that nobody could be nudged"
        other = await here.start(second)
        assert [event.type_name() for event in done.events][:2] == ["GateVoted", "GateDecided"], "it stands"
        await server.restart()
        states = [await here.attend(each, confirm="done") for each in (run, other)]
        assert [state.finish for state in states] == ["clean", "clean"]
        await here.verify()


async def test_temporal_is_lost_and_a_new_cluster_takes_over(
    database_url: str, company: Company, hire: Hire, tmp_path: Path
) -> None:
    async with (
        TemporalServer.start(tmp_path / "temporal", keep=True) as server,
        installation(database_url, server.address, company, packet=quick_packet()) as here,
    ):
        staff = await hire(2)
        waiting, sleeping = await here.start(staff[0]), await here.start(staff[1], cutoff=FAR_FUTURE)
        for run in (waiting, sleeping):
            await here.wait_until(run, gate_open, "an open gate")
        await commands.approve_gate(here.services, here.actors["it"], sleeping, "g-all-1")
        lost = here.engine.cluster
        await server.crash()
        for file in server.state.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        await server.restart()
        loop = asyncio.get_running_loop()
        until = loop.time() + 120
        # Nothing is asked of either run: the relay finds by itself that the cluster is another one.
        while here.engine.cluster == lost or not await alive(here, waiting) or not await alive(here, sleeping):
            assert loop.time() < until, "the relay did not wake every open run in the new cluster"
            await asyncio.sleep(0.2)
        assert (await here.attend(waiting)).finish == "clean"
        assert set(statuses(await here.state(sleeping)).values()) == {"planned"}
        while "WorkflowRestarted" not in await here.events(sleeping):
            assert loop.time() < until, "the relay recorded no restart"
            await asyncio.sleep(0.2)
        for run in (waiting, sleeping):
            assert (await here.events(run)).count("WorkflowRestarted") == 1
        await here.verify()


async def alive(here: Installation, run: str) -> bool:
    try:
        found = await here.engine.client.get_workflow_handle(workflow_id(run)).describe()
    except Exception:  # the server may be on its way up
        return False
    return found.status is not None and found.status.name == "RUNNING"


async def test_postgresql_crashes_during_a_run(
    temporal: TemporalServer, company: Company, hire: Hire, tmp_path: Path
) -> None:
    async with PostgresServer.start(tmp_path / "postgres") as server:
        url = server.url("offboard")
        await asyncio.to_thread(upgrade, url)
        async with installation(url, temporal.address, company, packet=quick_packet()) as here:
            staff = await hire(2)
            runs = [await here.start(person) for person in staff]
            for run in runs:
                await here.wait_until(run, gate_open, "an open gate")
            await commands.approve_gate(here.services, here.actors["it"], runs[0], "g-all-1")
            await server.crash()
            with pytest.raises(LedgerUnavailable) as refused:
                await commands.approve_gate(here.services, here.actors["it"], runs[1], "g-all-1")
            assert "PostgreSQL" in str(refused.value), "it names the place"
            with pytest.raises(LedgerUnavailable):
                await here.start(staff[0])
            await server.restart()
            states = [await here.attend(run, confirm="done") for run in runs]
            assert [state.finish for state in states] == ["clean", "clean"]
            assert len(await company.effects("hr")) <= 4, "a payment and a leaving date each, and no more"
            await here.verify()


@dataclass(frozen=True)
class Trouble:
    """`system` breaks on `action` of one person's account. `by_itself`: it comes right once the system does."""

    step: str
    system: str
    action: str
    mode: Mode
    by_itself: bool
    seconds: float = 0.0


TROUBLES = (
    Trouble("suspend_code", "code", "suspend", "slow", True, seconds=8.0),
    Trouble("suspend_code", "code", "suspend", "429", True, seconds=1.0),
    Trouble("suspend_code", "code", "suspend", "503", True, seconds=1.0),
    Trouble("suspend_code", "code", "suspend", "fail", True),
    Trouble("disable_identity", "identity", "", "503", True),
    Trouble("suspend_code", "code", "suspend", "lose_reply", True),
    Trouble("close_card", "cards", "close", "lose_reply", True),
    Trouble("disable_identity", "identity", "", "lose_reply", True),
    Trouble("final_pay", "hr", "final-pay$", "lose_reply", True),
    Trouble("close_card", "cards", "close", "nonsense", False),
    Trouble("suspend_code", "code", "suspend", "nonsense", False),
    Trouble("close_card", "cards", "close", "error_in_200", False),
    Trouble("suspend_code", "code", "suspend", "error_in_200", False),
    Trouble("disable_identity", "identity", "", "error_in_200", False),
    Trouble("close_card", "cards", "close", "oversized", False),
)


async def test_systems_in_trouble(install: Install, company: Company, hire: Hire) -> None:
    """Every trouble has a person of its own, so that all of them happen at the same time."""
    async with install(packet=quick_packet()) as here:
        staff = await hire(len(TROUBLES))
        runs = [await here.start(person) for person in staff]
        for run, trouble in zip(runs, TROUBLES, strict=True):
            state = await here.wait_until(run, gate_open, "an open gate")
            step = next(step for step in state.plan.steps.values() if step.name == trouble.step)
            native = state.accounts.details[step.account_id]["native_id"]
            await company.break_(
                trouble.system,
                trouble.mode,
                method="POST" if trouble.action else "PATCH",
                path=f"{native}.*{trouble.action}",
                seconds=trouble.seconds,
            )
        for run in runs:
            await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
        for run, trouble in zip(runs, TROUBLES, strict=True):
            if trouble.mode == "lose_reply":
                # What is lost is only the answer: looking shows that it was done, and no one is troubled.
                state = await here.attend(run)
                assert state.finish == "clean" and not exceptions_of(state, "step_failed"), await here.story(run)
                continue
            kind = "step_failing" if trouble.by_itself else "step_failed"
            state = await here.wait_until(run, partial(has_open, kind, trouble.system), f"{trouble}: {kind}", 60)
            # On a busy machine an earlier one may have closed by itself, and another system may be late.
            about = [known.opened for known in exceptions_of(state, kind) if known.open]
            [opened] = [one for one in about if one.system == trouble.system]
            assert opened.code, f"{trouble}: no cause"
            # The lease of an attempt can also end on a busy machine, for which there is no remedy.
            failures = await failures_of(here, run, opened.step_id)
            assert any(detail.get("remedy") for detail in failures), f"{trouble} has no remedy: {failures}"
            others = {name: status for name, status in statuses(state).items() if name != trouble.step}
            assert "failed" not in others.values(), "one system's trouble is no other's"
        await company.clear_faults()
        for run, trouble in zip(runs, TROUBLES, strict=True):
            state = await here.state(run)
            if not trouble.by_itself:
                await commands.retry_step(here.services, here.actors["operator"], run, trouble.step, reason="mended")
            state = await here.attend(run)
            assert state.finish == "clean", await here.story(run)
        for action in ("suspend", "close", "final-pay"):
            system = {"suspend": "code", "close": "cards", "final-pay": "hr"}[action]
            done = [entry["target"] for entry in await company.effects(system) if action in entry["action"]]
            assert sorted(done) == sorted(set(done)), f"{action} was done twice"
            assert len(done) == len(TROUBLES)
        await here.verify()


async def failures_of(here: Installation, run: str, step_id: str | None) -> list[dict[str, Any]]:
    """What the failed attempts at a step say."""
    page = await here.backend.ledger.read({f"run:{run}": 0})
    failed = [one.event for one in page.events[f"run:{run}"] if one.type in ("StepFailed", "StepAttemptFailed")]
    return [event.detail or {} for event in failed if event.step_id == step_id]  # type: ignore[attr-defined]


@pytest.mark.parametrize("system", ["code", "cards", "identity", "mail", "hr"])
async def test_a_system_that_is_down_from_the_beginning(
    install: Install, company: Company, hire: Hire, system: str
) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        await here.facts(person)  # HR is asked when the run is requested; it goes down afterwards
        await company.stop(system)
        run = await here.start(person)
        state = await here.wait_until(run, lambda s: "search_failed" in open_kinds(s), "an exception about it", 40)
        [exception] = exceptions_of(state, "search_failed")
        assert exception.opened.system == system and exception.opened.code
        assert state.plan.planned_at is not None, "the rest is planned without it"
        await company.restart(system)
        assert (await here.attend(run)).finish == "clean", await here.story(run)
        await here.verify()


async def test_a_lost_nudge_is_made_good(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        silent = without_engine(here)
        run = await here.start(person, services=silent)
        await here.wait_until(run, gate_open, "an open gate", 30)
        done = await commands.approve_gate(silent, here.actors["it"], run, "g-all-1")
        assert not done.nudged
        assert (await here.attend(run, decide=False, deadline=45)).finish == "clean"


async def test_what_a_workflow_no_longer_knows_although_it_was_reported_is_asked_again(
    install: Install, hire: Hire
) -> None:
    """As after Temporal's database was replaced by an older copy: it has the workflow as it was before the report."""
    async with install(packet=quick_packet(), worker=False) as here:
        [person] = await hire()
        async with worker_here(here):
            run = await here.start(person)
            await here.wait_until(run, gate_open, "an open gate", 30)
        await commands.approve_gate(without_engine(here), here.actors["it"], run, "g-all-1")
        await here.set_clock_ahead(60)  # nothing becomes due soon, apart from the steps that are to start
        reports = EngineReports(here.backend.database, lambda: here.engine.cluster)
        reported = await RunActivities(here.backend.runs, reports).advance(RunRef(run_id=run))
        await reports.aclose()
        assert reported.steps and reported.expected_in is not None
        assert reported.due_in is None or reported.due_in > 1000
        async with worker_here(here):
            await here.set_clock_ahead(60 + reported.expected_in + 10)
            assert (await here.attend(run, decide=False, deadline=45)).finish == "clean"


async def test_a_forged_nudge_does_nothing(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        state = await here.wait_until(run, gate_open, "an open gate")
        before = await here.events(run)
        handle = here.engine.client.get_workflow_handle(workflow_id(run))
        steps = tuple(
            StepDue(step_id=id_, generation=1, attempt=1, seconds=0.001, queue=queue)
            for id_ in (*state.plan.steps, "s-invented")
            for queue in (None, "a-queue-nobody-reads")
        )
        await handle.signal("nudge", Nudge(hint=Progress(version=10_000, steps=steps[1:2])))
        await handle.signal("nudge", Nudge(hint=Progress(version=10_001, steps=steps)))
        await handle.signal("nudge", Nudge(hint=Progress(version=10_002, finished=True)))
        await handle.signal("nudge", Nudge(hint=Progress(version=10_003, search=("code", "nowhere"))))
        await handle.signal("nudge", {"hint": "not even a hint"})
        # A real command afterwards is carried out, so the workflow has dealt with the forged ones before it.
        facts = await here.facts(person)
        assert await here.events(run) == before
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        assert facts and len([type_ for type_ in await here.events(run) if type_ == "StepStarted"]) == len(
            state.plan.steps
        )
        async with asyncio.timeout(20):
            await handle.result()
