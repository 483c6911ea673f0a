"""Commands of HR on a run: start, move the cutoff, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.commands.cancelling import ended
from orchestrator.domain.errors import Invalid, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.measures.added_exposure import added_exposure
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.expressions import Expression, ExpressionFailed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.embargo import (
    EmbargoTerms,
    ExcludedPeople,
    accounts_of_leaver,
    moved_embargo,
    require_embargo_works,
    wanted_embargo,
)
from orchestrator.domain.permissions.grants import require_level
from orchestrator.domain.permissions.levels import HR_FEED, Actor, Level
from orchestrator.domain.permissions.postponing import postponing_roles, require_postponing
from orchestrator.domain.permissions.reports import has_one_of, require_independent
from orchestrator.domain.permissions.urgent import SignIn, is_late, late_start_is_urgent, require_urgent
from orchestrator.domain.planning.plan import depends_on_cutoff, sends_cutoff
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.work import steps_to_repeat

NOT_RECENT: Final = SignIn()
MAX_PAST: Final = timedelta(days=5 * 365)
MAX_FUTURE: Final = timedelta(days=10 * 365)
"""How far a cutoff can be from now."""


def request_run(
    *,
    run_id: str,
    person_id: str,
    person: PersonFacts,
    cutoff: Cutoff | None,
    urgent: bool,
    actor: Actor,
    packet: Packet,
    phase: str,
    open_run: str | None,
    now: datetime,
    embargo: EmbargoTerms | None = None,
    shadow: bool = False,
    beside: EmbargoTerms | None = None,
    reason: str | None = None,
    actors: Mapping[str, Actor] = MappingProxyType({}),
    abilities: Catalogue = MappingProxyType({}),
    sign_in: SignIn = NOT_RECENT,
    expected: bool = False,
    hr_leaving_at: datetime | None = None,
    waited: bool = False,
) -> e.RunRequested:
    """HR asks that this person be offboarded. Without a cutoff an urgent run is cut off now, in the person's zone. A
    late start is urgent as well, and keeps its cutoff; its requester needs a recent `sign_in`, which the entry point
    demands for the others. `actors` and `abilities` say whether those whom an embargo names can carry the run through.

    `expected`: HR's own record says that the person leaves by the cutoff. Without that, a report of HR's feed removes
    nothing before approval: every holder of the secret of its webhook can report anyone. `hr_leaving_at`: when the
    person leaves by HR's own record, None where it has no leaving; if HR takes it back, nothing is destroyed.

    A service's request counts as one of the person who created its token: that person decides nothing in the run.

    `shadow`: a dry run is asked for. It changes nothing, so it is never urgent. A run in phase `shadow`, asked for or
    not, takes no place of the person: an `open_run` does not refuse it. `beside` is the embargo of the person's own
    run, if the requester sees that run: a dry run for the same person is under it as well.

    Raises `NotAllowed` (level, role, own run), `TooLate` (an open run, which it names) or `Invalid`.
    """
    require("start_run", actor, person_id)
    require_prepare(actor, packet, packet, packet.name)
    if phase in ("draft", "retired"):
        raise Invalid("packet_not_live", f"Packet {packet.name} is in phase {phase}, so no run can start from it.")
    if phase == "pilot" and not in_pilot(packet, person):
        raise Invalid(
            "not_in_pilot",
            f"Packet {packet.name} is in its pilot phase, and this person is not in the pilot.",
        )
    if open_run is not None and phase != "shadow":
        raise TooLate("run_open", f"This person already has an open run: {open_run}.", run_id=open_run)
    if urgent and shadow:
        raise Invalid("dry_run_urgent", "A dry run removes no access, so it can't be urgent.")
    if urgent:
        require_urgent(actor, packet)
    if cutoff is None and not urgent:
        raise Invalid("cutoff_missing", "No cutoff was given.")
    planned = cutoff if not urgent else None
    ends = planned.instant if planned is not None else now
    require_plausible(ends, now)
    urgent = urgent or (
        not shadow
        and not waited
        and is_late(ends, packet, now)
        and late_start_is_urgent(actor, packet, abilities, sign_in, expected=expected)
    )
    left_out = accounts_of_leaver(person_id, actors)
    under = wanted_embargo(packet, ends, embargo, actor.actor_id, now, left_out, beside if phase == "shadow" else None)
    if under is not None:
        leaving = ExcludedPeople(person_id, actor.actor_id, actor.answers_for, urgent)
        require_embargo_works(under, packet, leaving, {**actors, actor.actor_id: actor}, abilities, now)
    zone = cutoff.zone if cutoff is not None else person.time_zone or "UTC"
    return e.RunRequested(
        run_id=run_id,
        person_id=person_id,
        packet=packet.name,
        packet_version=packet.version,
        phase=phase,
        cutoff=ends,
        zone=zone,
        local_cutoff=planned.local if planned is not None else "",
        urgent=urgent,
        requested_by=actor.actor_id,
        requester_human=actor.answers_for,
        embargo_until=under.until if under is not None else None,
        named=under.named if under is not None else (),
        facts=person.model_dump(mode="json"),
        reason=reason,
        hr_disagrees=actor.actor_id == HR_FEED and not expected,
        # In a dry run nothing depends on it, and it would show what the person's own run has recorded in HR.
        hr_leaving_at=hr_leaving_at if phase != "shadow" else None,
    )


def second_request(
    state: RunState, asked: e.RunRequested, legal_hold: str | None = None
) -> list[e.SecondRequestReceived]:
    """For a person with an open run that the requester does not see: those who see it get this event. `asked` is what
    would have been recorded; `legal_hold` is the reason of the legal hold that was asked for, which those who see the
    run place. Nothing happens where the same was asked before and is still being looked at."""
    received = e.SecondRequestReceived(
        by=asked.requested_by,
        requester_human=asked.requester_human,
        packet=asked.packet,
        cutoff=asked.cutoff,
        zone=asked.zone,
        local_cutoff=asked.local_cutoff,
        urgent=asked.urgent,
        reason=asked.reason,
        legal_hold=legal_hold,
    )
    for earlier, number in state.second_requests:
        known = state.work.exceptions.get(f"x-second_request-{number}")
        same = (earlier.by, earlier.local_cutoff, earlier.urgent) == (received.by, received.local_cutoff, asked.urgent)
        same = same and (legal_hold is None or earlier.legal_hold == legal_hold)
        if same and known is not None and known.open:
            return []
    return [received]


def reschedule(state: RunState, cutoff: Cutoff, actor: Actor, world: World) -> list[Event]:
    """Another cutoff. What was decided stays decided unless the new one lies beyond the decision's `valid_until`.
    For people only, in both directions; a later one is for the roles that the packet lets postpone."""
    require("postpone_run" if cutoff.instant > state.cutoff else "bring_forward_run", actor, state.asked.person_id)
    still_going(state)
    require_prepare(actor, world.pinned, world.current, state.asked.packet)
    if state.restores is not None:
        raise Invalid("restore_cutoff", "A run that restores access has no cutoff: each step runs once it is approved.")
    if cutoff.instant == state.cutoff and cutoff.zone == state.zone:
        return []
    if cutoff.instant > state.cutoff:
        roles = require_postponing(actor, world.pinned, world.current)
        require_independent(state, actor, has_one_of(roles), world)
    hr = not actor.roles.isdisjoint(postponing_roles(world.pinned, world.current))
    require_levels_of_mover(state, actor, world, approved_too=cutoff.instant < state.cutoff and not hr)
    require_plausible(cutoff.instant, world.now)
    return moved_cutoff(state, cutoff, actor, world)


def moved_cutoff(state: RunState, cutoff: Cutoff, actor: Actor, world: World) -> list[Event]:
    """The events of a cutoff that an actor may move."""
    added = added_exposure(state, cutoff.instant, world.now)
    moved = e.RunRescheduled(
        cutoff=cutoff.instant,
        zone=cutoff.zone,
        local_cutoff=cutoff.local,
        by=actor.actor_id,
        repeated_steps=steps_to_repeat(state),
        added_seconds=added.longer.total_seconds() if added is not None else None,
        open_systems=added.systems if added is not None else None,
        open_privileged=len(added.privileged) if added is not None else None,
    )
    return [moved, *moved_embargo(state, cutoff.instant, actor, world)]


def require_levels_of_mover(state: RunState, actor: Actor, world: World, *, approved_too: bool) -> None:
    """The actor causes the changes that depend on the cutoff and that no approver takes over (`who_caused`).
    `approved_too`: the cutoff is moved to an earlier time by a person without a role of HR. Steps run then earlier than
    their approvers expected, so that this person needs the levels of an approver."""
    voted = {d for gate in state.decisions.gates.values() if gate.open and gate.votes for d in gate.opened.digests}
    for id_, step in state.plan.steps.items():
        if state.work.steps[id_].final and not sends_cutoff(step):
            continue
        gated = step.gate is not None and not state.goes_before_gates(step) and not sends_cutoff(step)
        approved = step.digest in voted or state.approval_of(step, world.now) is not None
        decided_by_others = gated and not (approved_too and approved)
        if step.is_task or decided_by_others or not depends_on_cutoff(step):
            continue
        packet = state.asked.packet
        require_level(world.pinned.platform, world.current.platform, actor, step.system, packet, step.level)


def end(state: RunState, reason: str, actor: Actor, world: World) -> list[Event]:
    """The leaving is called off. What is done stays done; nothing further is. The review of an urgent start stays
    open: its requester cannot close it by cancelling the run; the same holds for duplicate requests.
    For people only."""
    require("end_run", actor, state.asked.person_id)
    still_going(state)
    require_prepare(actor, world.pinned, world.current, state.asked.packet)
    roles = require_postponing(actor, world.pinned, world.current, "cancel a run")
    require_independent(state, actor, has_one_of(roles), world)
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to cancel a run.")
    return ended(state, reason, actor, world)


def require_plausible(instant: datetime, now: datetime, what: str = "The cutoff") -> None:
    """Raises `Invalid` for a year that is most likely a typing error. `what` is what the refusal speaks of."""
    if not now - MAX_PAST <= instant <= now + MAX_FUTURE:
        where = "past" if instant < now else "future"
        years = (MAX_PAST if instant < now else MAX_FUTURE).days // 365
        raise Invalid("cutoff_implausible", f"{what} {instant:%Y-%m-%d} is more than {years} years in the {where}.")


def require_prepare(actor: Actor, pinned: Packet, current: Packet, workflow: str) -> None:
    """Asking for a run writes only in Offboard, about the system that knows people."""
    require_level(pinned.platform, current.platform, actor, current.platform.hr.system, workflow, Level.PREPARE)


def run_finished(state: RunState) -> TooLate:
    """The refusal of a command after the end of a run."""
    how = "was cancelled" if state.finish == "ended" else "finished"
    return TooLate("run_finished", f"Run {state.run_id} {how} at {state.finished_at:%Y-%m-%d %H:%M:%S} UTC.")


def still_going(state: RunState) -> None:
    if state.finished:
        raise run_finished(state)


def in_pilot(packet: Packet, person: PersonFacts) -> bool:
    if packet.workflow.pilot is None:
        return False
    try:
        return Expression.compile(packet.workflow.pilot, ("person",)).evaluate(person=person)
    except ExpressionFailed:
        return False
