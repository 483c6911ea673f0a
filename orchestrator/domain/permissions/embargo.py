"""Runs that are visible to a few people only, until a time.

The named people must be able to complete the run, since no one else can see it: otherwise the request is refused, with
what is missing. What the packet requires and what the request asks for add up: the later end, and everyone whom either
names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.roles import either, role_words
from orchestrator.domain.packet.ability import Catalogue, find_ability
from orchestrator.domain.packet.packet import Packet, WorkflowStep
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.different_people import different_people
from orchestrator.domain.permissions.grants import granted_level, highest_level
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.reports import require_independent
from orchestrator.domain.run.run import MAX_EMBARGO, RunState
from orchestrator.domain.run.steps.readiness import World


@dataclass(frozen=True, slots=True)
class EmbargoTerms:
    """`named` are actors by their ids; the requester is always one of them."""

    until: datetime
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExcludedPeople:
    """Whom a run is about and who asked for it: neither decides in it."""

    person_id: str
    requested_by: str
    requester_human: str | None
    urgent: bool = False

    def keeps_out(self, actor: Actor) -> bool:
        asked = actor.requested(self.requested_by, self.requester_human)
        return asked or self.person_id in actor.people or self.person_id in actor.managers


def wanted_embargo(
    packet: Packet,
    cutoff: datetime,
    wish: EmbargoTerms | None,
    requester: str,
    now: datetime,
    left_out: Collection[str] = (),
    beside: EmbargoTerms | None = None,
) -> EmbargoTerms | None:
    """What the packet requires, what the request asks for, and the embargo of the run `beside` this one, together; None
    if none has an embargo. `left_out` are accounts of the leaver, who hears of the run only if the request names one.
    Raises `Invalid` if the request asks for too long an embargo; what a packet requires ends at the limit."""
    spec = packet.approvals.embargo
    demanded = None
    if spec is not None:
        demanded = EmbargoTerms(cutoff + min(spec.lasts, MAX_EMBARGO), demanded_names(packet, left_out))
    if wish is not None:
        _require_bounded(wish.until, max(cutoff, now))
    terms = [one for one in (demanded, wish, beside) if one is not None]
    if not terms:
        return None
    named = {requester, *(actor_id for one in terms for actor_id in one.named)}
    return EmbargoTerms(max(one.until for one in terms), tuple(sorted(named)))


def embargo_of(state: RunState, now: datetime) -> EmbargoTerms | None:
    """The embargo that a run is under; None once it is over."""
    if state.embargo_until is None or now >= state.embargo_until:
        return None
    return EmbargoTerms(state.embargo_until, state.named)


def demanded_names(packet: Packet, left_out: Collection[str]) -> tuple[str, ...]:
    """The accounts that the packet's embargo names, without those of the leaver."""
    spec = packet.approvals.embargo
    return tuple(one for one in spec.named if one not in left_out) if spec is not None else ()


def accounts_of_leaver(person_id: str, actors: Mapping[str, Actor]) -> frozenset[str]:
    """The accounts of the person with this opaque id, and of the programs that the person created or answers for."""
    return frozenset(id_ for id_, one in actors.items() if person_id in one.people)


def _require_bounded(until: datetime, start: datetime) -> None:
    """What no one can see, no one can check, so that an embargo ends at some time."""
    latest = start + MAX_EMBARGO
    if until > latest:
        raise Invalid(
            "embargo_too_long",
            f"An embargo ends {MAX_EMBARGO.days} days after the cutoff at the latest: {latest:%Y-%m-%d %H:%M} UTC.",
            latest=f"{latest:%Y-%m-%d %H:%M} UTC",
        )


def require_embargo_works(
    embargo: EmbargoTerms,
    packet: Packet,
    leaving: ExcludedPeople,
    actors: Mapping[str, Actor],
    abilities: Catalogue,
    now: datetime,
) -> None:
    """Raises `Invalid` for an end that has passed, for an unknown account, and where those named could not complete the
    run."""
    if embargo.until <= now:
        raise Invalid("embargo_over", "The embargo's end is in the past.")
    strangers = [actor_id for actor_id in embargo.named if actor_id not in actors and actor_id != leaving.requested_by]
    if strangers:
        raise Invalid("unknown_actor", f"No one has signed in as {', '.join(strangers)[:80]}.")
    named = [actors[actor_id] for actor_id in embargo.named if actor_id in actors]
    missing = list(missing_people(packet, named, abilities, leaving))
    if missing:
        raise Invalid("embargo_lacks_people", f"The people named cannot complete the run: {'; '.join(missing)}.")


def missing_people(
    packet: Packet, named: Collection[Actor], abilities: Catalogue, leaving: ExcludedPeople | None = None
) -> Iterator[str]:
    """What the named people could not do in the run, in words; empty if they can do everything. Without `leaving` it is
    computed for a person who has no conflict with any of them."""
    approvals = packet.approvals
    people = [one for one in named if one.kind == "person" and one.human is not None]
    signing: list[frozenset[str]] = []
    for name, gate in approvals.decisions.items():
        steps = [step for step in packet.workflow.steps if step.gate == name]
        deciders = {
            one.human
            for one in people
            if one.human is not None
            and not one.roles.isdisjoint(gate.decided_by)
            and not (leaving is not None and leaving.keeps_out(one))
            and all(_may(one, step, packet, abilities) for step in steps)
        }
        if name in approvals.close:
            signing += [frozenset(deciders)] * gate.quorum
        if len(deciders) < gate.quorum:
            wanted = f"{gate.quorum} with the role {either(gate.decided_by)}"
            what = "signature" if name in approvals.close else "gate"
            yield f"the {what} {gate.title!r} needs {wanted}; {len(deciders)} of them can decide"
    if all(signing) and (found := different_people(signing)) < len(signing):
        yield f"the close is signed by {len(signing)} different people; {found} of them can sign together"
    if _none_has_role(people, (approvals.exceptions.owner,), leaving):
        yield f"none of them can resolve exceptions ({role_words(approvals.exceptions.owner)})"
    for step in packet.workflow.steps:
        if step.task is not None and _none_has_role(people, (step.task.role,), leaving):
            yield f"none of them can complete the task {step.title!r} ({role_words(step.task.role)})"
    if leaving is not None and leaving.urgent and approvals.urgent is not None:
        reviewers = [one for one in people if not one.requested(leaving.requested_by, leaving.requester_human)]
        if _none_has_role(reviewers, approvals.urgent.review_by, leaving):
            yield f"none of them can review the urgent start ({either(approvals.urgent.review_by)})"


def _none_has_role(people: Iterable[Actor], roles: Collection[str], leaving: ExcludedPeople | None) -> bool:
    return all(
        one.roles.isdisjoint(roles) or (leaving is not None and leaving.person_id in one.people) for one in people
    )


def _may(actor: Actor, step: WorkflowStep, packet: Packet, abilities: Catalogue) -> bool:
    spec = packet.platform.systems.get(step.system or "")
    ability = find_ability(abilities, spec.connector, step.ability) if spec is not None else None
    if ability is None:
        return True  # a task; or what is said elsewhere to be unknown
    granted = granted_level(packet.platform.levels, actor, step.system or "", packet.name)
    return granted is not None and Level(ability.level) <= granted


def change_embargo(
    state: RunState, until: datetime | None, named: Sequence[str], actor: Actor, world: World
) -> list[Event]:
    """Ends the embargo (`until` None), moves its end or names others, beside those whom the packet names; by people, of
    those named who may do more than read. Once it is over it
    stays over: what everyone could read is not hidden again."""
    require("set_embargo", actor, state.asked.person_id)
    if state.embargo_until is None or world.now >= state.embargo_until:
        raise TooLate("embargo_over", f"Run {state.run_id} is not under embargo.")
    asked = state.asked
    if not _may_prepare(state, actor, world):
        raise NotAllowed("level_not_granted", "This account can only read the run, so it can't change the embargo.")
    require_independent(state, actor, lambda other: _may_prepare(state, other, world), world)
    demanded = set(demanded_names(world.pinned, accounts_of_leaver(asked.person_id, world.actors)))
    visible_to = tuple(sorted({asked.requested_by, *(named or state.named), *demanded.intersection(state.named)}))
    if until is None or until <= world.now:
        return [e.EmbargoChanged(until=None, named=state.named, by=actor.actor_id)]
    _require_bounded(until, max(state.cutoff, state.requested_at))
    if until == state.embargo_until and visible_to == tuple(sorted(state.named)):
        return []
    # Adding people or time removes nothing that the run needs.
    if not state.finished and not set(visible_to) >= set(state.named):
        leaving = ExcludedPeople(asked.person_id, asked.requested_by, asked.requester_human, state.urgent)
        require_embargo_works(
            EmbargoTerms(until, visible_to), world.pinned, leaving, world.actors, world.abilities, world.now
        )
    elif strangers := [actor_id for actor_id in visible_to if actor_id not in {*world.actors, *state.named}]:
        raise Invalid("unknown_actor", f"No one has signed in as {', '.join(strangers)[:80]}.")
    return [e.EmbargoChanged(until=until, named=visible_to, by=actor.actor_id)]


def _may_prepare(state: RunState, actor: Actor, world: World) -> bool:
    levels = (
        highest_level(world.pinned.platform, world.current.platform, actor, system, state.asked.packet)
        for system in world.pinned.platform.systems
    )
    return any(level is not None and level >= Level.PREPARE for level in levels)


def moved_embargo(state: RunState, cutoff: datetime, actor: Actor, world: World) -> list[Event]:
    """What a packet demands counts from the cutoff, and moves with it; it is never made shorter by that."""
    spec = world.pinned.approvals.embargo
    if spec is None or state.embargo_until is None or world.now >= state.embargo_until:
        return []
    until = cutoff + min(spec.lasts, MAX_EMBARGO)
    if until <= state.embargo_until:
        return []
    return [e.EmbargoChanged(until=until, named=state.named, by=actor.actor_id)]
