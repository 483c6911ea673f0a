"""The history of events, the latest first: by run, system, actor or time, as far as the viewer may see it.

A page is read from the ledger itself, backwards by position, and costs no append anything. It looks at a bounded
number of events; where what is asked for is rare, a page may end before it is full and says how far back it looked.
Where a page goes on is sealed: a position would tell how much there is that its reader does not see.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, not_, or_, select

from orchestrator.domain.approvals.gates import gate_in
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events import (
    STARTS,
    AccountsSearched,
    DifferenceJudged,
    RolesRevoked,
    SessionsEnded,
    TokenRevoked,
    WebhookDisabled,
    run_stream,
)
from orchestrator.domain.events.event import Event
from orchestrator.ledger.book.codec import EventCodec, canonical_json
from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.book.format import Entry, read
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import events, head, runs
from orchestrator.reading.queries import Queries
from orchestrator.reading.rows import PersonName
from orchestrator.reading.visibility import Viewer

MAX_SCANNED_EVENTS = 2_000
"""Events that one page looks at."""
CHUNK = 250
FEW_RUNS = 1_000
"""Up to here the runs' own streams are read; beyond, the ledger from its end, passing over what is not to be seen."""
MAX_PAGE_SIZE = 200
_CONTEXT = "history cursor"
_REVOCATIONS = (RolesRevoked, TokenRevoked, SessionsEnded, WebhookDisabled)
_ACTORS = ("by", "requested_by", "caused_by", "actor_id", "on_behalf_of", "delegate", "to")

# Positions have no gaps, and instants grow with them but for a clock that was set back: a search by halves needs no
# index, which every append would have to keep.
_LAST_BEFORE = """
WITH RECURSIVE looking(low, high) AS (
    SELECT 0::bigint, (SELECT position FROM ledger.head)
    UNION ALL
    SELECT CASE WHEN e.recorded_at < %(at)s THEN e.position ELSE l.low END,
           CASE WHEN e.recorded_at < %(at)s THEN l.high ELSE e.position - 1 END
    FROM looking l JOIN ledger.events e ON e.position = (l.low + l.high + 1) / 2 WHERE l.low < l.high)
SELECT max(low) FROM looking
"""
_PLANS = "SELECT stored FROM ledger.events WHERE stream = ANY(%s) AND event_type = 'PlanFrozen'"


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """`actor` is an account that did something or had it done to; `since` counts, `until` is left out. A cutoff that
    lies between two events of a clock that was set back may put one of them on the other side."""

    run_id: str | None = None
    system: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event. `by` are the accounts that did it, empty where time or a worker brought it about; `step` is the name
    in the packet, `item` the id of a gate, task or exception, and `title` the title of the step or of the gate.
    `outcome` is a verdict, why it was refused, a decision, how a task ended, or how an exception was closed.
    `caused_by` are the accounts on whose permission Offboard ran a step; they are in `by` as well. `reason` is that of
    a revocation."""

    at: datetime
    type: str
    by: tuple[str, ...]
    run_id: str | None
    person: PersonName | None
    packet: str | None
    system: str | None
    step: str | None
    item: str | None
    version: int
    hash: str
    title: str | None = None
    outcome: str | None = None
    caused_by: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class HistorySlice:
    """One page of the history. `after` continues where it ends; None at the beginning of the ledger or of the requested
    period. `looked_back_to`: the page has every matching event that is later than this, to the minute."""

    happened: tuple[HistoryEntry, ...]
    after: str | None
    looked_back_to: datetime | None


@dataclass(frozen=True, slots=True)
class _Found:
    row: Mapping[str, Any]
    event: Event


@dataclass(slots=True)
class _Steps:
    """What the plans of runs call their steps, as far as it was asked for: stream -> step id -> name, system
    and title."""

    known: dict[str, dict[str, tuple[str, str, str]]] = field(default_factory=dict)

    def of(self, stream: str, event: Event) -> tuple[str | None, str | None, str | None]:
        step_id = event.about if isinstance(event, DifferenceJudged) else getattr(event, "step_id", None)
        return self.known.get(stream, {}).get(step_id or "", (None, None, None))


class History:
    """Raises `LedgerUnavailable`; `Invalid` for a run that the viewer cannot see and a cursor that there is not."""

    def __init__(self, database: Database, keyring: Keyring, codec: EventCodec, queries: Queries) -> None:
        self._database = database
        self._keyring = keyring
        self._codec = codec
        self._queries = queries

    async def page(
        self, viewer: Viewer, wanted: HistoryFilter | None = None, after: str | None = None, limit: int = 50
    ) -> HistorySlice:
        """`after` is what the page before gave, under the same filter."""
        wanted = wanted or HistoryFilter()
        most = max(1, min(limit, MAX_PAGE_SIZE))
        seen = await self._seen(viewer, wanted)
        before = self._opened(after) if after is not None else None
        if wanted.until is not None:
            beyond = await self._last_before(wanted.until) + 1
            before = beyond if before is None else min(before, beyond)
        floor = await self._last_before(wanted.since) if wanted.since is not None else 0

        steps, found = _Steps(), list[_Found]()
        looked_at, ended, back_to = 0, False, None
        chunk = CHUNK if wanted.actor is not None or wanted.system is not None else most + 1
        while looked_at < MAX_SCANNED_EVENTS and len(found) < most and not ended:
            rows = await self._database.rows(_chunk(seen, before, floor, chunk))
            ended = len(rows) < chunk
            looked_at += len(rows)
            matching = await self._matching(rows, wanted, steps)
            last = rows[-1] if rows else None
            if len(matching) > most - len(found):
                matching, ended = matching[: most - len(found)], False
                last = matching[-1].row
            found += matching
            if last is not None:
                before, back_to = last["position"], _minute_after(last["recorded_at"])
        happened = await self._entries(found, steps)
        more = None if ended or before is None else self._sealed(before)
        return HistorySlice(happened, more, wanted.since if ended else back_to)

    async def size(self, viewer: Viewer) -> int | None:
        """How many events the viewer may see; None for who may not read every packet's runs. Counts what is concealed,
        which is little, and not the ledger."""
        if not await self._queries.reads_all_packets(viewer):
            return None
        concealed = select(func.count()).where(_concealed(await self._queries.hidden_runs(viewer))).scalar_subquery()
        [row] = await self._database.rows(select((select(head.c.position).scalar_subquery() - concealed).label("size")))
        return int(row["size"])

    async def _matching(self, rows: Sequence[Mapping[str, Any]], wanted: HistoryFilter, steps: _Steps) -> list[_Found]:
        found = []
        named = canonical_json(wanted.actor) if wanted.actor is not None else b""
        for row in rows:
            entry = read(bytes(row["stored"]))
            if named not in entry.public:
                continue  # decoding is what costs
            event = self._decoded(entry)
            if event is not None and (wanted.actor is None or wanted.actor in _concerned(event)):
                found.append(_Found(row, event))
        if wanted.system is not None:
            await self._learn(steps, found)
            found = [one for one in found if wanted.system in _systems(one, steps)]
        return found

    def _decoded(self, entry: Entry) -> Event | None:
        """Without anything personal: no key is asked for. What this program does not know is passed over."""
        try:
            return self._codec.decode(entry.type, entry.schema, entry.public, None)
        except UnreadableEvent:
            return None

    async def _seen(self, viewer: Viewer, wanted: HistoryFilter) -> Select[Any]:
        """The events that the viewer sees, before any order and bounds."""
        columns = (
            events.c.position,
            events.c.stream,
            events.c.version,
            events.c.event_type,
            events.c.recorded_at,
            events.c.leaf_hash,
            events.c.stored,
        )
        if wanted.run_id is not None:
            run_id = await self._queries.find_run(viewer, wanted.run_id)
            return select(*columns).where(events.c.stream == run_stream(run_id))
        if await self._queries.reads_all_packets(viewer):
            return select(*columns).where(not_(_concealed(await self._queries.hidden_runs(viewer))))
        visible = await self._queries.visible(viewer)
        around = await self._around(viewer)
        few = await self._database.rows(select(runs.c.run_id).where(visible).limit(FEW_RUNS + 1))
        if len(few) <= FEW_RUNS:
            return select(*columns).where(events.c.stream.in_([run_stream(row["run_id"]) for row in few] + around))
        joined = events.outerjoin(
            runs,
            and_(events.c.stream.startswith("run:"), runs.c.run_id == func.substr(events.c.stream, len("run:") + 1)),
        )
        seen: ColumnElement[bool] = or_(and_(runs.c.run_id.is_not(None), visible), events.c.stream.in_(around))
        return select(*columns).select_from(joined).where(seen)

    async def _around(self, viewer: Viewer) -> list[str]:
        """Streams beside the runs: of the packets whose runs the viewer may read, and the holds on their systems. Who
        works here, and what else there is, is for who sees everything."""
        systems: set[str] = set()
        names = []
        for packet in await self._queries.readable_packets(viewer):
            names.append(packet.name)
            systems |= set(packet.platform.systems)
        holds = [f"holds:{system}" for system in sorted(systems)] + (["holds:*"] if names else [])
        return [*(f"packet:{name}" for name in dict.fromkeys(names)), *holds]

    async def _learn(self, steps: _Steps, found: Iterable[_Found]) -> None:
        """Names and systems of the steps that these events are about."""
        streams = {one.row["stream"] for one in found if getattr(one.event, "step_id", None)} - steps.known.keys()
        if not streams:
            return
        async with self._database.driver() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_PLANS, (sorted(streams),))
            rows = await cursor.fetchall()
        for stream in streams:
            steps.known[stream] = {}
        for row in rows:
            entry = read(bytes(row[0]))
            planned = json.loads(entry.public)["steps"]
            steps.known[entry.stream].update(
                {step["step_id"]: (step["name"], step["system"], step["title"]) for step in planned}
            )

    async def _entries(self, found: Sequence[_Found], steps: _Steps) -> tuple[HistoryEntry, ...]:
        await self._learn(steps, found)
        run_ids = [name for one in found if (name := _run_of(one.row["stream"])) is not None]
        names = await self._queries.names(run_ids)
        reasons = await self._reasons(found)
        entries = [replace(self._entry(one, steps, names), reason=reasons.get(one.row["position"])) for one in found]
        gates = await self._gate_titles(entries)
        return tuple(replace(one, title=gates.get((one.run_id, one.item), one.title)) for one in entries)

    async def _gate_titles(self, entries: Sequence[HistoryEntry]) -> dict[tuple[str | None, str | None], str]:
        """By run and id of a gate, what the run's version of the packet calls the gate."""
        items = {(one.run_id, one.item or "") for one in entries if one.run_id is not None}
        gates = {key: gate for key in items if (gate := gate_in(key[1])) is not None}
        if not gates:
            return {}
        of_runs = select(runs.c.run_id, runs.c.packet_name, runs.c.packet_version)
        rows = await self._database.rows(of_runs.where(runs.c.run_id.in_({run_id for run_id, _ in gates})))
        governed = {row["run_id"]: (row["packet_name"], row["packet_version"]) for row in rows}
        shelves = (await self._queries.organisation_snapshot()).shelves
        titles: dict[tuple[str | None, str | None], str] = {}
        for (run_id, item), gate in gates.items():
            packet, version = governed.get(run_id, ("", ""))
            titles[run_id, item] = shelves[packet].gate_title(version, gate) if packet in shelves else gate
        return titles

    async def _reasons(self, found: Sequence[_Found]) -> dict[int, str | None]:
        """By position, why access was revoked: the only texts here that are encrypted."""
        revoking = [bytes(one.row["stored"]) for one in found if isinstance(one.event, _REVOCATIONS)]
        return {one.position: getattr(one.event, "reason", None) for one in await self._queries.opened(revoking)}

    @staticmethod
    def _entry(one: _Found, steps: _Steps, names: Mapping[str, PersonName]) -> HistoryEntry:
        stream, event = one.row["stream"], one.event
        run_id = _run_of(stream)
        step, on, title = steps.of(stream, event)
        item = next(
            (
                getattr(event, name, None)
                for name in ("gate_id", "task_id", "exception_id")
                if getattr(event, name, None)
            ),
            None,
        )
        kind, _, name = stream.partition(":")
        return HistoryEntry(
            at=one.row["recorded_at"],
            type=one.row["event_type"],
            by=_doers(event),
            run_id=run_id,
            person=names.get(run_id, PersonName()) if run_id is not None else None,
            packet=name if kind == "packet" else getattr(event, "packet", None),
            system=getattr(event, "system", None) or on or (name if kind in ("holds", "system") else None),
            step=step,
            item=item,
            version=one.row["version"],
            hash=bytes(one.row["leaf_hash"]).hex(),
            title=title,
            outcome=_outcome(event),
            caused_by=_named(event, ("caused_by",)),
        )

    async def _last_before(self, at: datetime) -> int:
        async with self._database.driver() as connection:
            row = await (await connection.execute(_LAST_BEFORE, {"at": at})).fetchone()
        return int(row[0]) if row is not None and row[0] is not None else 0

    def _sealed(self, position: int) -> str:
        return base64.urlsafe_b64encode(self._keyring.seal(_CONTEXT, str(position).encode())).decode().rstrip("=")

    def _opened(self, after: str) -> int:
        try:
            return int(self._keyring.open(_CONTEXT, base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))))
        except (UnreadableEvent, ValueError, binascii.Error):
            raise Invalid("bad_cursor", "Invalid cursor.") from None


def _chunk(seen: Select[Any], before: int | None, floor: int, size: int) -> Select[Any]:
    query = seen.order_by(events.c.position.desc()).limit(size)
    if before is not None:
        query = query.where(events.c.position < before)
    return query.where(events.c.position > floor) if floor else query


def _concealed(hidden: Sequence[str]) -> ColumnElement[bool]:
    """The events that would reveal a hidden run: its own, that it was opened for a person, and the stream that counts
    every start, whose versions would show a gap."""
    opened = and_(
        events.c.stream.in_(select(literal("person:") + runs.c.person_id).where(runs.c.run_id.in_(hidden))),
        events.c.event_key.in_([f"run:{run_id}" for run_id in hidden]),
    )
    return or_(events.c.stream.in_([STARTS, *(run_stream(run_id) for run_id in hidden)]), opened)


def _run_of(stream: str) -> str | None:
    return stream.removeprefix("run:") if stream.startswith("run:") else None


def _named(event: Event, fields: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in fields:
        value = getattr(event, name, None)
        for one in (value,) if isinstance(value, str) else value or ():
            if isinstance(one, str) and one:
                found[one] = None
    return tuple(found)


def _doers(event: Event) -> tuple[str, ...]:
    return _named(event, ("by", "requested_by", "caused_by")) or _named(event, ("actor_id",))


def _outcome(event: Event) -> str | None:
    for name in ("refusal", "verdict", "outcome", "disposition"):
        if isinstance(value := getattr(event, name, None), str):
            return value
    return None


def _concerned(event: Event) -> tuple[str, ...]:
    return _named(event, _ACTORS)


def _systems(one: _Found, steps: _Steps) -> set[str | None]:
    event = one.event
    kind, _, name = one.row["stream"].partition(":")
    systems = {getattr(event, "system", None), steps.of(one.row["stream"], event)[1]}
    if kind in ("holds", "system"):
        systems.add(name)
    if isinstance(event, AccountsSearched):
        systems |= {result.system for result in event.results}
    return systems


def _minute_after(at: datetime) -> datetime:
    """Rounded up, so that the instant of a hidden event is not revealed."""
    return at.replace(second=0, microsecond=0) + timedelta(minutes=1)
