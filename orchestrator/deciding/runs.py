"""Decides about runs, for commands and activities alike. Every append goes through the loop in `optimistic.py`.

    read the streams ─► fold ─► decide(state, world) ─► consequences ─► append with the versions that were read
         ▲                                                                    │ another process was first
         └────────────────────────────────────────────────────────────────────┘

An append names the versions of what the decision rests on (the run, for a command the accounts, for an intent all that
was read), so that it never rests on a state that has changed. The read tables change in the same transaction.

Over 400 lines: one class, whose methods share what the process has read.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from orchestrator.deciding.appending import decided_before, drafts
from orchestrator.deciding.departures import Departures
from orchestrator.deciding.folds import Folds
from orchestrator.deciding.optimistic import until_appended
from orchestrator.deciding.packet_shelf import EMPTY_SHELF, PacketShelf, fold_shelf
from orchestrator.deciding.person_runs import last_own_run, people_who_left, require_not_erased
from orchestrator.deciding.snapshots import (
    Decide,
    OrganisationSnapshot,
    RunDecision,
    RunSnapshot,
    StartContext,
    StartDecision,
    Then,
)
from orchestrator.deciding.starts.batches import Batches
from orchestrator.deciding.starts.recent_starts import RecentStarts
from orchestrator.domain import events as e
from orchestrator.domain.commands.systems import held_back
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import (
    Holds,
    Organisation,
    fold_holds,
    fold_organisation,
)
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.history.packet_events import PACKET_EVENTS, packet_stream
from orchestrator.domain.permissions.reports import roles_kept
from orchestrator.domain.permissions.visibility import unknown_run
from orchestrator.domain.planning.restoring_packet import packet_of
from orchestrator.domain.run.comparison.twins import followed
from orchestrator.domain.run.consequences import with_consequences
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.access.keyed_requests import keyed_append
from orchestrator.ledger.book import projections
from orchestrator.ledger.book.errors import LedgerUnavailable, VersionConflict
from orchestrator.ledger.book.records import Recorded, RowWrite, StreamAppend
from orchestrator.ledger.book.store import Ledger

RUN_EVENT_TYPES = (*e.RUN_EVENTS, *e.ORGANISATION_EVENTS, *PACKET_EVENTS)

S = TypeVar("S")
RestsOn = Callable[[RunSnapshot, Sequence[Event]], Awaitable[Sequence[StreamAppend]]]
RowRecord = Callable[[str | None], Sequence[StreamAppend]]
"""What is appended to a batch with the start of one of its runs; None: the request was only received."""
BatchRowStart = Callable[[], Awaitable[RowRecord]]
"""Reads the batch. Raises `Refusal` where it starts no run for this row."""

CACHED_RUNS = 256
SNAPSHOT_TTL_SECONDS = 5.0
"""How long this process acts on a world that it has read, as long as the append finds it unchanged."""


class Runs:
    """Reads, decides and appends. One per process."""

    def __init__(self, ledger: Ledger, abilities: Catalogue) -> None:
        self.ledger = ledger
        self.abilities = abilities
        self._runs: Folds[RunState] = Folds(RunState(), fold, CACHED_RUNS)
        self._shelves: Folds[PacketShelf] = Folds(EMPTY_SHELF, fold_shelf, 64)
        self._holds: Folds[Holds] = Folds(Holds(), fold_holds, 512)
        self._snapshots: OrderedDict[str, RunSnapshot] = OrderedDict()
        self._organisation: Folds[Organisation] = Folds(
            Organisation(), lambda state, event, at: fold_organisation(state, event), 1
        )
        self.starts = RecentStarts(ledger)
        self.batches = Batches(ledger)
        self._organising = asyncio.Lock()
        self._starting = asyncio.Lock()
        self._refusing = asyncio.Lock()
        self.departures = Departures(ledger)
        ledger.forgetting.append(self._forget)

    def _forget(self) -> None:
        """What this process knows is of a database that is no longer there."""
        for folds in (self._runs, self._shelves, self._holds, self._organisation):
            folds.clear()
        self._snapshots.clear()
        self.departures.forget()
        self.starts.forget()
        self.batches.forget()

    async def load(self, run_id: str) -> RunSnapshot:
        """The run now. Raises `Invalid` if there is none with this id."""
        return (await self.load_many([run_id]))[run_id]

    async def load_many(self, run_ids: Sequence[str]) -> dict[str, RunSnapshot]:
        """Several runs at one moment, with as many reads as for one. Raises `Invalid` for the first unknown id."""
        kept = {run_id for run_id in run_ids if self._runs.get(e.run_stream(run_id))[0] > 0}
        states = await self._advanced(self._runs, {run_id: e.run_stream(run_id) for run_id in run_ids})
        for run_id, (version, _) in states.items():
            if version == 0:
                raise unknown_run(run_id)
        packets = {state.asked.packet: packet_stream(state.asked.packet) for _, state in states.values()}
        shelves = await self._advanced(self._shelves, packets)
        for _, state in states.values():
            name = state.asked.packet
            if not shelves[name][1].has(state.packet_version):  # adopted since this process read the packet
                await self.shelf(name)
                shelves[name] = self._shelves.get(packets[name])
        pinned = {
            run_id: packet_of(state.asked, shelves[state.asked.packet][1].version(state.packet_version))
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
        departed = await self.departures.departed(organisation[1])
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
            current, about = packet_of(state.asked, shelf.today_for(state.packet_version)), state.asked.person_id
            placed = {system: holds[system] for system in (*pinned[run_id].platform.systems, e.EVERYTHING)}
            world = World(
                now=page.now,
                read_at=clock,
                pinned=pinned[run_id],
                current=current,
                abilities=self.abilities,
                holds=held_back(placed, about, organisation[1].actors, (pinned[run_id], current), departed),
                held_since={system: known.since for system, (_, known) in placed.items()},
                held_by={system: known.by for system, (_, known) in placed.items()},
                actors=organisation[1].actors,
                delegations=tuple(organisation[1].delegations.values()),
                programs=organisation[1].programs,
                departed=departed,
                restored_at=placed[e.EVERYTHING][1].restored_at,
                kept_roles=roles_kept(organisation[1], about, (pinned[run_id], current), departed),
            )
            versions = {e.holds_stream(system): version for system, (version, _) in placed.items()}
            versions |= {e.ORGANISATION: organisation[0], packets[state.asked.packet]: shelf_version}
            found[run_id] = RunSnapshot(state, world, versions)
            self._keep(run_id, found[run_id])
        if again := [id_ for id_, one in found.items() if one.outdated or (id_ in kept and one.state.finished)]:
            found |= await self.load_many(again)  # over: decrypted again, since the person can have been erased
        return found

    async def state_now(self, run_id: str) -> tuple[RunState, datetime]:
        """The run and the ledger's time, for a check that needs nothing else of what decisions rest on."""
        stream = e.run_stream(run_id)
        known = self._runs.get(stream)
        page = await self.ledger.read({stream: known[0]})
        return self._runs.advance(stream, known, page.events[stream])[1], page.now

    async def _advanced(self, folds: Folds[S], streams: Mapping[str, str]) -> dict[str, tuple[int, S]]:
        """What this process knows of these streams, by the names given; what it knows nothing of is read."""
        known = {name: folds.get(stream) for name, stream in streams.items()}
        new = [name for name, (version, _) in known.items() if version == 0]
        if new:
            page = await self.ledger.read({streams[name]: 0 for name in new})
            for name in new:
                known[name] = folds.advance(streams[name], known[name], page.events[streams[name]])
        return known

    def _keep(self, run_id: str, snapshot: RunSnapshot) -> None:
        if snapshot.state.finished:
            self._runs.forget(e.run_stream(run_id))
            self._snapshots.pop(run_id, None)
            return
        self._snapshots[run_id] = snapshot
        self._snapshots.move_to_end(run_id)
        while len(self._snapshots) > CACHED_RUNS:
            self._snapshots.popitem(last=False)

    async def decide(
        self,
        run_id: str,
        decide: Decide,
        *,
        then: Then | None = None,
        by_account: bool = False,
        rests_on: RestsOn | None = None,
    ) -> RunDecision:
        """Decides and appends. Raises what `decide` raises, and `LedgerUnavailable`. `by_account`: the decision also
        rests on what an account may do; `rests_on` says on what else, once it is decided. What a refusal `records` is
        appended before it is raised."""

        keyed = keyed_append(e.run_stream(run_id))
        if earlier := await keyed.found(self.ledger):
            return await self.decided(run_id, earlier)

        async def attempt(*, recording: bool = False) -> RunDecision:
            snapshot = await self.load(run_id)
            try:
                caused = list(decide(snapshot.state, snapshot.world))
            except Refusal as refused:
                if recording and refused.records:
                    await self._record_refusal(snapshot, refused.records)
                raise
            more = await rests_on(snapshot, caused) if rests_on is not None else ()
            return await self.append(
                snapshot, caused, more, then=then, by_account=by_account, append_id=keyed.append_id
            )

        try:
            return await until_appended(attempt)
        except Refusal as refused:
            if not refused.records:
                raise
        async with self._refusing:  # one at a time in this process, so that many late votes do not conflict
            return await until_appended(lambda: attempt(recording=True))

    async def decided(self, run_id: str, earlier: Sequence[Recorded]) -> RunDecision:
        """The decision that a repeated request made when it was received first, with the run as it is now."""
        snapshot = await self.load(run_id)
        return RunDecision(snapshot.state, snapshot.world, tuple(recorded.event for recorded in earlier))

    async def _record_refusal(self, snapshot: RunSnapshot, records: Sequence[Event]) -> None:
        """Appends what a refusal records, and nothing that follows from it: the run is as it was, and its workflow
        need not wake. Raises `VersionConflict` like `append`."""
        before, now, stream = snapshot.state, snapshot.world.now, e.run_stream(snapshot.state.run_id)
        after = before
        for event in records:
            after = fold(after, event, now)
        appended = await self.ledger.append(
            [
                StreamAppend(stream, before.version, drafts(records, before.version, None)),
                StreamAppend(e.ORGANISATION, snapshot.read_versions[e.ORGANISATION]),
            ],
            projections.changes(before, after, now),
        )
        own = [recorded for recorded in appended.events if recorded.stream == stream]
        self._runs.advance(stream, (before.version, before), own)
        with contextlib.suppress(LedgerUnavailable):  # then the relay wakes the workflow once
            await self.ledger.passed_over(before.run_id, before.version, after.version)

    async def record_intent(self, run_id: str, decide: Decide) -> RunDecision:
        """Decides an intent on what this process read a moment ago. The append names the versions of everything that
        was read, so it succeeds only if all of that is still so; otherwise this is `decide`."""
        snapshot = self._cached(run_id)
        if snapshot is not None and (caused := list(decide(snapshot.state, snapshot.world))):
            with contextlib.suppress(VersionConflict):
                return await self.append(snapshot, caused)
        return await self.decide(run_id, decide)

    async def record_fact(self, run_id: str, decide: Decide, then: Then | None = None) -> RunDecision:
        """Decides a fact without reading first: the append detects whether anything else happened to the run, and then
        the fact is decided afresh. Intents that `then` adds rest on what was read a moment ago, as in
        `record_intent`."""
        snapshot = self._cached(run_id)
        if snapshot is not None:
            with contextlib.suppress(VersionConflict):
                return await self.append(snapshot, list(decide(snapshot.state, snapshot.world)), then=then)
        return await self.decide(run_id, decide, then=then)

    def _cached(self, run_id: str) -> RunSnapshot | None:
        """The run as this process knows it, if it read all of it recently; its world is as old as that read."""
        seen = self._snapshots.get(run_id)
        version, state = self._runs.get(e.run_stream(run_id))
        clock = time.monotonic()
        if seen is None or version < seen.state.version or clock - seen.world.read_at > SNAPSHOT_TTL_SECONDS:
            return None
        snapshot = RunSnapshot(state, seen.world.later(clock), seen.read_versions)
        return None if snapshot.outdated else snapshot

    async def advance(self, run_id: str) -> RunDecision:
        """Whatever is due by now: nothing causes it but time."""
        return await self.decide(run_id, lambda state, world: ())

    async def append(
        self,
        snapshot: RunSnapshot,
        caused: list[Event],
        more: Sequence[StreamAppend] = (),
        *,
        then: Then | None = None,
        by_account: bool = False,
        append_id: UUID | None = None,
    ) -> RunDecision:
        """`more` is appended with it. Raises `VersionConflict` where the run, or what the decision rests on, has
        changed since it was read."""
        before, world = snapshot.state, snapshot.world.after(snapshot.state.recorded_at)
        if before.finished and not caused:
            return RunDecision(before, world, ())
        after, happened, readiness_by_step = with_consequences(before, caused, world)
        if then is not None and (next_ := list(then(RunDecision(after, world, tuple(happened), readiness_by_step)))):
            after, followed, readiness_by_step = with_consequences(after, next_, world)
            happened += followed
        if not happened:
            return RunDecision(before, world, (), readiness_by_step)
        stream = e.run_stream(before.run_id)
        appends = [
            StreamAppend(stream, before.version, drafts(happened, before.version, before.asked.person_id)),
            *more,
        ]
        if any(isinstance(event, e.StepStarted) for event in happened):
            # Intents rest on everything that was read, commands on the run and the accounts, facts on the run alone.
            appends += [StreamAppend(name, version) for name, version in snapshot.read_versions.items()]
        elif by_account:
            appends.append(StreamAppend(e.ORGANISATION, snapshot.read_versions[e.ORGANISATION]))
        # A key that is taken at the version that was read is a fault: deciding again would come to the same.
        rows = projections.changes(before, after, world.now)
        if before.asked.twin is not None:
            beside, more_rows = await self._of_twin(before.asked.twin, happened)
            appends, rows = [*appends, *beside], [*rows, *more_rows]
        until = decided_before(before, happened)
        appended = await self.ledger.append(appends, rows, not_after=until, append_id=append_id)
        self.starts.appended(appended)
        own = [recorded for recorded in appended.events if recorded.stream == stream]
        state = self._runs.advance(stream, (before.version, before), own)[1]
        return RunDecision(state, world, tuple(happened), readiness_by_step, before)

    async def passed_over(self, decided: RunDecision) -> None:
        """Notes that the run's workflow need not wake for this decision (`makes_nothing_due`)."""
        if decided.before is not None:
            with contextlib.suppress(LedgerUnavailable):  # then the relay wakes the workflow once
                await self.ledger.passed_over(decided.state.run_id, decided.before.version, decided.state.version)

    async def _of_twin(self, twin: str, happened: Sequence[Event]) -> tuple[Sequence[StreamAppend], Sequence[RowWrite]]:
        """What these events of a run append to the dry run beside it."""
        if not any(followed(happened, None)):
            return (), ()
        known = await self.load(twin)
        before, world = known.state, known.world.after(known.state.recorded_at)
        caused = [] if before.finished else list(followed(happened, world.pinned.platform.systems))
        if not caused:
            return (), ()
        after, caused, _ = with_consequences(before, caused, world)
        to_add = StreamAppend(
            e.run_stream(twin), before.version, drafts(caused, before.version, before.asked.person_id)
        )
        return [to_add], projections.changes(before, after, world.now)

    async def start(
        self, person_id: str, request: Callable[[StartContext], StartDecision], packet: str, *,
        urgent: bool = False, cutoff: datetime | None = None, of_batch: BatchRowStart | None = None,
    ) -> RunDecision:  # fmt: skip
        """Opens a run for a person, in the run's and the person's stream at once, with the events of `request`, of
        which the first is `RunRequested`, and the dry run beside it. A dry run is in a stream of its own only. Where
        the first is another event, the events are appended to the run that the person has already. A start that a limit
        holds is recorded, and then refused. Events `before` are appended to the person's latest run. Raises what
        `request` raises, the refusal that it returns, and `LedgerUnavailable`. A start whose
        `cutoff` is past can be urgent as well. `of_batch` is the row of a batch that starts this run: it is recorded in
        the same append, and raises where the batch starts no runs now."""
        person_stream, packets = e.person_stream(person_id), packet_stream(packet)
        keyed = keyed_append(person_stream)
        for recorded in await keyed.found(self.ledger):
            if isinstance(recorded.event, e.RunOpened):
                opened_run = recorded.event.run_id
                assert keyed.append_id is not None
                run_events = await self.ledger.appended(e.run_stream(opened_run), keyed.append_id)
                return await self.decided(opened_run, run_events)

        async def attempt() -> RunDecision:
            known, counted = self._organisation.get(e.ORGANISATION), self.starts.cached()
            shelved = self._shelves.get(packets)
            page = await self.ledger.read({
                person_stream: 0, packets: shelved[0], e.ORGANISATION: known[0], e.STARTS: counted[0],
            })  # fmt: skip
            require_not_erased(page.events[person_stream])
            about, last_run = page.version(person_stream), await last_own_run(page.events[person_stream], self.load)
            _, shelf = self._shelves.advance(packets, shelved, page.events[packets])
            organised, people = self._organisation.advance(e.ORGANISATION, known, page.events[e.ORGANISATION])
            counted = self.starts.advance(counted, page.events[e.STARTS])
            departed = await self.departures.departed(people)
            recorded_by = await of_batch() if of_batch is not None else None
            context = StartContext(last_run, shelf, people, page.now, self.abilities, departed=departed)
            others = [person for one in context.last_holders(person_id).values() for person in one]
            if urgent or (others and cutoff is not None and cutoff <= page.now):
                left = await people_who_left(self.ledger, self.load, others)
                start = replace(context, left=left, starts=counted[1])
                return await append(start, counted[0], organised, about, recorded_by)
            async with self._starting:
                version, starts = self.starts.cached()
                return await append(replace(context, starts=starts), version, organised, about, recorded_by)

        async def append(
            context: StartContext, version: int, organised: int, about: int, recorded_by: RowRecord | None
        ) -> RunDecision:
            decided, open_run = request(context), context.open_run
            caused = list(decided.events)
            rests_on = StreamAppend(e.ORGANISATION, organised)
            more = [StreamAppend(e.STARTS, version, drafts(decided.starts, version, person_id)), rests_on]
            if decided.refused is not None:
                if decided.starts:
                    self.starts.appended(await self.ledger.append(more))
                raise decided.refused
            more = more if decided.starts else [rests_on]
            asked = caused[0] if caused else None
            if recorded_by is not None:
                more += recorded_by(asked.run_id if isinstance(asked, e.RunRequested) else None)
            if not isinstance(asked, e.RunRequested):
                assert open_run is not None, "only a run that is open can have other events appended"
                if not caused and (decided.starts or recorded_by is not None):
                    self.starts.appended(await self.ledger.append(more))
                return await self.append(open_run, caused, more if caused else ())
            world = context.world(asked.packet_version, asked)
            after, happened, _ = with_consequences(RunState(), caused, world)
            if after.dry:  # a start that is repeated finds its run; other starts find it in the person's stream
                with contextlib.suppress(Invalid):
                    known = await self.load(asked.run_id)
                    return RunDecision(known.state, known.world, ())
            rows: list[RowWrite] = []
            opened = [] if after.dry else drafts([e.RunOpened(run_id=asked.run_id)], about, person_id)
            if context.last_run is not None and not after.dry:  # it stays closed: no replay reopens it meanwhile
                last, ended = context.last_run.state, context.last_run.state
                before = list(decided.before)
                if before:  # it is cancelled with the start
                    ended, before, _ = with_consequences(last, before, context.last_run.world.after(last.recorded_at))
                    rows = projections.changes(last, ended, world.now)
                cancelled = drafts(before, last.version, person_id)
                more = [*more, StreamAppend(e.run_stream(last.run_id), last.version, cancelled)]
            appends = [
                StreamAppend(e.run_stream(asked.run_id), 0, drafts(happened, 0, person_id)),
                StreamAppend(person_stream, about, opened),
                *more,
            ]
            rows = [*rows, *projections.changes(RunState(), after, world.now)]
            if decided.twin is not None:
                beside = context.world(decided.twin.packet_version, decided.twin)
                twin, begun, _ = with_consequences(RunState(), [decided.twin], beside)
                appends.append(StreamAppend(e.run_stream(twin.run_id), 0, drafts(begun, 0, person_id)))
                rows += projections.changes(RunState(), twin, beside.now)
            self.starts.appended(await self.ledger.append(appends, rows, append_id=keyed.append_id))
            return RunDecision(after, world, tuple(happened))

        # Every start changes the stream of starts. In this process they append one at a time, or they would conflict.
        # What an urgent start rests on is read after the start before it was recorded.
        if not urgent:
            return await until_appended(attempt)
        async with self._starting:
            return await until_appended(attempt)

    async def organisation(self) -> Organisation:
        known = self._organisation.get(e.ORGANISATION)
        page = await self.ledger.read({e.ORGANISATION: known[0]})
        return self._organisation.advance(e.ORGANISATION, known, page.events[e.ORGANISATION])[1]

    async def organisation_snapshot(self, packets: Iterable[str]) -> OrganisationSnapshot:
        """Who acts here, and these packets, from one read."""
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
        """For a caller that has read all events of a run anyway: the next load reads only what came since."""
        stream = e.run_stream(run_id)
        if self._runs.get(stream)[0] == 0:
            self._runs.advance(stream, self._runs.get(stream), happened)

    async def update_organisation(
        self,
        decide: Callable[[Organisation, datetime], Sequence[Event]],
        subject: str | None = None,
    ) -> Sequence[Event]:
        """Appends what `decide` says about who acts here, on what is cached: adding a sign-in does not read the whole
        history of sign-ins. `subject` is the person under whose key personal fields are encrypted."""

        keyed = keyed_append(e.ORGANISATION)
        if earlier := await keyed.found(self.ledger):
            return [recorded.event for recorded in earlier]

        async def attempt() -> Sequence[Event]:
            known = self._organisation.get(e.ORGANISATION)
            page = await self.ledger.read({e.ORGANISATION: known[0]})
            version, people = self._organisation.advance(e.ORGANISATION, known, page.events[e.ORGANISATION])
            wanted = decide(people, page.now)
            if not wanted:
                return ()
            append = StreamAppend(e.ORGANISATION, version, drafts(wanted, version, subject))
            appended = await self.ledger.append([append], append_id=keyed.append_id)
            self._organisation.advance(e.ORGANISATION, (version, people), appended.events)
            return wanted

        # One at a time in this process, so that a morning on which everyone signs in does not conflict with itself.
        async with self._organising:
            return await until_appended(attempt)

    async def held_systems(self, systems: Iterable[str]) -> dict[str, Holds]:
        """Those of these systems on which changes are held back, and `*` where all are."""
        streams = {e.holds_stream(system): system for system in (*systems, e.EVERYTHING)}
        page = await self.ledger.read(dict.fromkeys(streams, 0))
        found: dict[str, Holds] = {}
        for stream, system in streams.items():
            holds = Holds()
            for recorded in page.events[stream]:
                holds = fold_holds(holds, recorded.event, recorded.recorded_at)
            found[system] = holds
        return {system: holds for system, holds in found.items() if holds.held}

    async def shelf(self, packet: str) -> PacketShelf:
        stream = packet_stream(packet)
        known = self._shelves.get(stream)
        page = await self.ledger.read({stream: known[0]})
        return self._shelves.advance(stream, known, page.events[stream])[1]
