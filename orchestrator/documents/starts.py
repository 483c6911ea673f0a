"""Limits on starts as a document: which are reached, which starts are held, and who can let them go on.

A held start is shown to its requester and to those who can confirm it; under an embargo only to those named. A limit is
shown to those whose starts it holds, to those who can release it, and to those who read every system of the packet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from orchestrator.documents.document import Document
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.organisation.starts import CONFIRMED_FOR, HeldState, ReleasedTrip, StartsState, TripState
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import reads_everything


def starts_document(
    state: StartsState, packets: Mapping[str, Packet], actor: Actor, now: datetime, actors: Mapping[str, Actor]
) -> Document:
    """`packets` are today's versions, by name, of those that the actor may read; `actors` the known ones, by id."""
    trips = [trip for trip in state.trips.values() if _sees_trip(trip, packets, actor)]
    past = [one for one in reversed(state.past) if _sees_trip(one.trip, packets, actor)]
    held = [
        one
        for one in state.held.values()
        if one.held.packet in packets and starting.sees_held(one.held, actor, packets[one.held.packet])
    ]
    return {
        "limits": [_limits(name, packet) for name, packet in sorted(packets.items())],
        "reached": [_trip(trip, packets[trip.tripped.packet], actor, actors) for trip in trips],
        "held": [_held(one, packets[one.held.packet], actor, now, actors) for one in held],
        "released": [_released(one) for one in past],
    }


def _sees_trip(trip: TripState, packets: Mapping[str, Packet], actor: Actor) -> bool:
    packet = packets.get(trip.tripped.packet)
    if packet is None:
        return False
    own = trip.tripped.scope == "packet" or trip.tripped.by == actor.actor_id
    return own or _releases(actor, packet) or reads_everything(actor, packet)


def _releases(actor: Actor, packet: Packet) -> bool:
    return not actor.roles.isdisjoint(starting.releasing_roles(packet))


def _limits(name: str, packet: Packet) -> Document:
    limits = packet.approvals.start_limits
    return {
        "packet": name,
        "window_seconds": int(limits.window.total_seconds()),
        "per_requester": limits.per_requester,
        "per_packet": limits.per_packet,
        "urgent_per_requester": limits.urgent_per_requester,
        "urgent_per_packet": limits.urgent_per_packet,
    }


def _limit_reached(trip: TripState) -> Document:
    tripped = trip.tripped
    return {
        "trip_id": tripped.trip_id,
        "packet": tripped.packet,
        "scope": tripped.scope,
        "by": tripped.by,
        "urgent": tripped.urgent,
        "limit": tripped.limit,
        "reached_at": trip.at,
        "starts_held": trip.held,
    }


def _released(one: ReleasedTrip) -> Document:
    return {**_limit_reached(one.trip), "released_by": list(one.by), "released_at": one.at}


def _trip(trip: TripState, packet: Packet, actor: Actor, actors: Mapping[str, Actor]) -> Document:
    return {
        **_limit_reached(trip),
        "released_by": [one.by for one in starting.counted_approvals(trip, packet, actors)],
        "roles": sorted(starting.releasing_roles(packet)),
        "can_release": starting.can_release(trip, actor, packet, actors),
    }


def _held(one: HeldState, packet: Packet, actor: Actor, now: datetime, actors: Mapping[str, Actor]) -> Document:
    held, confirmed = one.held, starting.is_confirmed(one, packet, now, actors)
    return {
        "held_id": held.held_id,
        "packet": held.packet,
        "person": held.label,
        "by": held.by,
        "urgent": held.urgent,
        "why": held.why,
        "held_at": one.at,
        "confirmed_by": one.confirmed.by if one.confirmed is not None and confirmed else None,
        "confirmed_until": one.confirmed_at + CONFIRMED_FOR if one.confirmed_at is not None and confirmed else None,
        "roles": sorted(starting.deciding_roles(packet)),
        "can_confirm": starting.can_confirm(one, actor, packet, now, actors),
    }
