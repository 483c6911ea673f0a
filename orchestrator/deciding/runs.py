"""The one loop in which everything about runs is decided, for commands and activities alike.

    read the streams ─► fold ─► decide(state, world) ─► what follows ─► append with the versions read
         ▲                                                                    │ somebody was first
         └────────────────────────────────────────────────────────────────────┘

An append names the run's version and those of the holds that were looked at, so that a decision never rests on what
is no longer so. The read tables change in the same transaction.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from orchestrator.deciding.folds import Folds
from orchestrator.deciding.packet_shelf import EMPTY_SHELF, PacketShelf, fold_shelf
from orchestrator.deciding.snapshots import Decide, OrganisationSnapshot, RunDecision, RunSnapshot, StartContext
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.events.event_keys import event_key
from orchestrator.domain.organisation import organisation as surroundings
from orchestrator.domain.packet import packet_history
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.packet_history import packet_stream
from orchestrator.domain.permissions.visibility import unknown_run
from orchestrator.domain.run.consequences import with_consequences
from orchestrator.domain.run.readiness import World
from orchestrator.domain.run.run import RunState, fold
from orchestrator.ledger.book import projections
from orchestrator.ledger.book.errors import VersionConflict
from orchestrator.ledger.book.records import Recorded, RowWrite, StreamAppend
from orchestrator.ledger.book.store import Ledger

RUN_EVENT_TYPES = (*e.RUN_EVENTS, *e.ORGANISATION_EVENTS, *packet_history.PACKET_EVENTS)

S = TypeVar("S")

MOST_ROUNDS = 200
"""Conflicts in a row before the loop gives up: a stream this busy is a fault, not a crowd."""
BACKOFF_STEP_SECONDS, MAX_BACKOFF_SECONDS = 0.001, 0.05
"""Seconds, at most, that whoever was second waits before the next round: so much per round lost, and never more."""
CACHED_RUNS = 256
SNAPSHOT_TTL_SECONDS = 5.0
"""Seconds for which this process acts on a world it has read, as long as the append finds it unchanged."""


class Runs:
    """Reads, decides and appends. One per process."""

    def __init__(self, ledger: Ledger, abilities: Catalogue) -> None:
        self.ledger = ledger
        self.abilities = abilities
        self._runs: Folds[RunState] = Folds(RunState(), fold, CACHED_RUNS)
        self._shelves: Folds[PacketShelf] = Folds(EMPTY_SHELF, fold_shelf, 64)
        self._holds: Folds[surroundings.Holds] = Folds(
            surroundings.Holds(), lambda state, event, at: surroundings.fold_holds(state, event), 512
        )
        self._seen: OrderedDict[str, RunSnapshot] = OrderedDict()
        self._organisation: Folds[surroundings.Organisation] = Folds(
            surroundings.Organisation(), lambda state, event, at: surroundings.fold_organisation(state, event), 1
        )
        self._organising = asyncio.Lock()

    async def load(self, run_id: str) -> RunSnapshot:
        """The run now. Raises `Invalid` if there is none with this id."""
        return (await self.load_many([run_id]))[run_id]

    async def load_many(self, run_ids: Sequence[str]) -> dict[str, RunSnapshot]:
        """Several runs at one moment, for as many reads as one of them takes. Raises `Invalid` naming the first id that
        there is no run with."""
        states = await self._advanced(self._runs, {run_id: e.run_stream(run_id) for run_id in run_ids})
        for run_id, (version, _) in states.items():
            if version == 0:
                raise unknown_run(run_id)
        packets = {state.asked.packet: packet_stream(state.asked.packet) for _, state in states.values()}
        shelves = await self._advanced(self._shelves, packets)
        pinned = {
            run_id: shelves[state.asked.packet][1].version(state.asked.packet_version)
            for run_id, (_, state) in states.items()
        }
        systems = {system for packet in pinned.values() for system in packet.platform.systems} | {e.EVERYTHING}
        holds = {system: self._holds.get(e.holds_stream(system)) for system in systems}
        organisation = self._organisation.get(e.ORGANISATION)
        page = await self.ledger.read(
            {
                **{e.run_stream(run_id): version for run_id, (version, _) in states.items()},
                **{packets[packet]: version for packet, (version, _) in shelves.items()},
                **{e.holds_stream(system): version for system, (version, _) in holds.items()},
                e.ORGANISATION: organisation[0],
            }
        )
        organisation = self._organisation.advance(e.ORGANISATION, organisation, page.events[e.ORGANISATION])
        shelves = {
            packet: self._shelves.advance(packets[packet], known, page.events[packets[packet]])
            for packet, known in shelves.items()
        }
        for system, known in holds.items():
            stream = e.holds_stream(system)
            holds[system] = self._holds.advance(stream, known, page.events[stream])
        clock, found = time.monotonic(), {}
        for run_id, before in states.items():
            stream = e.run_stream(run_id)
            _, state = self._runs.advance(stream, before, page.events[stream])
            shelf_version, shelf = shelves[state.asked.packet]
            concerned = (*pinned[run_id].platform.systems, e.EVERYTHING)
            world = World(
                now=page.now,
                read_at=clock,
                pinned=pinned[run_id],
                current=shelf.today_for(state.asked.packet_version),
                abilities=self.abilities,
                holds=frozenset(system for system in concerned if holds[system][1].held),
                actors=organisation[1].actors,
                delegations=tuple(organisation[1].delegations.values()),
            )
            around = {e.holds_stream(system): holds[system][0] for system in concerned}
            around |= {e.ORGANISATION: organisation[0], packets[state.asked.packet]: shelf_version}
            found[run_id] = RunSnapshot(state, world, around)
            self._keep(run_id, found[run_id])
        return found

    async def _advanced(self, folds: Folds[S], streams: Mapping[str, str]) -> dict[str, tuple[int, S]]:
        """What this process knows of these streams, by the names given; what it knows nothing of is read."""
        known = {name: folds.get(stream) for name, stream in streams.items()}
        new = [name for name, (version, _) in known.items() if version == 0]
        if new:
            page = await self.ledger.read({streams[name]: 0 for name in new})
            for name in new:
                known[name] = folds.advance(streams[name], known[name], page.events[streams[name]])
        return known

    def _keep(self, run_id: str, situation: RunSnapshot) -> None:
        if situation.state.finished:
            self._runs.forget(e.run_stream(run_id))
            self._seen.pop(run_id, None)
            return
        self._seen[run_id] = situation
        self._seen.move_to_end(run_id)
        while len(self._seen) > CACHED_RUNS:
            self._seen.popitem(last=False)

    async def decide(self, run_id: str, decide: Decide) -> RunDecision:
        """Decides until the append stands. Raises whatever `decide` refuses with, and `LedgerUnavailable`."""
        for lost in range(MOST_ROUNDS):
            await _back_off(lost)
            situation = await self.load(run_id)
            caused = list(decide(situation.state, situation.world))
            decided = await self._append(situation, caused)
            if decided is not None:
                return decided
        raise VersionConflict(e.run_stream(run_id), situation.state.version, -1)

    async def record_intent(self, run_id: str, decide: Decide) -> RunDecision:
        """Decides an intent on what this process saw a moment ago, if that brings one up: the append states the
        versions of everything it was decided on, so it stands only if all of that is still so. Else like `decide`."""
        situation = self._as_seen(run_id)
        if situation is not None:
            caused = list(decide(situation.state, situation.world))
            decided = await self._append(situation, caused) if caused else None
            if decided is not None:
                return decided
        return await self.decide(run_id, decide)

    async def record_fact(self, run_id: str, decide: Decide) -> RunDecision:
        """Decides a fact without reading first: the append finds out whether anything else happened to the run, and
        then it is decided afresh."""
        situation = self._as_seen(run_id)
        if situation is not None:
            decided = await self._append(situation, list(decide(situation.state, situation.world)))
            if decided is not None:
                return decided
        return await self.decide(run_id, decide)

    def _as_seen(self, run_id: str) -> RunSnapshot | None:
        """The run as this process knows it, if it read all of it lately; its world is as old as that read."""
        seen = self._seen.get(run_id)
        version, state = self._runs.get(e.run_stream(run_id))
        clock = time.monotonic()
        if seen is None or version < seen.state.version or clock - seen.world.read_at > SNAPSHOT_TTL_SECONDS:
            return None
        return RunSnapshot(state, seen.world.later(clock), seen.around)

    async def advance(self, run_id: str) -> RunDecision:
        """Whatever is due by now: nothing causes it but time."""
        return await self.decide(run_id, lambda state, world: ())

    async def _append(self, situation: RunSnapshot, caused: list[Event]) -> RunDecision | None:
        before, world = situation.state, situation.world
        if before.finished and not caused:
            return RunDecision(before, world, ())
        after, happened, standings = with_consequences(before, caused, world)
        if not happened:
            return RunDecision(before, world, (), standings)
        stream = e.run_stream(before.run_id)
        appends = [StreamAppend(stream, before.version, drafts(happened, before.version, before.asked.person_id))]
        if any(isinstance(event, e.StepStarted) for event in happened):
            # Intents rest on everything that was read; facts and what people decide rest on the run alone.
            appends += [StreamAppend(name, version) for name, version in situation.around.items()]
        elif _for_somebody(happened):
            appends.append(StreamAppend(e.ORGANISATION, situation.around[e.ORGANISATION]))
        try:
            appended = await self.ledger.append(appends, projections.changes(before, after, world.now))
        except VersionConflict:
            return None  # a taken key at the version that was read is a fault: deciding again would come to the same
        state = self._runs.advance(stream, (before.version, before), appended.events)[1]
        return RunDecision(state, world, tuple(happened), standings)

    async def start(
        self, person_id: str, request: Callable[[StartContext], Sequence[Event]], packet: str
    ) -> RunDecision:
        """Opens a run for a person, in the run's and the person's stream at once, with what `request` says: first that
        it was asked for, then what was said with that. Or, where it says something about the run that they have, lets
        that happen to it."""
        person_stream, packets = e.person_stream(person_id), packet_stream(packet)
        for lost in range(MOST_ROUNDS):
            await _back_off(lost)
            known = self._organisation.get(e.ORGANISATION)
            page = await self.ledger.read({person_stream: 0, packets: 0, e.ORGANISATION: known[0]})
            record = surroundings.PersonRecord()
            for recorded in page.events[person_stream]:
                record = surroundings.fold_person(record, recorded.event)
            open_run = await self.load(record.last_run) if record.last_run is not None else None
            if open_run is not None and open_run.state.finished:
                open_run = None
            _, shelf = self._shelves.advance(packets, (0, EMPTY_SHELF), page.events[packets])
            organised, people = self._organisation.advance(e.ORGANISATION, known, page.events[e.ORGANISATION])
            opening = StartContext(open_run, shelf, people, page.now, self.abilities)
            caused = list(request(opening))
            asked = caused[0] if caused else None
            if not isinstance(asked, e.RunRequested):
                assert open_run is not None, "there is a run to which something can happen"
                decided = await self._append(open_run, caused)
                if decided is None:
                    continue
                return decided
            world = opening.world(asked.packet_version)
            after, happened, _ = with_consequences(RunState(), caused, world)
            opened = e.RunOpened(run_id=asked.run_id)
            appends = [
                StreamAppend(e.run_stream(asked.run_id), 0, drafts(happened, 0, person_id)),
                StreamAppend(person_stream, record.version, drafts([opened], record.version, person_id)),
            ]
            if _for_somebody(happened):
                appends.append(StreamAppend(e.ORGANISATION, organised))
            try:
                await self.ledger.append(appends, projections.changes(RunState(), after, world.now))
            except VersionConflict:
                continue
            return RunDecision(after, world, tuple(happened))
        raise VersionConflict(person_stream, record.version, -1)

    async def organisation(self) -> surroundings.Organisation:
        known = self._organisation.get(e.ORGANISATION)
        page = await self.ledger.read({e.ORGANISATION: known[0]})
        return self._organisation.advance(e.ORGANISATION, known, page.events[e.ORGANISATION])[1]

    async def around(self, packets: Iterable[str]) -> OrganisationSnapshot:
        """Who acts here and these packets, for one read."""
        streams = {name: packet_stream(name) for name in packets}
        known = {name: self._shelves.get(stream) for name, stream in streams.items()}
        people = self._organisation.get(e.ORGANISATION)
        page = await self.ledger.read(
            {e.ORGANISATION: people[0], **{streams[name]: version for name, (version, _) in known.items()}}
        )
        _, organisation = self._organisation.advance(e.ORGANISATION, people, page.events[e.ORGANISATION])
        shelves = {
            name: self._shelves.advance(streams[name], before, page.events[streams[name]])[1]
            for name, before in known.items()
        }
        return OrganisationSnapshot(organisation, shelves, page.now)

    def prime_cache(self, run_id: str, happened: Sequence[Recorded]) -> None:
        """For whoever has read all events of a run anyway: the next look at it reads only what came since."""
        stream = e.run_stream(run_id)
        if self._runs.get(stream)[0] == 0:
            self._runs.advance(stream, self._runs.get(stream), happened)

    async def update_organisation(
        self,
        decide: Callable[[surroundings.Organisation, datetime], Sequence[Event]],
        subject: str | None = None,
    ) -> Sequence[Event]:
        """Appends what `decide` says about who acts here, on what is known already: nobody reads the whole history of
        sign-ins to add one. `subject` is the person whose key personal fields are encrypted under."""
        # One after the other here, so that a morning on which everybody signs in at once does not conflict with itself.
        async with self._organising:
            for lost in range(MOST_ROUNDS):
                await _back_off(lost)
                known = self._organisation.get(e.ORGANISATION)
                page = await self.ledger.read({e.ORGANISATION: known[0]})
                version, people = self._organisation.advance(e.ORGANISATION, known, page.events[e.ORGANISATION])
                wanted = decide(people, page.now)
                if not wanted:
                    return ()
                append = StreamAppend(e.ORGANISATION, version, drafts(wanted, version, subject))
                try:
                    appended = await self.ledger.append([append])
                except VersionConflict:
                    continue
                self._organisation.advance(e.ORGANISATION, (version, people), appended.events)
                return wanted
        raise VersionConflict(e.ORGANISATION, version, -1)

    async def held_systems(self, systems: Iterable[str]) -> frozenset[str]:
        """Those of these systems on which changes are held back, and `*` where all are."""
        streams = {e.holds_stream(system): system for system in (*systems, e.EVERYTHING)}
        page = await self.ledger.read(dict.fromkeys(streams, 0))
        return frozenset(
            system
            for stream, system in streams.items()
            if surroundings.holds_of(recorded.event for recorded in page.events[stream]).held
        )

    async def shelf(self, packet: str) -> PacketShelf:
        stream = packet_stream(packet)
        known = self._shelves.get(stream)
        page = await self.ledger.read({stream: known[0]})
        return self._shelves.advance(stream, known, page.events[stream])[1]

    async def append_to(
        self,
        stream: str,
        decide: Callable[[Sequence[Event]], Sequence[Draft]],
        rows: Callable[[Sequence[Event]], Sequence[RowWrite]] = lambda events: (),
    ) -> Sequence[Event]:
        """For the small streams around runs: decide on all of a stream's events, and append what follows. `rows` gets
        the whole stream as it will be."""
        for lost in range(MOST_ROUNDS):
            await _back_off(lost)
            page = await self.ledger.read({stream: 0})
            history = [recorded.event for recorded in page.events[stream]]
            wanted = decide(history)
            if not wanted:
                return ()
            fresh = [draft.event for draft in wanted]
            try:
                await self.ledger.append(
                    [StreamAppend(stream, page.version(stream), tuple(wanted))], rows([*history, *fresh])
                )
            except VersionConflict:
                continue
            return fresh
        raise VersionConflict(stream, page.version(stream), -1)


def _for_somebody(events: Sequence[Event]) -> bool:
    """What is decided for somebody rests on their having asked for that, up to this very moment."""
    return any(getattr(event, "on_behalf_of", None) is not None for event in events)


async def _back_off(lost: int) -> None:
    """Two processes that append to one stream in step would otherwise let the same one win every time."""
    if lost:
        await asyncio.sleep(random.uniform(0, min(BACKOFF_STEP_SECONDS * lost, MAX_BACKOFF_SECONDS)))  # noqa: S311  # no secret


def drafts(events: Sequence[Event], version: int, subject: str | None) -> tuple[Draft, ...]:
    """Drafts for consecutive versions after `version`."""
    return tuple(
        Draft(key=event_key(event, version + number), event=event, subject=subject)
        for number, event in enumerate(events, start=1)
    )
