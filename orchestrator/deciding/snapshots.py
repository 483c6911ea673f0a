"""The inputs of a decision about a run, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.domain.commands.starts.starting import roles_with_last_holder
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events import RunRequested
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.domain.organisation.services import answers_for
from orchestrator.domain.organisation.starts import StartsState
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.permissions.embargo import EmbargoTerms, embargo_of
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import sees
from orchestrator.domain.planning.restoring_packet import packet_of
from orchestrator.domain.run.progress import Progress
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import StepReadiness, World
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
    def outdated(self) -> bool:
        """Whether the world has the packet version from before a re-plan under another one."""
        return self.world.pinned.version != self.state.packet_version

    @property
    def progress(self) -> Progress:
        return progress(self.state, self.world)


@dataclass(frozen=True, slots=True)
class RunDecision:
    """The run after a decision, and the events that were appended, in order. `before` is the run that they were
    appended to."""

    state: RunState
    world: World
    events: tuple[Event, ...]
    readiness_by_step: Mapping[str, StepReadiness] | None = None
    before: RunState | None = None

    @property
    def progress(self) -> Progress:
        return progress(self.state, self.world, self.readiness_by_step)

    @property
    def makes_nothing_due(self) -> bool:
        """Whether a workflow that knows the run before has nothing to do about this: nothing was to be started, nothing
        is, and no date comes earlier."""
        now = self.progress
        if self.before is None or now.finished or now.steps or now.search:
            return False
        known = progress(self.before, self.world)
        if known.finished or known.steps or known.search:
            return False
        return now.due_in is None or (known.due_in is not None and known.due_in <= now.due_in)


Then = Callable[[RunDecision], Sequence[Event]]
"""Decides what is appended with a decision, on the state after it and its consequences."""


@dataclass(frozen=True, slots=True)
class StartDecision:
    """What a request for a run comes to: the run's events, and those of the stream of starts. Where it is `refused`,
    only the latter are appended. `before` are events of the person's latest run, which is cancelled with them. `twin`
    is the request of the dry run that is opened beside the run."""

    events: Sequence[Event] = ()
    starts: Sequence[Event] = ()
    refused: Refusal | None = None
    before: Sequence[Event] = ()
    twin: RunRequested | None = None


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a request for a run is decided on. `last_run` is the person's latest run, open or not, and never a dry run.
    `starts` are the recent starts.
    `left` is for urgent starts: the people (opaque IDs) who have left, among those with the same role of operator or
    safety owner as the person."""

    last_run: RunSnapshot | None
    shelf: PacketShelf
    organisation: Organisation
    now: datetime
    abilities: Catalogue
    starts: StartsState = field(default_factory=StartsState)
    left: frozenset[str] = frozenset()
    departed: frozenset[str] = frozenset()

    @property
    def open_run(self) -> RunSnapshot | None:
        """The person's one run that is open."""
        return self.last_run if self.last_run is not None and not self.last_run.state.finished else None

    def embargo_seen_by(self, actor: Actor) -> EmbargoTerms | None:
        """The embargo of the person's run, if the actor sees that run."""
        known = self.last_run
        if known is None or not sees(known.state, actor, known.world):
            return None
        return embargo_of(known.state, self.now)

    def last_holders(self, person_id: str) -> dict[str, tuple[str, ...]]:
        """The roles of operator and safety owner that this person has, under today's packet, each with the other people
        who have it (opaque ids)."""
        current = self.shelf.current
        return roles_with_last_holder(person_id, current, self.organisation.actors.values()) if current else {}

    def requester(self, actor: Actor, person_id: str) -> Actor:
        """The account that asks, as it counts for a run of this person (an opaque id): a service is the hand of the
        person who answers for it, of its deputy if the owner can't or is the leaver."""
        program = self.organisation.programs.get(actor.actor_id)
        if program is None or actor.kind != "service":
            return actor
        answering = answers_for(program, self.organisation.actors, {*self.departed, person_id})
        return actor if answering is None else actor.model_copy(update={"maker_human": answering.human})

    def world(self, packet_version: str, asked: RunRequested | None = None) -> World:
        """The world of a run that begins now under this version of the packet, and with this request."""
        pinned, current = self.shelf.version(packet_version), self.shelf.today_for(packet_version)
        return World(
            now=self.now,
            pinned=pinned if asked is None else packet_of(asked, pinned),
            current=current if asked is None else packet_of(asked, current),
            abilities=self.abilities,
            actors=self.organisation.actors,
            delegations=tuple(self.organisation.delegations.values()),
            programs=self.organisation.programs,
            departed=self.departed,
        )


@dataclass(frozen=True, slots=True)
class OrganisationSnapshot:
    """Who acts here, and packets by name, as of one read. `now` is the database's time."""

    organisation: Organisation
    shelves: Mapping[str, PacketShelf]
    now: datetime
