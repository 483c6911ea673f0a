"""What people read: lists, the inbox, and one run at a glance. Everything here takes the viewer.

What the viewer may not see (`Queries.visible` has the rule) is absent: from lists and counts, from what a name can be
found by, and from refusals, which are the same as for a run that does not exist.

Read tables hold ids and times; a person's name comes from the run's first event, decrypted for the page that shows it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, DateTime, Label, and_, case, cast, func, not_, or_, select, true, tuple_

from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import OrganisationSnapshot, RunSnapshot
from orchestrator.domain import events as e
from orchestrator.domain.approvals.delegation import absent_for
from orchestrator.domain.errors import Invalid
from orchestrator.domain.organisation.duties import Duty, duties_of
from orchestrator.domain.organisation.organisation import DelegationState
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.run_projection import RunProjection, granted_systems, systems_of
from orchestrator.domain.run.run import EMBARGO_ENDS_SOON, RunState
from orchestrator.ledger.book.records import Recorded
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import inbox, runs
from orchestrator.reading import visibility as sight
from orchestrator.reading.cursors import cursor, place
from orchestrator.reading.rows import InboxRows, Item, PacketLine, PersonName
from orchestrator.reading.staff import StaffMember, StaffReader, visible_staff
from orchestrator.reading.visibility import Viewer

MAX_PAGE_SIZE = 500
CACHE_SECONDS = 1.0
"""Seconds for which one answer rests on what it has read of people and packets."""
MIN_RUN_ID_CHARACTERS = 5
"""Characters of a run's id that may replace it, where no other begins so."""

_PACKETS = "SELECT name, phase, current_version FROM read.packets ORDER BY name"

StateFilter = Literal[
    "open", "finished", "searching", "awaiting_decision", "scheduled", "in_progress", "needs_attention", "held",
    "clean", "with_exceptions", "shadow", "ended",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunPage:
    """One run as a viewer reads it: its state and the world around it, its events in order, each event's leaf hash
    (hex), which is of the complete event, and what the leaver holds in Offboard until the cutoff. `in_production`: for
    a dry run, the version of the packet that is in production now."""

    snapshot: RunSnapshot
    events: tuple[Recorded, ...]
    hashes: Mapping[int, str] = field(default_factory=dict)
    duties: tuple[Duty, ...] = ()
    in_production: str | None = None


class Queries:
    """Raises `LedgerUnavailable`; and `Invalid` for what the viewer named and cannot see or does not exist."""

    def __init__(self, database: Database, ledger: Ledger, all_runs: Runs, staff: StaffReader | None = None) -> None:
        self._database = database
        self._ledger = ledger
        self._runs = all_runs
        self._staff = staff or StaffReader(all_runs)
        self._keeps = False
        self._kept: tuple[float, tuple[PacketLine, ...], OrganisationSnapshot] | None = None

    def for_one_answer(self) -> Queries:
        """The same, for an answer that only reads: what every list rests on is read once for all of it. Where an answer
        takes longer than `CACHE_SECONDS` seconds, as a stream does, it is read again."""
        queries = Queries(self._database, self._ledger, self._runs, self._staff)
        queries._keeps = True
        return queries

    async def organisation_snapshot(self) -> OrganisationSnapshot:
        """Who acts here and every packet, at one moment."""
        return (await self._around())[1]

    async def _around(self) -> tuple[tuple[PacketLine, ...], OrganisationSnapshot]:
        clock = time.monotonic()
        if self._kept is not None and clock - self._kept[0] < CACHE_SECONDS:
            return self._kept[1:]
        async with self._database.driver() as connection:
            lines = tuple(PacketLine(*row) for row in await (await connection.execute(_PACKETS)).fetchall())
        snapshot = await self._runs.organisation_snapshot(line.name for line in lines)
        if self._keeps:
            self._kept = (clock, lines, snapshot)
        return lines, snapshot

    # Runs

    async def find_run(self, viewer: Viewer, named: str) -> str:
        """The run's whole id, from that or a beginning that fits one run only."""
        query = select(runs.c.run_id).where(await self.visible(viewer))
        if len(named) >= MIN_RUN_ID_CHARACTERS:
            query = query.where(runs.c.run_id.startswith(named, autoescape=True))
        else:
            query = query.where(runs.c.run_id == named)
        found = [row["run_id"] for row in await self._database.rows(query.limit(3))]
        if named in found:
            return named
        if len(found) == 1:
            return str(found[0])
        if found:
            raise Invalid("several_runs", f"Several runs begin with {named}.")
        raise visibility.unknown_run(named)

    async def visible_runs(self, viewer: Viewer, run_ids: Collection[str]) -> frozenset[str]:
        """Those of these runs that the viewer sees."""
        if not run_ids:
            return frozenset()
        query = select(runs.c.run_id).where(await self.visible(viewer), runs.c.run_id.in_(sorted(set(run_ids))))
        return frozenset(str(row["run_id"]) for row in await self._database.rows(query))

    async def open_run_of(self, viewer: Viewer, person_id: str) -> str | None:
        """The person's one open run, if the viewer sees it; not a dry run, and not a restore, which a start cancels."""
        return await self._open_of(viewer, person_id, runs.c.restores.is_(None))

    async def open_restore_of(self, viewer: Viewer, person_id: str) -> str | None:
        """The open run that restores the person's access, if the viewer sees it. A start cancels it."""
        return await self._open_of(viewer, person_id, runs.c.restores.is_not(None))

    async def _open_of(self, viewer: Viewer, person_id: str, which: ColumnElement[bool]) -> str | None:
        query = select(runs.c.run_id).where(
            await self.visible(viewer),
            runs.c.person_id == person_id,
            runs.c.closed_at.is_(None),
            not_(runs.c.shadow),
            which,
        )
        return next((str(row["run_id"]) for row in await self._database.rows(query)), None)

    async def run_page(self, viewer: Viewer, named: str) -> RunPage:
        """One run with everything that happened in it, as far as the viewer reads its systems."""
        run_id = await self.find_run(viewer, named)
        whole = await self._ledger.whole(e.run_stream(run_id))
        happened = tuple(recorded for recorded, _ in whole)
        self._runs.prime_cache(run_id, happened)
        hashes = {recorded.version: leaf_hash.hex() for recorded, leaf_hash in whole}
        snapshot = await self._runs.load(run_id)
        events = [recorded.event for recorded in happened]
        projection = RunProjection.of(snapshot.state, viewer.actor, snapshot.world, events)
        beside = await self._in_production(snapshot.state)
        if projection.whole:
            return RunPage(snapshot, happened, hashes, await self._duties(viewer, snapshot), beside)
        shown = tuple(replace(recorded, event=projection.event(recorded.event)) for recorded in happened)
        return RunPage(replace(snapshot, state=projection.state()), shown, hashes, in_production=beside)

    async def _in_production(self, state: RunState) -> str | None:
        """Beside a dry run: the other version of its packet that is in production now."""
        if not state.dry:
            return None
        version = (await self._runs.shelf(state.asked.packet)).history.in_production
        return version.version if version is not None and version.version != state.packet_version else None

    async def _duties(self, viewer: Viewer, run: RunSnapshot) -> tuple[Duty, ...]:
        """Of an open run. An account without a role does not read who has which role."""
        state, actors = run.state, run.world.actors.values()
        person = state.asked.person_id
        if state.finished or state.asked.phase == "shadow" or not viewer.roles:
            return ()
        if not any(one.human == person for one in actors):
            return ()
        around = await self.organisation_snapshot()
        packets = await self.readable_packets(viewer)
        return duties_of(person, around.organisation, packets, run.world.departed, around.now)

    async def snapshots(self, viewer: Viewer, run_ids: Sequence[str]) -> dict[str, RunSnapshot]:
        """Runs by id, as far as the viewer reads their systems. For runs of which it is known that the viewer sees
        them."""
        found = await self._runs.load_many(run_ids) if run_ids else {}
        return {run_id: _as_read_by(viewer.actor, snapshot) for run_id, snapshot in found.items()}

    async def hidden_codes(self, viewer: Viewer, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
        """Of the items in these rows, each as the run's id and its own, the exceptions whose failure the viewer does
        not read. The rows have `run_id`, `packet_version` and `detail`."""
        coded = [row for row in rows if row["detail"].get("code")]
        shelves = (await self.organisation_snapshot()).shelves.values() if coded else ()
        limited = set()
        for shelf in shelves:
            for known in shelf.history.versions:
                current = shelf.today_for(known.version)
                systems = systems_of(shelf.version(known.version), current)
                if granted_systems(viewer.actor, current, systems) != systems:
                    limited.add(known.version)
        coded = [row for row in coded if row["packet_version"] in limited]
        found = await self.snapshots(viewer, list(dict.fromkeys(row["run_id"] for row in coded)))
        items = {(row["run_id"], row["detail"]["id"]) for row in coded}
        return {(run_id, id_) for run_id, id_ in items if not _code_of(found[run_id], id_)}

    async def names_of(self, viewer: Viewer, run_ids: Sequence[str]) -> dict[str, PersonName]:
        """Whom those of these runs are about that the viewer sees."""
        query = select(runs.c.run_id).where(runs.c.run_id.in_(list(run_ids)), await self.visible(viewer))
        return await self.names([row["run_id"] for row in await self._database.rows(query)])

    async def names(self, run_ids: Sequence[str]) -> dict[str, PersonName]:
        """Whom these runs are about, in one query. For runs of which it is known that the viewer sees them."""
        named: dict[str, PersonName] = {}
        for recorded in await self._ledger.firsts([e.run_stream(run_id) for run_id in dict.fromkeys(run_ids)]):
            if isinstance(recorded.event, e.RunRequested):
                facts = recorded.event.facts or {}
                named[recorded.event.run_id] = PersonName(
                    facts.get("display_name"), facts.get("employee_number"), facts.get("time_zone")
                )
        return named

    async def opened(self, stored: Sequence[bytes]) -> list[Recorded]:
        """Stored events with their personal fields. For events of which it is known that the viewer sees them."""
        return await self._ledger.opened(stored) if stored else []

    # What waits

    async def inbox(
        self,
        viewer: Viewer,
        kinds: Sequence[str] = (),
        *,
        mine: bool = True,
        after: str | None = None,
        limit: int = 100,
        names: bool = True,
        snoozed: bool = False,
    ) -> InboxRows:
        """What waits for the viewer, the most urgent first: what their roles may do and nothing forbids them, or those
        of a colleague who delegated that to them. With `mine` off, all that waits for anyone. `after` is what the
        page before gave. With `names` off, no name is decrypted. Exceptions that are snoozed or waived are left out of
        the viewer's own items, unless `snoozed` includes them."""
        most = max(1, min(limit, MAX_PAGE_SIZE))
        rank, at = _urgency()
        about = (runs.c.cutoff, runs.c.zone, runs.c.packet_name, runs.c.packet_version, runs.c.shadow, rank, at)
        actor, absent = viewer.actor, await self.absent(viewer)
        query = select(
            inbox, *about, func.engine.now().label("now"), sight.on_behalf_of(actor, absent).label("on_behalf_of")
        ).join_from(inbox, runs, inbox.c.run_id == runs.c.run_id)
        query = query.where(await self.visible(viewer))
        if kinds:
            query = query.where(inbox.c.kind.in_(kinds))
        if mine:
            query = query.where(sight.may_act(actor, absent))
            if not snoozed:
                query = query.where(*(_over(field) for field in ("snoozed_until", "waived_until")))
        if after is not None:
            label, due_at, item_id = place(after, ("0", "1", "2"))
            query = query.where(tuple_(rank.element, at.element, inbox.c.item_id) > tuple_(int(label), due_at, item_id))
        rows = await self._database.rows(query.order_by(rank, at, inbox.c.item_id).limit(most + 1))
        shown = rows[:most]
        named = await self.names([row["run_id"] for row in shown]) if names else {}
        hidden = await self.hidden_codes(viewer, shown)
        items = tuple(_without_code(Item.of(row, named), hidden) for row in shown)
        last = shown[-1] if len(rows) > most else None
        more = cursor(last["rank"], last["at"], last["item_id"]) if last is not None else None
        return InboxRows(items, rows[0]["now"] if rows else await self._ledger.now(), more)

    # Packets

    async def packets(self) -> tuple[PacketLine, ...]:
        return (await self._around())[0]

    async def visible(self, viewer: Viewer, readable: Sequence[str] | None = None) -> ColumnElement[bool]:
        """Which runs a viewer sees, for every query here: those of packets whose platform file of today grants them at
        least `read` on any system, and those where something waits for a role of theirs; none under an embargo that
        does not name them."""
        if readable is None:
            readable, _ = await self.packet_versions(viewer)
        return sight.visible(viewer.actor, await self.absent(viewer), readable)

    async def waits_for(self, viewer: Viewer) -> ColumnElement[bool]:
        """Of all runs, those that a viewer sees because something in them waits for them."""
        return sight.waits_for(viewer.actor, await self.absent(viewer))

    async def waiting_for_role(self, viewer: Viewer, role: str) -> int:
        """How many open items wait for a role, in the runs that the viewer sees."""
        asked = and_(inbox.c.roles.has_key(role), await self.visible(viewer))
        query = select(func.count().label("items")).select_from(inbox.join(runs, inbox.c.run_id == runs.c.run_id))
        [row] = await self._database.rows(query.where(asked))
        return int(row["items"])

    async def reads_all_packets(self, viewer: Viewer) -> bool:
        """Whether the viewer may read the runs of every packet. Does not depend on which runs there are: an answer that
        changed with an embargo would reveal it."""
        readable, others = await self.packet_versions(viewer)
        return bool(readable) and not others

    async def hidden_runs(self, viewer: Viewer) -> list[str]:
        """The ids of runs that do not exist for the viewer: under an embargo that does not name them, or dry runs about
        them."""
        hidden = and_(or_(runs.c.embargo_until > func.engine.now(), runs.c.shadow), ~sight.exists_for(viewer.actor))
        return [row["run_id"] for row in await self._database.rows(select(runs.c.run_id).where(hidden))]

    async def ending_embargoes(self, viewer: Viewer) -> list[tuple[str, datetime]]:
        """The ids of runs whose embargo names the viewer and ends soon, each with the end."""
        now = func.engine.now()
        soon = and_(runs.c.embargo_until > now, runs.c.embargo_until <= now + EMBARGO_ENDS_SOON)
        query = select(runs.c.run_id, runs.c.embargo_until).where(soon, await self.visible(viewer))
        rows = await self._database.rows(query.order_by(runs.c.embargo_until, runs.c.run_id))
        return [(str(row["run_id"]), row["embargo_until"]) for row in rows]

    async def leaving_hidden(self, viewer: Viewer, people: Collection[str]) -> set[str]:
        """Of people by their opaque ids, those with an open run under an embargo that does not name the viewer."""
        if not people:
            return set()
        hidden = (runs.c.embargo_until > func.engine.now(), ~sight.exists_for(viewer.actor), runs.c.twin_of.is_(None))
        query = select(runs.c.person_id).where(runs.c.person_id.in_(people), runs.c.closed_at.is_(None), *hidden)
        return {str(row["person_id"]) for row in await self._database.rows(query)}

    async def absent(self, viewer: Viewer) -> tuple[Actor, ...]:
        """Those for whom the viewer decides now."""
        snapshot = await self.organisation_snapshot()
        people = snapshot.organisation
        given = [held for held in people.delegations.values() if held.said.to == viewer.actor_id]
        absent = absent_for(viewer.actor, given, people.actors, snapshot.now) if given else ()
        left = await self._ledger.departed({one.human for one in absent if one.human is not None}) if absent else ()
        return tuple(one for one in absent if one.human not in left)

    # Who works here

    async def staff(self) -> Mapping[str, StaffMember]:
        """Everyone who has signed in, by actor id."""
        return await self._staff.members((await self.organisation_snapshot()).organisation)

    async def colleagues(self, viewer: Viewer) -> Mapping[str, StaffMember]:
        """The accounts that a viewer can list, by actor id: all for an account with a role, otherwise only its own."""
        return visible_staff(await self.staff(), viewer.actor)

    async def delegations(self, viewer: Viewer) -> tuple[DelegationState, ...]:
        """Those that the viewer gave or was given and that are not over."""
        return await self._staff.delegations(viewer.actor_id, await self.organisation_snapshot())

    async def packet_versions(self, viewer: Viewer) -> tuple[list[str], list[str]]:
        """Versions of packets whose runs a viewer may read for the packet's sake, and the other versions."""
        shelves = (await self.organisation_snapshot()).shelves.values()
        reads = {
            known.version: visibility.reads(viewer.actor, shelf.today_for(known.version))
            for shelf in shelves
            for known in shelf.history.versions
        }
        return [v for v, may in reads.items() if may], [v for v, may in reads.items() if not may]

    async def readable_packets(self, viewer: Viewer) -> tuple[Packet, ...]:
        """Packets as they are today, of those that the viewer may read in one version at least."""
        readable, _ = await self.packet_versions(viewer)
        shelves = (await self.organisation_snapshot()).shelves.values()
        known = [shelf for shelf in shelves if any(version.version in readable for version in shelf.history.versions)]
        return tuple(shelf.current for shelf in known if shelf.current is not None)

    async def now(self) -> datetime:
        """The database's time."""
        return await self._ledger.now()


def _code_of(snapshot: RunSnapshot, exception_id: str) -> str:
    known = snapshot.state.work.exceptions.get(exception_id)
    return known.opened.code if known is not None else ""


def _without_code(item: Item, hidden: set[tuple[str, str]]) -> Item:
    return replace(item, detail={**item.detail, "code": ""}) if (item.run_id, item.id) in hidden else item


def _as_read_by(actor: Actor, snapshot: RunSnapshot) -> RunSnapshot:
    projection = RunProjection.of(snapshot.state, actor, snapshot.world)
    return snapshot if projection.whole else replace(snapshot, state=projection.state())


def in_state(state: str) -> ColumnElement[bool]:
    if state == "open":
        return runs.c.closed_at.is_(None)
    if state == "finished":
        return runs.c.closed_at.is_not(None)
    if state not in StateFilter.__args__:  # type: ignore[attr-defined]  # what a Literal is made of
        known = ", ".join(StateFilter.__args__)  # type: ignore[attr-defined]
        raise Invalid("unknown_state", f"No run can be {state[:40]!r}.", known=known)
    return runs.c.state == state


def _over(field: str) -> ColumnElement[bool]:
    """Whether an item is not hidden until an instant, or that instant is past."""
    return func.coalesce(cast(inbox.c.detail[field].astext, DateTime(timezone=True)) <= func.engine.now(), true())


def _urgency() -> tuple[Label[int], Label[datetime]]:
    """What the inbox is ordered by: first runs whose access should have ended and has not, and urgent ones; then by the
    due date, or the cutoff where that is still to come and earlier. Dry runs are last: however many there are, pages
    and mails begin with the others."""
    now = func.engine.now()
    exposed = or_(runs.c.urgent, and_(runs.c.exposed, runs.c.cutoff <= now))
    open_ = and_(runs.c.closed_at.is_(None), exposed)
    ahead = case((runs.c.cutoff > now, func.least(inbox.c.due_at, runs.c.cutoff)), else_=inbox.c.due_at)
    return case((runs.c.shadow, 2), (open_, 0), else_=1).label("rank"), ahead.label("at")
