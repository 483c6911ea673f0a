"""Limits on starts: opening an exception for a limit that is reached, releasing it, and confirming one held start."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from orchestrator.commands.services import Services
from orchestrator.deciding.snapshots import Decide
from orchestrator.domain import events as e
from orchestrator.domain.commands import starting
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.readiness import World
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.book.errors import LedgerError

log = logging.getLogger("offboard.commands")


async def ask_about_trips(services: Services) -> None:
    """Opens an exception for the safety owner in the latest run that reached each limit. Every start that is held tries
    again, so a failure is only logged."""
    try:
        state, _ = await services.runs.starts.read()
        for trip in state.trips.values():
            if trip.tripped.run_id is not None:
                await services.runs.decide(trip.tripped.run_id, _opening(trip.tripped))
    except LedgerError as error:
        log.warning("the safety owner is asked about a limit on starts later: %s", type(error).__name__)


def exception_id(trip_id: str) -> str:
    return f"x-start_limit-{trip_id}"


def _opening(tripped: e.StartsTripped) -> Decide:
    def opened(state: RunState, world: World) -> Sequence[Event]:
        if exception_id(tripped.trip_id) in state.work.exceptions:
            return []
        return [
            e.ExceptionOpened(
                exception_id=exception_id(tripped.trip_id),
                kind="start_limit",
                owners=(world.current.platform.safety_owner,),
                due=world.now + world.current.approvals.exceptions.due_within,
                code=tripped.scope,
            )
        ]

    return opened


async def release_starts(services: Services, actor: Actor, trip_id: str) -> bool:
    """One of two people lets starts go on. True once they are released; False while a second person is missing."""
    require("release_starts", actor)
    packet = await _packet_of(services, trip=trip_id)
    before, _ = await services.runs.starts.read()
    happened = await services.runs.starts.decide(
        services.runs.organisation,
        lambda people, state, now: starting.release(state, trip_id, acting_now(actor, people), packet, people.actors),
    )
    released = any(isinstance(event, e.StartsReleased) for event in happened)
    run_id = before.trips[trip_id].tripped.run_id if trip_id in before.trips else None
    if released and run_id is not None:
        await services.runs.decide(run_id, lambda state, world: _closing(state, trip_id, actor))
    return released


def _closing(state: RunState, trip_id: str, actor: Actor) -> Sequence[Event]:
    known = state.work.exceptions.get(exception_id(trip_id))
    if known is None or not known.open:
        return []
    return [e.ExceptionClosed(exception_id=exception_id(trip_id), disposition="accepted", by=actor.actor_id)]


async def confirm_start(services: Services, actor: Actor, held_id: str) -> bool:
    """A second person confirms a held start; its requester can then repeat it. False if it was confirmed already."""
    require("confirm_start", actor)
    packet = await _packet_of(services, held=held_id)
    return bool(
        await services.runs.starts.decide(
            services.runs.organisation,
            lambda people, state, now: starting.confirm(
                state, held_id, acting_now(actor, people), packet, now, people.actors
            ),
        )
    )


async def _packet_of(services: Services, *, trip: str = "", held: str = "") -> Packet:
    """Today's version of the packet that a reached limit or a held start is about. Raises `Invalid`."""
    state, _ = await services.runs.starts.read()
    if trip:
        name = state.trips[trip].tripped.packet if trip in state.trips else None
    else:
        name = state.held[held].held.packet if held in state.held else None
    current = (await services.runs.shelf(name)).current if name is not None else None
    if current is not None:
        return current
    if trip:
        raise Invalid("unknown_trip", f"There is no limit {trip[:40]} that holds starts.")
    raise Invalid("unknown_held_start", f"There is no held start {held[:40]}.")
