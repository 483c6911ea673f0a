"""What a decision about a run is made on, and its result."""

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
    """A run and the world around it, as of one read. `read_versions` are the versions of the streams that the world was
    read from: holds, the organisation, the packet."""

    state: RunState
    world: World
    read_versions: Mapping[str, int]

    @property
    def progress(self) -> Progress:
        return progress(self.state, self.world)


@dataclass(frozen=True, slots=True)
class RunDecision:
    """The run after a decision, and the events that were appended, in order."""

    state: RunState
    world: World
    events: tuple[Event, ...]
    standings: Mapping[str, StepReadiness] | None = None

    @property
    def progress(self) -> Progress:
        return progress(self.state, self.world, self.standings)


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a request for a run is decided on. `open_run` is the run that the person has already."""

    open_run: RunSnapshot | None
    shelf: PacketShelf
    organisation: Organisation
    now: datetime
    abilities: Catalogue

    def world(self, packet_version: str) -> World:
        """The world of a run that begins now under this version of the packet."""
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
    """Who acts here, and packets by name, as of one read. `now` is the database's time."""

    organisation: Organisation
    shelves: Mapping[str, PacketShelf]
    now: datetime
