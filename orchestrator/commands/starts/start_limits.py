"""Limits on starts: opening an exception for a limit that is reached, releasing it, and confirming one held start."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from orchestrator.commands.services import Services
from orchestrator.deciding.snapshots import Decide
from orchestrator.domain import events as e
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation, acting_now
from orchestrator.domain.organisation.starts import StartsState
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.book.errors import LedgerError

log = logging.getLogger("offboard.commands")


async def ask_about_trips(services: Services) -> None:
    """Opens an exception for the safety owner in the latest run that reached each limit. Every start that is held tries
    again, so a failure is only logged."""
    try:
        state, _ = await services.runs.starts.read()
        for trip_id, trip in state.trips.items():
            if trip.tripped.run_id is None:
                continue
            await services.runs.decide(trip.tripped.run_id, _opening(trip.tripped))
            if trip_id not in (await services.runs.starts.read())[0].trips:  # released since it was read
                await services.runs.decide(trip.tripped.run_id, _closing(trip_id))
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
    """One of two people lets starts go on. True once they are released; False while a second person is missing. The
    exception is closed first: if the process stops in between, the limit is still there and can be released again."""
    require("release_starts", actor)
    packet = await _packet_of(services, trip=trip_id)

    def release(people: Organisation, state: StartsState, now: datetime) -> Sequence[Event]:
        return starting.release(state, trip_id, acting_now(actor, people), packet, people.actors)

    state, now = await services.runs.starts.read()
    if _releases(release(await services.runs.organisation(), state, now)):
        run_id = state.trips[trip_id].tripped.run_id
        if run_id is not None:
            await services.runs.decide(run_id, _closing(trip_id, actor))
    return _releases(await services.runs.starts.decide(services.runs.organisation, release))


def _releases(happened: Sequence[Event]) -> bool:
    return any(isinstance(event, e.StartsReleased) for event in happened)


def _closing(trip_id: str, actor: Actor | None = None) -> Decide:
    """Closes the exception, if it is open; without an actor because its cause is gone."""

    def closed(state: RunState, world: World) -> Sequence[Event]:
        known = state.work.exceptions.get(exception_id(trip_id))
        if known is None or not known.open:
            return []
        if actor is None:
            return [e.ExceptionClosed(exception_id=exception_id(trip_id), disposition="overcome")]
        return [e.ExceptionClosed(exception_id=exception_id(trip_id), disposition="accepted", by=actor.actor_id)]

    return closed


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
