"""Commands on legal holds: place one, at the start or later, and lift one.

A hold keeps data, and never access: steps that remove access continue. So one person places a hold at once. Lifting one
lets data be destroyed for good, so that it takes a second person; for a hold that the packet's condition placed, a
person who did not request the run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce

from orchestrator.domain import events as e
from orchestrator.domain.commands.operating import require_one_of
from orchestrator.domain.commands.requests import still_going
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.expressions import Expression, ExpressionFailed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.legal_hold_roles import legal_hold_roles
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.reports import has_one_of, independent_people, require_independent
from orchestrator.domain.run.legal_holds import LegalHold
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps.readiness import World


def place(state: RunState, reason: str, actor: Actor, world: World) -> list[Event]:
    """A hold beside those that there are: each is about a matter of its own, and is lifted on its own."""
    require("place_legal_hold", actor, state.asked.person_id)
    if state.dry:
        raise Invalid("dry_run_legal_hold", "A dry run destroys nothing, and its legal hold would protect nothing.")
    still_going(state)
    roles = legal_hold_roles(world.pinned, world.current)
    require_one_of(actor, roles)
    require_independent(state, actor, has_one_of(roles), world)
    _require_reason(reason, "place")
    hold_id = _next_id(len(state.legal_holds))
    return [e.LegalHoldPlaced(hold_id=hold_id, by=actor.actor_id, reason=reason)]


def lift(state: RunState, hold_id: str | None, reason: str, actor: Actor, world: World) -> list[Event]:
    """Without an id, the only hold in force. A hold of a finished run can be lifted as well, so that it is not carried
    over to the person's next run. Raises `Invalid` (`unknown_legal_hold`, `several_legal_holds`), `TooLate`
    (`legal_hold_lifted`) and `NotAllowed` (`second_person_needed`)."""
    require("lift_legal_hold", actor, state.asked.person_id)
    roles = legal_hold_roles(world.pinned, world.current)
    hold = _hold(state, hold_id)
    first = _first_person(state, hold, world)

    def is_second(other: Actor) -> bool:
        return not other.roles.isdisjoint(roles) and not other.is_person(first)

    # Without another person in the role, the packet's owners decide: a hold must not last for ever.
    if not independent_people(state, is_second, world):
        roles = tuple(dict.fromkeys((*roles, *_owners(world.current))))
    require_one_of(actor, roles)
    # Nor do the leaver's reports wait for a person who can't lift this hold.
    require_independent(state, actor, is_second, world)
    if _is_first_person(state, hold, actor, world):
        raise NotAllowed(
            "second_person_needed",
            "The person who placed a legal hold can't lift it."
            if hold.placed.by
            else "The packet placed this legal hold at the start; the requester of the run can't lift it.",
        )
    _require_reason(reason, "lift")
    return [e.LegalHoldLifted(hold_id=hold.placed.hold_id, by=actor.actor_id, reason=reason)]


def at_start(
    asked: e.RunRequested, reason: str | None, actor: Actor, world: World, before: RunState | None = None
) -> list[Event]:
    """The holds that the run begins under: those still in force in the person's run `before`, so that a run that was
    cancelled is no way around a hold; one where the packet's condition says so; and the one that the requester asks for
    with a `reason`, which needs a role for it. A hold of a run that is still under an embargo is carried over without
    its reason and without the run: people read this run for whom the other does not exist."""
    state = fold(RunState(), asked, world.now)
    placed: list[e.LegalHoldPlaced] = []
    for hold in _in_force(before):
        carried = hold.placed.model_copy(update={"hold_id": _next_id(len(placed)), "from_run": None})
        if before is not None and before.embargo_until is not None and world.now < before.embargo_until:
            carried = carried.model_copy(update={"reason": None})
        elif before is not None:
            carried = carried.model_copy(update={"from_run": before.run_id})
        placed.append(carried)
    if all(hold.by for hold in placed):  # one that was carried over is about the same matter
        placed += by_condition(world.pinned, asked, len(placed))
    if reason is not None:
        state = reduce(lambda known, event: fold(known, event, world.now), placed, state)
        return [*placed, *place(state, reason, actor, world)]
    return [*placed]


def by_condition(packet: Packet, asked: e.RunRequested, placed: int = 0) -> list[e.LegalHoldPlaced]:
    """The hold that the packet's condition places at the start, after `placed` others; none where it does not hold."""
    return [e.LegalHoldPlaced(hold_id=_next_id(placed))] if _condition_holds(packet, asked) else []


def _in_force(state: RunState | None) -> Iterator[LegalHold]:
    yield from (hold for hold in (state.legal_holds if state is not None else ()) if hold.in_force)


def _condition_holds(packet: Packet, asked: e.RunRequested) -> bool:
    """Whether the packet places a hold; so it does where its condition cannot be evaluated."""
    spec = packet.approvals.legal_hold
    if spec is None or spec.when is None:
        return False
    try:
        return Expression.compile(spec.when, ("person",)).evaluate(person=PersonFacts.model_validate(asked.facts))
    except ExpressionFailed:
        return True


def _hold(state: RunState, hold_id: str | None) -> LegalHold:
    if hold_id is None:
        in_force = list(_in_force(state))
        if len(in_force) == 1:
            return in_force[0]
        if in_force:
            known = ", ".join(hold.placed.hold_id for hold in in_force)
            raise Invalid("several_legal_holds", f"Run {state.run_id} has several legal holds.", known=known)
        raise TooLate("legal_hold_lifted", f"Run {state.run_id} has no legal hold in force.")
    hold = next((one for one in state.legal_holds if one.placed.hold_id == hold_id), None)
    if hold is None:
        raise Invalid("unknown_legal_hold", f"Run {state.run_id} has no legal hold {hold_id[:40]}.")
    if hold.lifted is not None:
        raise TooLate("legal_hold_lifted", f"Legal hold {hold_id} was already lifted, by {hold.lifted.by}.")
    return hold


def _first_person(state: RunState, hold: LegalHold, world: World) -> str | None:
    """The person (opaque id) behind the hold: who placed it, or who requested a run that began under it."""
    if not hold.placed.by:
        return state.asked.requester_human
    placer = world.actors.get(hold.placed.by)
    return placer.human if placer is not None else None


def _is_first_person(state: RunState, hold: LegalHold, actor: Actor, world: World) -> bool:
    if not hold.placed.by:
        return actor.requested(state.asked.requested_by, state.asked.requester_human)
    first = _first_person(state, hold, world)
    return actor.actor_id == hold.placed.by or actor.is_person(first)


def _owners(packet: Packet) -> Collection[str]:
    return (packet.platform.safety_owner, packet.workflow.value_owner)


def _require_reason(reason: str, verb: str) -> None:
    if is_blank(reason):
        raise Invalid("reason_missing", f"A reason is required to {verb} a legal hold.")


def _next_id(placed: int) -> str:
    return f"hold-{placed + 1}"
