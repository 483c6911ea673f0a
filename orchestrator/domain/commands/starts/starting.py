"""The limits on starts: which starts count, when a limit holds further ones, and who lets them go on.

They bound what one account, or one stolen token, can do: an urgent start removes access before anyone approves it.

    start ─► counted ─► above a limit: the limit trips, the start is held
                              ├─► a second person confirms one held start; its requester repeats it
                              └─► two people release the limit

Runs that were started before go on. Starts that HR's own record announces are not counted, nor are those of a batch
that the safety owner confirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.organisation.starts import HeldState, StartsState, TripState, scope_key
from orchestrator.domain.packet.packet import Packet, StartLimits
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.time import LONG_AGO


@dataclass(frozen=True, slots=True)
class Admission:
    """What a start means for the limits: `events` for the stream of starts, and the refusal where it is held."""

    events: tuple[Event, ...] = ()
    refused: Refusal | None = None


def requester_of(actor: Actor) -> str:
    """By whom starts are counted: a person, whatever their account, or a service."""
    return actor.human if actor.human is not None else actor.actor_id


def admit(
    starts: StartsState,
    asked: e.RunRequested,
    packet: Packet,
    actor: Actor,
    now: datetime,
    *,
    expected: bool = False,
    confirmed: bool = False,
    opens: bool = True,
    last_of: Collection[str] = (),
    actors: Mapping[str, Actor] = MappingProxyType({}),
) -> Admission:
    """Whether a start that the other rules allow goes on now. A dry run changes nothing, and is neither held nor
    counted. `expected`: HR's own record says that the person leaves by then. `confirmed`: the safety owner confirmed
    the batch of this start. `opens`: the request opens a run; otherwise it is only received, because the person has a
    run that the requester cannot see. `last_of` are the roles whose last holder an urgent start would lock out.
    `actors` are the known accounts, by id."""
    if asked.phase == "shadow" or ((expected or confirmed) and not asked.urgent):
        return Admission()
    requester = requester_of(actor)
    known = starts.held_for(asked.person_id, requester, asked.urgent, packet.name)
    by_second_person = known is not None and is_confirmed(known, packet, now, actors)
    counted = e.StartCounted(
        run_id=asked.run_id,
        packet=packet.name,
        by=actor.actor_id,
        requester=requester,
        urgent=asked.urgent,
        embargoed=asked.embargo_until is not None or not opens,
        held_id=known.held.held_id if known is not None else None,
    )
    if by_second_person:
        return Admission((counted,))
    if asked.urgent and last_of:
        held = _held(starts, asked, packet, requester, "last_holder", known)
        said = (
            f"This person is the last one with the role {', '.join(sorted(last_of))}, and would be locked out at once. "
            "A second person has to confirm this urgent start."
        )
        return Admission(held, TooLate("last_holder", said, **_id_of(held, known)))
    trip = starts.trip_for(requester, packet.name)
    tripped: tuple[e.StartsTripped, ...] = ()
    if trip is None:
        tripped = tuple(_reached(starts, packet, actor, requester, asked.urgent, now))
        if not tripped:
            return Admission((counted,))
    reason = trip.tripped if trip is not None else tripped[0]
    held = _held(starts, asked, packet, requester, reason.scope, known, after=len(tripped))
    return Admission((*tripped, *held), _starts_held(reason, packet.approvals.start_limits, _id_of(held, known)))


def _id_of(held: Sequence[e.StartHeld], known: HeldState | None) -> dict[str, str]:
    """The id of the held start, where it is recorded."""
    if held:
        return {"held_id": held[0].held_id}
    return {"held_id": known.held.held_id} if known is not None else {}


def _starts_held(reason: e.StartsTripped, limits: StartLimits, held: Mapping[str, str]) -> TooLate:
    whose = "of this requester" if reason.scope == "requester" else f"under packet {reason.packet}"
    kind = "urgent starts" if reason.urgent else "starts"
    return TooLate(
        "starts_held",
        f"The limit of {reason.limit} {kind} {whose} within {_minutes(limits)} minutes is reached, so this start "
        "is held. Runs that were started before continue.",
        trip_id=reason.trip_id,
        **held,
    )


def _minutes(limits: StartLimits) -> int:
    return max(1, round(limits.window.total_seconds() / 60))


def _reached(
    starts: StartsState, packet: Packet, actor: Actor, requester: str, urgent: bool, now: datetime
) -> Iterator[e.StartsTripped]:
    """The limits that one more start would exceed, at most one for each scope."""
    limits = packet.approvals.start_limits
    bounds: Mapping[e.StartsScope, tuple[int, int]] = {
        "requester": (limits.urgent_per_requester, limits.per_requester),
        "packet": (limits.urgent_per_packet, limits.per_packet),
    }
    number = starts.version
    for scope, (urgent_limit, limit) in bounds.items():
        since = max(now - limits.window, starts.released.get(scope_key(scope, requester, packet.name), LONG_AGO))
        recent = [
            one
            for at, one in starts.counted
            if at > since and (one.requester == requester if scope == "requester" else one.packet == packet.name)
        ]
        urgent_ones = [one for one in recent if one.urgent]
        by_urgent = urgent and len(urgent_ones) >= urgent_limit
        if not by_urgent and len(recent) < limit:
            continue
        number += 1
        yield e.StartsTripped(
            trip_id=f"trip-{number}",
            packet=packet.name,
            scope=scope,
            by=actor.actor_id,
            requester=requester,
            urgent=by_urgent,
            counted=len(urgent_ones if by_urgent else recent),
            limit=urgent_limit if by_urgent else limit,
            run_id=next((one.run_id for one in reversed(recent) if not one.embargoed), None),
        )


def _held(
    starts: StartsState,
    asked: e.RunRequested,
    packet: Packet,
    requester: str,
    why: str,
    known: HeldState | None,
    after: int = 0,
) -> tuple[e.StartHeld, ...]:
    """The record of a held start, once for each person, requester and packet."""
    if known is not None or starts.holds_no_more(requester):
        return ()
    label = PersonFacts.model_validate(asked.facts).display_name or None
    return (
        e.StartHeld.model_validate(
            {
                "held_id": f"held-{starts.version + after + 1}",
                "packet": packet.name,
                "person_id": asked.person_id,
                "by": asked.requested_by,
                "requester": requester,
                "urgent": asked.urgent,
                "why": why,
                "named": asked.named,
                "label": label,
            }
        ),
    )


def roles_with_last_holder(person_id: str, packet: Packet, actors: Iterable[Actor]) -> dict[str, tuple[str, ...]]:
    """The roles of operator and safety owner that this person has, each with the opaque ids of the other people who
    have it: those that nothing works without."""
    people = [actor for actor in actors if actor.kind == "person" and actor.human is not None]
    found = {}
    for role in (packet.approvals.exceptions.owner, packet.platform.safety_owner):
        holders = {actor.human for actor in people if role in actor.roles and actor.human is not None}
        if person_id in holders:
            found[role] = tuple(sorted(holders - {person_id}))
    return found


def confirm(
    starts: StartsState,
    held_id: str,
    actor: Actor,
    packet: Packet,
    now: datetime,
    actors: Mapping[str, Actor],
) -> list[Event]:
    """A second person confirms one held start. Empty where it is confirmed already. `actors` are the known ones, by id:
    a start of a service is also one of the person who created its token."""
    held = _known_held(starts, held_id, actor)
    require("confirm_start", actor, held.held.person_id)
    _require_role(actor, deciding_roles(packet))
    if _asked(actor, held.held, actors):
        raise NotAllowed("second_person_needed", "The requester of a held start can't confirm it.")
    if is_confirmed(held, packet, now, actors):
        return []
    assert actor.human is not None, "an account that is not linked to a person was refused"
    return [e.StartConfirmed(held_id=held_id, by=actor.actor_id, human=actor.human)]


def release(
    starts: StartsState, trip_id: str, actor: Actor, packet: Packet, actors: Mapping[str, Actor]
) -> list[Event]:
    """One of two different people lets starts go on. Empty where this person has said so before. `actors` is as for
    `confirm`."""
    require("release_starts", actor)
    trip = _known_trip(starts, trip_id)
    _require_role(actor, releasing_roles(packet))
    if _asked(actor, trip.tripped, actors):
        raise NotAllowed("second_person_needed", "The requester whose start reached the limit can't release it.")
    approvals = counted_approvals(trip, packet, actors)
    if _approved(approvals, actor):
        return []
    assert actor.human is not None, "an account that is not linked to a person was refused"
    approved = e.StartsReleaseApproved(trip_id=trip_id, by=actor.actor_id, human=actor.human)
    if not approvals:
        return [approved]
    return [approved, e.StartsReleased(trip_id=trip_id, by=(approvals[0].by, actor.actor_id))]


def counted_approvals(
    trip: TripState, packet: Packet, actors: Mapping[str, Actor]
) -> tuple[e.StartsReleaseApproved, ...]:
    """The approvals of a release that count: those of people who still have a role for it."""
    roles = releasing_roles(packet)
    return tuple(one for one in trip.approvals if _still_counts(one.by, trip.tripped, roles, actors))


def is_confirmed(held: HeldState, packet: Packet, now: datetime, actors: Mapping[str, Actor]) -> bool:
    """Whether a person who still has a role for it has confirmed the start, so that it can be repeated now."""
    said = held.confirmed if held.confirmed_now(now) else None
    return said is not None and _still_counts(said.by, held.held, deciding_roles(packet), actors)


def _still_counts(
    account: str, about: e.StartHeld | e.StartsTripped, roles: frozenset[str], actors: Mapping[str, Actor]
) -> bool:
    """Whether what an account confirmed or approved still counts: as a vote at a gate does, until its role is revoked.
    Nothing of an account that the ledger does not know could have been revoked."""
    known = actors.get(account)
    return known is None or (not known.roles.isdisjoint(roles) and not _asked(known, about, actors))


def releasing_roles(packet: Packet) -> frozenset[str]:
    """Who is asked when a limit is reached: the owners of the packet and the role that resolves exceptions."""
    return frozenset({packet.platform.safety_owner, packet.workflow.value_owner, packet.approvals.exceptions.owner})


def deciding_roles(packet: Packet) -> frozenset[str]:
    """Who can confirm one held start: those who release, and those who may start urgently themselves."""
    urgent = packet.approvals.urgent
    return releasing_roles(packet).union(urgent.allowed_to if urgent is not None else ())


def _asked(actor: Actor, about: e.StartHeld | e.StartsTripped, actors: Mapping[str, Actor]) -> bool:
    """Whether the person behind this account is the requester, or created the token of the service that is."""
    by = actors.get(about.by)
    if by is not None and (actor.is_person(by.maker_human) or actor.is_person(by.human)):
        return True
    return requester_of(actor) == about.requester or actor.requested(about.by, about.requester)


def _approved(approvals: Iterable[e.StartsReleaseApproved], actor: Actor) -> bool:
    """Whether this person or this account is among those who approved the release."""
    return any(actor.is_person(one.human) or one.by == actor.actor_id for one in approvals)


def can_release(trip: TripState, actor: Actor, packet: Packet, actors: Mapping[str, Actor]) -> bool:
    """Whether this actor is one of those who are asked, and has not approved the release."""
    if actor.kind != "person" or actor.human is None or _approved(counted_approvals(trip, packet, actors), actor):
        return False
    return not _asked(actor, trip.tripped, actors) and not actor.roles.isdisjoint(releasing_roles(packet))


def can_confirm(held: HeldState, actor: Actor, packet: Packet, now: datetime, actors: Mapping[str, Actor]) -> bool:
    if actor.kind != "person" or actor.human is None or held.held.person_id in actor.people:
        return False
    if _asked(actor, held.held, actors):
        return False
    return not is_confirmed(held, packet, now, actors) and not actor.roles.isdisjoint(deciding_roles(packet))


def sees_held(held: e.StartHeld, actor: Actor, packet: Packet) -> bool:
    """Whether a held start exists for this actor: for its requester and for those who decide about it, under an
    embargo only for those whom it names."""
    if held.named and actor.actor_id not in held.named:
        return False
    return held.by == actor.actor_id or not actor.roles.isdisjoint(deciding_roles(packet))


def _known_trip(starts: StartsState, trip_id: str) -> TripState:
    if trip_id not in starts.trips:
        raise Invalid("unknown_trip", f"There is no limit {trip_id[:40]} that holds starts.")
    return starts.trips[trip_id]


def _known_held(starts: StartsState, held_id: str, actor: Actor) -> HeldState:
    held = starts.held.get(held_id)
    if held is None or (held.held.named and actor.actor_id not in held.held.named):
        raise Invalid("unknown_held_start", f"There is no held start {held_id[:40]}.")
    return held


def _require_role(actor: Actor, roles: frozenset[str]) -> None:
    if actor.roles.isdisjoint(roles):
        raise NotAllowed("role_missing", f"Only {any_of(sorted(roles))} can do this.")
