"""What lies around runs: who acts here and with which roles, what is on hold, and which run a person has open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.event import Event
from orchestrator.domain.levels import Actor


@dataclass(frozen=True, slots=True)
class Organisation:
    """The actors as they last signed in, less what was revoked since."""

    version: int = 0
    actors: Mapping[str, Actor] = field(default_factory=dict)


def fold_organisation(state: Organisation, event: Event) -> Organisation:
    actors = dict(state.actors)
    if isinstance(event, e.ActorRecorded):
        actors[event.actor_id] = Actor(
            actor_id=event.actor_id,
            kind=event.kind,
            roles=frozenset(event.roles),
            human=event.human,
            managers=frozenset(event.managers),
        )
    elif isinstance(event, e.RolesRevoked) and event.actor_id in actors:
        known = actors[event.actor_id]
        actors[event.actor_id] = known.model_copy(update={"roles": known.roles - set(event.roles)})
    return replace(state, version=state.version + 1, actors=actors)


def organisation_of(events: Iterable[Event]) -> Organisation:
    """The whole stream `organisation`, folded."""
    return reduce(fold_organisation, events, Organisation())


def actor(state: Organisation, actor_id: str) -> Actor:
    """Raises `NotAllowed` for an account that never signed in."""
    known = state.actors.get(actor_id)
    if known is None:
        raise NotAllowed("unknown_actor", "This account has not signed in here.", "Sign in first.")
    return known


@dataclass(frozen=True, slots=True)
class Holds:
    """One stream of holds: a system's, or `*` for everything."""

    version: int = 0
    held: bool = False


def fold_holds(state: Holds, event: Event) -> Holds:
    held = state.held
    if isinstance(event, e.HoldPlaced):
        held = True
    elif isinstance(event, e.HoldReleased):
        held = False
    return Holds(state.version + 1, held)


def holds_of(events: Iterable[Event]) -> Holds:
    """The whole of one stream of holds, folded."""
    return reduce(fold_holds, events, Holds())


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """Which runs a person has had, the latest last; whether that one is open only the run itself knows."""

    version: int = 0
    last_run: str | None = None


def fold_person(state: PersonRecord, event: Event) -> PersonRecord:
    last_run = event.run_id if isinstance(event, e.RunOpened) else state.last_run
    return PersonRecord(state.version + 1, last_run)
