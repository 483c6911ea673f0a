"""How many runs were started recently, by whom and under which packet; which limits are reached; which starts are held.

A fold over the stream `starts`. It keeps what the longest possible window needs, so that a start reads no other runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event

KEPT_FOR: Final = timedelta(days=1)
"""The longest window that a packet can set, and how long a held start is listed."""
CONFIRMED_FOR: Final = timedelta(hours=1)
"""How long a start that a second person confirmed can be repeated."""
MAX_HELD: Final = 200
HELD_OF_EACH: Final = 20
"""Held starts that are listed, and how many of each requester are listed even then: one requester cannot keep the
starts of others from being confirmed. Further ones are refused in the same way, without a record."""


RELEASED_KEPT: Final = 100
"""How many limits that were released are listed, the latest ones."""


@dataclass(frozen=True, slots=True)
class TripState:
    """A limit that is reached. `held` is how many starts it held that are recorded."""

    tripped: e.StartsTripped
    at: datetime
    approvals: tuple[e.StartsReleaseApproved, ...] = ()
    held: int = 0

    def holds(self, requester: str, packet: str) -> bool:
        """Whether it holds a start of this requester under this packet."""
        if self.tripped.scope == "packet":
            return self.tripped.packet == packet
        return self.tripped.requester == requester


@dataclass(frozen=True, slots=True)
class ReleasedTrip:
    """A limit that was reached, and released by these accounts."""

    trip: TripState
    by: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class HeldState:
    held: e.StartHeld
    at: datetime
    confirmed: e.StartConfirmed | None = None
    confirmed_at: datetime | None = None

    def confirmed_now(self, now: datetime) -> bool:
        return self.confirmed_at is not None and now < self.confirmed_at + CONFIRMED_FOR


@dataclass(frozen=True, slots=True)
class StartsState:
    """`counted` with the times, oldest first; `trips` are the limits that are reached now, by id; `held` the starts
    that are held, by id. `released` is when a scope (requester or packet) was last released, `past` are the limits that
    were released, the latest last."""

    version: int = 0
    counted: tuple[tuple[datetime, e.StartCounted], ...] = ()
    trips: Mapping[str, TripState] = field(default_factory=dict)
    held: Mapping[str, HeldState] = field(default_factory=dict)
    released: Mapping[tuple[e.StartsScope, str], datetime] = field(default_factory=dict)
    past: tuple[ReleasedTrip, ...] = ()

    def held_for(self, person_id: str, requester: str, urgent: bool, packet: str) -> HeldState | None:
        """The held start of this requester for this person under this packet, if there is one."""
        wanted = (person_id, requester, urgent, packet)
        for one in self.held.values():
            held = one.held
            if (held.person_id, held.requester, held.urgent, held.packet) == wanted:
                return one
        return None

    def holds_no_more(self, requester: str) -> bool:
        """Whether a further held start of this requester is not listed."""
        of_theirs = sum(1 for one in self.held.values() if one.held.requester == requester)
        return len(self.held) >= MAX_HELD and of_theirs >= HELD_OF_EACH

    def trip_for(self, requester: str, packet: str) -> TripState | None:
        return next((trip for trip in self.trips.values() if trip.holds(requester, packet)), None)


def scope_key(scope: e.StartsScope, requester: str, packet: str) -> tuple[e.StartsScope, str]:
    return scope, packet if scope == "packet" else requester


def fold_starts(state: StartsState, event: Event, at: datetime) -> StartsState:
    state = _without_old(replace(state, version=state.version + 1), at)
    match event:
        case e.StartCounted(held_id=held_id):
            held = {id_: one for id_, one in state.held.items() if id_ != held_id}
            return replace(state, counted=(*state.counted, (at, event)), held=held)
        case e.StartsTripped(trip_id=trip_id):
            return replace(state, trips={**state.trips, trip_id: TripState(event, at)})
        case e.StartHeld(held_id=held_id):
            trips = {id_: _holding(trip, event) for id_, trip in state.trips.items()}
            return replace(state, held={**state.held, held_id: HeldState(event, at)}, trips=trips)
        case e.StartConfirmed(held_id=held_id) if held_id in state.held:
            confirmed = replace(state.held[held_id], confirmed=event, confirmed_at=at)
            return replace(state, held={**state.held, held_id: confirmed})
        case e.StartsReleaseApproved(trip_id=trip_id) if trip_id in state.trips:
            trip = state.trips[trip_id]
            return replace(state, trips={**state.trips, trip_id: replace(trip, approvals=(*trip.approvals, event))})
        case e.StartsReleased(trip_id=trip_id) if trip_id in state.trips:
            trip = state.trips[trip_id]
            key = scope_key(trip.tripped.scope, trip.tripped.requester, trip.tripped.packet)
            left = {id_: one for id_, one in state.trips.items() if id_ != trip_id}
            past = (*state.past, ReleasedTrip(trip, event.by, at))[-RELEASED_KEPT:]
            return replace(state, trips=left, released={**state.released, key: at}, past=past)
    return state


def _holding(trip: TripState, held: e.StartHeld) -> TripState:
    return replace(trip, held=trip.held + 1) if trip.holds(held.requester, held.packet) else trip


def _without_old(state: StartsState, at: datetime) -> StartsState:
    since = at - KEPT_FOR
    if state.counted and state.counted[0][0] < since:
        state = replace(state, counted=tuple(one for one in state.counted if one[0] >= since))
    if any(one.at < since for one in state.held.values()):
        state = replace(state, held={id_: one for id_, one in state.held.items() if one.at >= since})
    if any(when < since for when in state.released.values()):
        state = replace(state, released={key: when for key, when in state.released.items() if when >= since})
    return state
