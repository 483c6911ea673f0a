"""What people read: lists, the inbox, and one run at a glance. Everything here takes the viewer.

What somebody may not see (`Queries.visible` has the rule) is absent: from lists and counts, from what a name can be
found by, and from refusals, which are the same as for a run that does not exist.

Read tables hold ids and times; a person's name comes from the run's first event, decrypted for the page that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, cast, exists, false, func, not_, or_, select, tuple_

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid
from orchestrator.domain.levels import Actor, ActorKind, granted_level
from orchestrator.domain.packet import Packet
from orchestrator.ledger.database import Database
from orchestrator.ledger.lines import ExceptionLine, Inbox, Item, PacketLine, PersonName, RunLine, RunList
from orchestrator.ledger.records import Recorded
from orchestrator.ledger.runs import Runs, Situation
from orchestrator.ledger.store import Ledger
from orchestrator.ledger.tables import events, exceptions, inbox, packets, runs

__all__ = [
    "LARGEST_PAGE", "ExceptionLine", "Inbox", "Item", "PacketLine", "PersonName", "Queries", "RunLine", "RunList",
    "RunPage", "StateFilter", "Viewer",
]  # fmt: skip

LARGEST_PAGE = 500
SHORTEST_RUN_ID = 5
"""Characters of a run's id that may stand for it, where no other begins so."""

StateFilter = Literal[
    "open", "finished", "searching", "awaiting_decision", "scheduled", "in_progress", "needs_attention", "held",
    "clean", "with_exceptions", "shadow", "ended",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. `human` and `managers` are opaque ids of people as HR knows them."""

    actor_id: str
    roles: frozenset[str]
    kind: ActorKind = "person"
    human: str | None = None
    managers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, actor: Actor) -> Viewer:
        return cls(actor.actor_id, actor.roles, actor.kind, actor.human, actor.managers)

    @property
    def actor(self) -> Actor:
        return Actor(actor_id=self.actor_id, kind=self.kind, roles=self.roles, human=self.human, managers=self.managers)


@dataclass(frozen=True, slots=True)
class RunPage:
    """One run whole: its state and the world around it, its events in order, and each event's leaf hash (hex)."""

    situation: Situation
    events: tuple[Recorded, ...]
    hashes: Mapping[int, str] = field(default_factory=dict)


class Queries:
    """Raises `LedgerUnavailable`; and `Invalid` for what the viewer named and cannot see or does not exist."""

    def __init__(self, database: Database, ledger: Ledger, all_runs: Runs) -> None:
        self._database = database
        self._ledger = ledger
        self._runs = all_runs

    # Runs

    async def run_list(
        self, viewer: Viewer, states: Sequence[str] = (), after: str | None = None, limit: int = 50
    ) -> RunList:
        """The latest first. `states` are words of `StateFilter`; `after` is what the page before gave."""
        most = max(1, min(limit, LARGEST_PAGE))
        query = select(runs, func.engine.now().label("now")).where(await self.visible(viewer))
        if states:
            query = query.where(or_(*(in_state(state) for state in states)))
        if after is not None:
            at, run_id = _cursor(after)
            query = query.where(tuple_(runs.c.requested_at, runs.c.run_id) < tuple_(at, run_id))
        query = query.order_by(runs.c.requested_at.desc(), runs.c.run_id.desc()).limit(most + 1)
        rows = await self._all(query)
        shown = rows[:most]
        names = await self.names([row["run_id"] for row in shown])
        lines = tuple(RunLine.of(row, names) for row in shown)
        more = f"{lines[-1].requested_at.isoformat()}/{lines[-1].run_id}" if len(rows) > most else None
        return RunList(lines, more, rows[0]["now"] if rows else await self._ledger.now())

    async def find_run(self, viewer: Viewer, named: str) -> str:
        """The run's whole id, from that or a beginning that fits one run only."""
        query = select(runs.c.run_id).where(await self.visible(viewer))
        if len(named) >= SHORTEST_RUN_ID:
            query = query.where(runs.c.run_id.startswith(named, autoescape=True))
        else:
            query = query.where(runs.c.run_id == named)
        found = [row["run_id"] for row in await self._all(query.limit(3))]
        if named in found:
            return named
        if len(found) == 1:
            return str(found[0])
        if found:
            raise Invalid("several_runs", f"Several runs begin with {named}.", "Give more of the run's id.")
        raise Invalid("unknown_run", f"There is no run {named[:40]}.", "List them with `offboard runs`.")

    async def open_run_of(self, viewer: Viewer, person_id: str) -> str | None:
        query = select(runs.c.run_id).where(
            await self.visible(viewer), runs.c.person_id == person_id, runs.c.closed_at.is_(None)
        )
        return next((str(row["run_id"]) for row in await self._all(query)), None)

    async def run_page(self, viewer: Viewer, named: str) -> RunPage:
        """One run with everything that happened in it."""
        run_id = await self.find_run(viewer, named)
        situation = await self._runs.look(run_id)
        stream = e.run_stream(run_id)
        happened = (await self._ledger.read({stream: 0})).events[stream]
        hashed = await self._all(select(events.c.version, events.c.leaf_hash).where(events.c.stream == stream))
        hashes = {int(row["version"]): bytes(row["leaf_hash"]).hex() for row in hashed}
        return RunPage(situation, tuple(happened), hashes)

    async def names(self, run_ids: Sequence[str]) -> dict[str, PersonName]:
        """Whom these runs are about, in one query."""
        named: dict[str, PersonName] = {}
        for recorded in await self._ledger.firsts([e.run_stream(run_id) for run_id in dict.fromkeys(run_ids)]):
            if isinstance(recorded.event, e.RunRequested):
                facts = recorded.event.facts or {}
                named[recorded.event.run_id] = PersonName(
                    facts.get("display_name"), facts.get("employee_number"), facts.get("time_zone")
                )
        return named

    # What waits

    async def inbox(self, viewer: Viewer, kinds: Sequence[str] = (), *, mine: bool = True, limit: int = 100) -> Inbox:
        """What waits for the viewer, the most urgent first: what their roles may do and nothing forbids them. With
        `mine` off, all that waits for anybody."""
        about = (runs.c.cutoff, runs.c.zone, runs.c.packet_name, runs.c.packet_version)
        query = select(inbox, *about, func.engine.now().label("now")).join_from(
            inbox, runs, inbox.c.run_id == runs.c.run_id
        )
        query = query.where(await self.visible(viewer))
        if kinds:
            query = query.where(inbox.c.kind.in_(kinds))
        if mine:
            query = query.where(_for(viewer))
        rows = await self._all(query.order_by(inbox.c.due_at, inbox.c.item_id).limit(max(1, min(limit, LARGEST_PAGE))))
        names = await self.names([row["run_id"] for row in rows])
        items = tuple(Item.of(row, names) for row in rows)
        return Inbox(items, rows[0]["now"] if rows else await self._ledger.now())

    async def exceptions(
        self, viewer: Viewer, *, run_id: str | None = None, closed: bool = False, limit: int = 200
    ) -> tuple[ExceptionLine, ...]:
        """Open ones, the most urgent first; with `closed` also those that are over."""
        query = select(exceptions).join_from(exceptions, runs, exceptions.c.run_id == runs.c.run_id)
        query = query.where(await self.visible(viewer))
        if run_id is not None:
            query = query.where(exceptions.c.run_id == run_id)
        if not closed:
            query = query.where(exceptions.c.closed_at.is_(None))
        rows = await self._all(
            query.order_by(exceptions.c.due_at, exceptions.c.exception_id).limit(max(1, min(limit, LARGEST_PAGE)))
        )
        names = await self.names([row["run_id"] for row in rows])
        return tuple(ExceptionLine.of(row, names) for row in rows)

    # Packets

    async def packets(self) -> tuple[PacketLine, ...]:
        rows = await self._all(select(packets).order_by(packets.c.name))
        return tuple(PacketLine(row["name"], row["phase"], row["current_version"]) for row in rows)

    async def visible(self, viewer: Viewer, readable: Sequence[str] | None = None) -> ColumnElement[bool]:
        """Which runs a viewer sees, for every query here: those of packets whose platform file of today grants them at
        least `read` on any system, and those where something waits for a role of theirs; none under an embargo that
        does not name them."""
        if readable is None:
            readable, _ = await self.packet_versions(viewer)
        no_embargo = or_(
            runs.c.embargo_until.is_(None),
            runs.c.embargo_until <= func.engine.now(),
            runs.c.named.contains([viewer.actor_id]),
        )
        return and_(no_embargo, or_(runs.c.packet_version.in_(readable), waits_for(viewer)))

    async def packet_versions(self, viewer: Viewer) -> tuple[list[str], list[str]]:
        """Versions of packets whose runs a viewer may read for the packet's sake, and the other versions."""
        shelves = [await self._runs.shelf(line.name) for line in await self.packets()]
        reads = {
            known.version: _reads(viewer, shelf.today_for(known.version))
            for shelf in shelves
            for known in shelf.history.versions
        }
        return [v for v, may in reads.items() if may], [v for v, may in reads.items() if not may]

    async def now(self) -> datetime:
        """The database's time."""
        return await self._ledger.now()

    async def _all(self, query: Select[Any]) -> list[Mapping[str, Any]]:
        async with self._database.connect() as connection:
            return list((await connection.execute(query)).mappings())


def _reads(viewer: Viewer, packet: Packet) -> bool:
    """A grant of any level, on any system of the packet, is one of at least `read`."""
    levels, systems = packet.platform.levels, packet.platform.systems
    return any(granted_level(levels, viewer.actor, system, packet.name) is not None for system in systems)


def waits_for(viewer: Viewer) -> ColumnElement[bool]:
    """Whether anything in the run waits for a role of the viewer's. A role is a person's reason to look; assistants and
    services have only what is granted to them by name."""
    if viewer.kind != "person":
        return false()
    waiting = inbox.alias("waiting")
    held = waiting.c.roles.has_any(cast(sorted(viewer.roles), ARRAY(Text)))
    return exists().where(waiting.c.run_id == runs.c.run_id, held)


def _for(viewer: Viewer) -> ColumnElement[bool]:
    """What `gates.why_not_decide` and `operating` would let this viewer do: the same rules, asked of rows."""
    holds_role = inbox.c.roles.has_any(cast(sorted(viewer.roles), ARRAY(Text)))
    if viewer.kind != "person":
        return and_(holds_role, inbox.c.kind == "exception")
    not_about_them = runs.c.person_id != viewer.human if viewer.human is not None else and_(True)
    asked_for_it = runs.c.requested_by == viewer.actor_id
    if viewer.human is not None:
        asked_for_it = or_(asked_for_it, runs.c.requester_human == viewer.human)
    asked_for_it = func.coalesce(asked_for_it, False)
    barred: ColumnElement[bool] = or_(asked_for_it, runs.c.person_id.in_(sorted(viewer.managers)))
    if viewer.human is None:
        gates_barred: ColumnElement[bool] = inbox.c.kind == "gate"
    else:
        voted = inbox.c.detail["voted"].contains([viewer.human])
        gates_barred = and_(inbox.c.kind == "gate", or_(barred, voted))
    review_barred = and_(inbox.c.kind == "review", asked_for_it)
    return and_(holds_role, not_about_them, not_(gates_barred), not_(review_barred))


def in_state(state: str) -> ColumnElement[bool]:
    if state == "open":
        return runs.c.closed_at.is_(None)
    if state == "finished":
        return runs.c.closed_at.is_not(None)
    if state not in StateFilter.__args__:  # type: ignore[attr-defined]  # what a Literal is made of
        known = ", ".join(StateFilter.__args__)  # type: ignore[attr-defined]
        raise Invalid("unknown_state", f"No run can be {state[:40]!r}.", f"Name one of: {known}.")
    return runs.c.state == state


def _cursor(after: str) -> tuple[datetime, str]:
    at, slash, run_id = after.partition("/")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not slash or not run_id:
        raise Invalid("bad_cursor", "This is not where a list went on.", "Give --after as the page before named it.")
    return instant, run_id
