"""Dates: a cutoff far away, moved, urgent; and what is held back until someone lets it go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orchestrator import commands
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.work import FINAL
from orchestrator.worker import relaying
from tests.conftest import Hire
from tests.integration.cadence import QUICK
from tests.integration.conftest import Install
from tests.integration.installation import (
    FAR_FUTURE,
    PAST,
    ZONE,
    Installation,
    gate_open,
    installation,
    open_kinds,
    statuses,
)
from tests.integration.packets import quick_packet

DAY = timedelta(days=1)


def in_days(days: float) -> Cutoff:
    local = (datetime.now(UTC) + timedelta(days=days)).astimezone(ZoneInfo(ZONE))
    return parse_cutoff(local.replace(tzinfo=None, microsecond=0).isoformat(timespec="minutes"), ZONE)


async def approve(here: Installation, run: str) -> None:
    state = await here.wait_until(run, gate_open, "an open gate")
    for gate_id, gate in state.decisions.gates.items():
        if gate.open:
            for alias in here.who_decides(gate.roles, gate.opened.quorum):
                await commands.approve_gate(here.services, here.actors[alias], run, gate_id)


async def test_a_cutoff_in_90_days_survives_a_restart_and_acts_when_it_comes(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install(packet=quick_packet()) as here:
        run = await here.start(person, cutoff=in_days(90))
        await approve(here, run)
        settings = here.settings
        assert set(statuses(await here.state(run)).values()) == {"planned"}
    # No one works for a while; then another process takes over, and the day comes while it works.
    async with install(packet=quick_packet(), settings=settings) as here:
        assert set(statuses(await here.state(run)).values()) == {"planned"}
        searched = (await here.events(run)).count("AccountsSearched")
        await here.set_clock_ahead(timedelta(days=89, hours=23).total_seconds())
        await here.backend.ledger.now()
        assert set(statuses(await here.state(run)).values()) == {"planned"}
        await here.set_clock_ahead((90 * DAY + timedelta(hours=1)).total_seconds())
        # No event causes it: the relay finds that the run is overdue by the database's clock.
        state = await here.attend(run, decide=False)
        assert state.finish == "clean", await here.story(run)
        assert (await here.events(run)).count("AccountsSearched") > searched, "accounts are found again first"
        assert (await here.events(run)).count("GateOpened") == 1, "the decision taken in time holds"


async def test_hr_moves_the_cutoff(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        first, second = await hire(2)
        sooner, later = await here.start(first, cutoff=in_days(30)), await here.start(second, cutoff=in_days(30))
        await approve(here, sooner)
        await approve(here, later)
        await commands.reschedule_run(here.services, here.actors["hr"], sooner, parse_cutoff(PAST, ZONE))
        assert (await here.attend(sooner, decide=False)).finish == "clean", "now it acts, and the gate stays decided"
        # Within the decision's validity (seven days from the first cutoff) it holds; the run waits for the new date.
        await commands.reschedule_run(here.services, here.actors["hr"], later, in_days(33))
        state = await here.state(later)
        assert not gate_open(state) and set(statuses(state).values()) == {"planned"}
        # Beyond it, the decision has lapsed by the time at which someone could act on it.
        await commands.reschedule_run(here.services, here.actors["hr"], later, in_days(60))
        await here.set_clock_ahead((60 * DAY + timedelta(hours=1)).total_seconds())
        state = await here.wait_until(later, gate_open, "the gate to be asked again", 30)
        assert set(statuses(state).values()) == {"planned"}, "nothing is done on a decision that lapsed"
        assert (await here.attend(later)).finish == "clean"
        await here.verify()


def decider_missing(state: RunState) -> bool:
    return "decider_missing" in open_kinds(state)


async def test_an_exception_opens_when_approvers_are_lost_long_after_the_start(install: Install, hire: Hire) -> None:
    """By roles that are revoked, and by an approver who leaves. No event of the run says so: the relay checks."""
    person, leaving, other = await hire(3)
    often = replace(QUICK, deciders=0.3, deciders_after_change=0.1)
    async with (
        install(packet=quick_packet(quorum=3), relay=False) as here,
        relaying(here.backend, here.engine, cadence=often, settings=here.settings) as relay,
    ):
        for alias, one in (("leaving", leaving), ("other", other)):
            here.actors[alias] = await here.people.actor(alias, one.employee_number, ("it_approver",))
            await commands.record_actor(here.services, here.actors[alias])
        run = await here.start(person, cutoff=in_days(90))
        own = await here.start(leaving, cutoff=in_days(60))
        await here.wait_until(own, gate_open, "an open gate")
        for alias in ("it", "other", "safety-owner"):
            await commands.approve_gate(here.services, here.actors[alias], own, "g-all-1")
        state = await here.wait_until(run, gate_open, "an open gate")
        assert not decider_missing(state)

        await here.set_clock_ahead((31 * DAY).total_seconds())
        while await relay.sweep():  # what else is due by now has nothing to do with it
            await asyncio.sleep(0.1)
        for alias in ("it", "other"):
            await commands.revoke_roles(
                here.services, here.actors["safety-owner"], here.packet.name, alias, ["it_approver"]
            )
        await here.wait_until(run, decider_missing, "an exception for the revoked roles")
        it = here.actors["it"]
        for roles in (frozenset[str](), it.roles):  # a revoked role comes back after a sign-in without it
            await commands.record_actor(here.services, it.model_copy(update={"roles": roles}))
        await here.wait_until(run, lambda state: not decider_missing(state), "the exception to close")

        await commands.reschedule_run(here.services, here.actors["hr"], own, in_days(1))
        here.backend.runs.departures.forget()  # known for 30 seconds
        await here.wait_until(run, decider_missing, "an exception for the approver who has left")


async def test_an_urgent_run_cuts_access_before_any_decision(
    install: Install, hire: Hire, needs_directory: None
) -> None:
    async with install() as here:
        [person] = await hire(traits=["admin"])
        run = await here.start(person, urgent=True)
        cut = {
            "disable_identity",
            "lock_directory",
            "end_code_sessions",
            "suspend_code",
            "freeze_card",
        }
        state = await here.wait_until(
            run, lambda s: cut <= {name for name, status in statuses(s).items() if status in FINAL}, "access gone", 60
        )
        events = await here.events(run)
        assert "GateVoted" not in events and gate_open(state)
        for step in state.plan.steps.values():
            known = state.work.steps[step.step_id]
            if known.attempt and step.level > "read" and step.gate is not None:
                assert step.cuts_access and step.reversible != "no", f"{step.name} did not wait for its gate"
        assert "urgent_review" in open_kinds(state), "the start is a review with a due date"
        [review] = [x for x in state.work.open_exceptions() if x.opened.kind == "urgent_review"]
        assert review.opened.due > state.requested_at
        state = await here.attend(run, until=lambda s: open_kinds(s) == {"urgent_review"} and all_final(s))
        assert not state.finished, "it stays open until somebody has looked at the start"
        await commands.accept_exception(
            here.services, here.actors["safety-owner"], run, review.opened.exception_id, "it was right"
        )
        assert (await here.attend(run)).finish == "clean"
        await here.verify()


def all_final(state: RunState) -> bool:
    return bool(state.work.steps) and all(known.final for known in state.work.steps.values())


async def test_a_run_is_held_and_released(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        operator = here.actors["operator"]
        await commands.hold_run(here.services, operator, run, "the lawyers ask us to wait")
        await approve(here, run)
        await quiet(here, run)
        assert set(statuses(await here.state(run)).values()) == {"planned"}
        assert (await here.events(run)).count("ExceptionOpened") == 1, "HR is asked once to confirm the pause"
        await commands.release_run(here.services, operator, run)
        assert (await here.attend(run)).finish == "clean"


@pytest.mark.parametrize("system", ["code", "*"])
async def test_a_system_or_everything_is_held_and_released(install: Install, hire: Hire, system: str) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        owner = here.actors["safety-owner"]
        assert await commands.hold_system(
            here.services, owner, system, here.packet.name, [here.packet.name], "it is being moved"
        )
        assert not await commands.hold_system(here.services, owner, system, here.packet.name, [here.packet.name]), (
            "it is held already"
        )
        await approve(here, run)
        held = {"suspend_code", "revoke_code_tokens"} if system == "code" else set(statuses(await here.state(run)))
        others = set(statuses(await here.state(run))) - held
        await here.wait_until(run, lambda s: all(statuses(s)[name] in FINAL for name in others), "what is not held", 30)
        # HR hears of each system that keeps access open past the cutoff.
        open_past_cutoff = {"code"} if system == "code" else {"code", "identity", "cards"}
        await here.wait_until(run, lambda s: paused_systems(s) == open_past_cutoff, "an exception for HR", 30)
        await quiet(here, run)
        state = await here.state(run)
        assert {statuses(state)[name] for name in held} == {"planned"}
        # Nothing else happens in the run: that the hold is lifted has to wake it.
        assert await commands.release_system(here.services, owner, system, here.packet.name, [here.packet.name])
        assert (await here.attend(run, decide=False, deadline=45)).finish == "clean"
        await here.verify()


def paused_systems(state: RunState) -> set[str]:
    known = state.work.exceptions.values()
    return {one.opened.system for one in known if one.open and one.opened.kind == "pause_unconfirmed"}


async def quiet(here: Installation, run: str) -> None:
    """Several looks of the relay long, and longer than its grace, nothing happens in the run."""
    version = (await here.state(run)).version
    loop = asyncio.get_running_loop()
    until = loop.time() + QUICK.grace.total_seconds() + 2 * QUICK.sweep
    while loop.time() < until:
        assert (await here.state(run)).version == version, await here.story(run)
        await asyncio.sleep(0.1)


async def test_a_run_that_is_ended_does_nothing_further(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person, cutoff=FAR_FUTURE)
        await approve(here, run)
        await commands.end_run(here.services, here.actors["hr"], run, "they stay")
        await here.set_clock_ahead(timedelta(days=365 * 100).total_seconds())
        await quiet(here, run)
        state = await here.state(run)
        assert state.finish == "ended" and set(statuses(state).values()) == {"planned"}


async def test_an_undecided_gate_is_escalated_by_time_alone(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person, cutoff=in_days(5))
        state = await here.wait_until(run, gate_open, "an open gate")
        # The packet gives a day, counted back from the cutoff.
        await here.set_clock_ahead((4 * DAY + timedelta(minutes=5)).total_seconds())
        state = await here.wait_until(run, lambda s: bool(s.decisions.gates["g-all-1"].escalated_to), "escalation", 30)
        assert state.decisions.gates["g-all-1"].roles == {"it_approver", "safety_owner"}
        await commands.approve_gate(here.services, here.actors["safety-owner"], run, "g-all-1")
        await here.set_clock_ahead((6 * DAY).total_seconds())
        assert (await here.attend(run, decide=False)).finish == "clean"


async def test_another_installation_on_the_same_ledger_reads_the_same_run(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        [person] = await hire()
        run = await here.start(person)
        state = await here.attend(run)
        async with installation(
            here.settings.database_url,
            here.settings.temporal_address,
            here.company,
            packet=quick_packet(),
            settings=here.settings,
            worker=False,
        ) as second:
            assert await second.state(run) == state
