"""What a round of reading and deciding goes by, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.run.progress import Progress
from orchestrator.domain.run.readiness import StepReadiness, World
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.upcoming import progress

Decide = Callable[[RunState, World], Sequence[Event]]


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run and the world around it, as of one read. `around` are the versions of the streams that the world is made
    of: holds, who acts here, the packet."""

    state: RunState
    world: World
    around: Mapping[str, int]

    @property
    def progress(self) -> Progress:
        return progress(self.state, self.world)


@dataclass(frozen=True, slots=True)
class RunDecision:
    """What a round came to: the run after it, and the events that were appended, in order."""

    state: RunState
    world: World
    events: tuple[Event, ...]
    standings: Mapping[str, StepReadiness] | None = None

    @property
    def progress(self) -> Progress:
        return progress(self.state, self.world, self.standings)


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a request for a run is decided on. `open_run` is the one that the person has already."""

    open_run: RunSnapshot | None
    shelf: PacketShelf
    organisation: Organisation
    now: datetime
    abilities: Catalogue

    def world(self, packet_version: str) -> World:
        """What lies around a run that begins now under this version of the packet."""
        return World(
            now=self.now,
            pinned=self.shelf.version(packet_version),
            current=self.shelf.today_for(packet_version),
            abilities=self.abilities,
            actors=self.organisation.actors,
            delegations=tuple(self.organisation.delegations.values()),
        )


@dataclass(frozen=True, slots=True)
class OrganisationSnapshot:
    """What every list rests on, as of one read: who acts here, and packets by name. `now` is the database's time."""

    organisation: Organisation
    shelves: Mapping[str, PacketShelf]
    now: datetime
