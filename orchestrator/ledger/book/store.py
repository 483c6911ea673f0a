"""The ledger as the rest of the program sees it: read streams, append to several at once, follow by position."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from orchestrator.domain.events.event import Draft
from orchestrator.ledger.book.codec import Encoded, EventCodec
from orchestrator.ledger.book.commit import PreparedAppend, PreparedEvent, PreparedStream
from orchestrator.ledger.book.errors import (
    OlderDatabase,
    PersonUnknown,
)
from orchestrator.ledger.book.format import Entry, read_sealed, write_sealed
from orchestrator.ledger.book.format import read as read_entry
from orchestrator.ledger.book.known_tails import KnownTails
from orchestrator.ledger.book.records import Appended, Page, Recorded, RowWrite, StreamAppend
from orchestrator.ledger.book.rows import check_row
from orchestrator.ledger.book.writer import GroupWriter
from orchestrator.ledger.persons.files import Files
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.sealing import PersonKey
from orchestrator.ledger.persons.uploads import Uploads
from orchestrator.ledger.schema.database import Database

EVENTS_PER_YIELD = 64
"""Events coded between two chances for other tasks: well under a millisecond each time."""
_LARGE_BYTES = 256 << 10
"""Bytes of personal data from which encryption leaves the event loop."""

_READ = """
WITH t AS MATERIALIZED (SELECT engine.now() AS now)
SELECT t.now, CASE WHEN e.version > e.after THEN e.stored END, e.stream, e.version, e.leaf_hash FROM t LEFT JOIN (
    SELECT e.stream, e.version, e.stored, e.leaf_hash, r.version AS after
    FROM unnest(%b::text[], %b::int[]) AS r(stream, version)
    JOIN ledger.events e ON e.stream = r.stream AND e.version >= r.version) e ON true
ORDER BY e.stream, e.version
"""
_FOLLOW = "SELECT stored FROM ledger.events WHERE position > %s ORDER BY position LIMIT %s"
_OF_TYPES = """
SELECT stored FROM ledger.events WHERE position > %s AND position <= %s AND event_type = ANY(%s)
ORDER BY position LIMIT %s
"""
_SUBJECT = "SELECT stored FROM ledger.events WHERE subject = %s AND position > %s ORDER BY position LIMIT %s"
_WHOLE = "SELECT stored, leaf_hash FROM ledger.events WHERE stream = %s ORDER BY version"
_APPENDED = "SELECT stored FROM ledger.events WHERE stream = %s AND append_id = %s ORDER BY version"
_FIRST = "SELECT stored FROM ledger.events WHERE stream = ANY(%s) AND version = 1"
_NOW = "SELECT engine.now()"
_TAIL = "SELECT position FROM ledger.head"
_LEAF = "SELECT leaf_hash FROM ledger.events WHERE position = %s"
_LAST = "SELECT position, leaf_hash, engine.now() FROM ledger.events ORDER BY position DESC LIMIT 1"

_RUNS_OF = "SELECT run_id FROM read.runs WHERE person_id = %s ORDER BY requested_at, run_id"

_DEPARTED = """
SELECT person_id FROM (
    SELECT DISTINCT ON (person_id) person_id, cutoff, restores FROM read.runs
    WHERE person_id = ANY(%s) AND state <> 'ended' AND confirmed IS NOT FALSE AND NOT shadow
    ORDER BY person_id, requested_at DESC
) AS last WHERE cutoff <= engine.now() AND restores IS NULL
"""

_DRY_RUNS = """
SELECT count(*) FROM read.runs
WHERE shadow AND twin_of IS NULL AND requested_at > engine.now() - %s AND requested_by = ANY(%s)
"""

_PASSED_OVER = """
UPDATE engine.reports SET version = %s WHERE run_id = %s AND version = %s RETURNING run_id
"""


class Ledger:
    """One per process and event loop. Close it, so that what waits is written. `files` are those that events name,
    `uploads` those that none names yet.

    Every method raises `LedgerUnavailable` when PostgreSQL cannot serve, and `UnreadableEvent` for stored events this
    program does not understand.
    """

    def __init__(self, database: Database, keyring: Keyring, codec: EventCodec) -> None:
        self._database = database
        self._keyring = keyring
        self._codec = codec
        self._writer = GroupWriter(database)
        self._tails = KnownTails()
        self.files = Files(database, keyring)
        self.uploads = Uploads(database, self.files)
        self.forgetting: list[Callable[[], None]] = []
        """Called when the database turns out to be older than what this process has read: for callers that cache
        states."""
        self.on_older: Callable[[OlderDatabase], None] | None = None
        """Called after those, with the error that is raised."""
        self.refusing: OlderDatabase | None = None
        """Raised by every append while it is not recorded that the database is an older copy."""

    async def read(self, after: Mapping[str, int]) -> Page:
        """All events of each stream beyond the version given (0: from the beginning), and the database's time, as
        one consistent view in one round trip (a second one for keys this process has not seen recently). Raises
        `OlderDatabase` if a stream does not reach the version given."""
        rows = await self._rows(_READ, (list(after), list(after.values())))
        reached = {row[2] for row in rows}
        if short := next((stream for stream, version in after.items() if version and stream not in reached), None):
            raise self._older(OlderDatabase(self._database.place, short, after[short]))
        for now, _, stream, version, leaf in rows:
            if stream is not None and not self._tails.agree(stream, version, bytes(leaf), now):
                raise self._older(OlderDatabase(self._database.place, stream, version, differs=True))
        events: dict[str, list[Recorded]] = {stream: [] for stream in after}
        for recorded in await self._decode(row[1] for row in rows if row[1] is not None):
            events[recorded.stream].append(recorded)
        return Page(events, rows[0][0], dict(after))

    async def append(
        self,
        appends: Sequence[StreamAppend],
        rows: Sequence[RowWrite] = (),
        *,
        not_after: datetime | None = None,
        on_older: bool = False,
        append_id: UUID | None = None,
    ) -> Appended:
        """Writes all drafts and rows, or nothing. At `not_after` or later, by the time at which they would be recorded,
        it raises `TimePassed`, which is a `VersionConflict`.

        Raises `VersionConflict` if a stream does not have its expected version, `EventKeyTaken` if all do but a
        draft's key is in its stream already, `PersonUnknown` for a subject that was never created, `AppendRefused`
        for what the database will never take. A subject that has been erased is no error: the event is recorded
        without its personal fields. If the caller is cancelled, the append is written whole or not at all.

        `append_id` is written with the events, a random one if it is None: `appended` finds them by it.
        `on_older`: also while `refusing` is set, which every other append raises.
        """
        if self.refusing is not None and not on_older:
            raise self.refusing
        if len({part.stream for part in appends}) != len(appends):
            raise ValueError("append: a stream occurs twice. Put its drafts into one StreamAppend")
        if not appends:
            raise ValueError("append: there is no stream. Give at least one, with the version that was read")
        for row in rows:
            check_row(row)
        prepared = replace(await self._prepare(appends, rows), not_after=not_after)
        if append_id is not None:
            prepared = replace(prepared, append_id=append_id)
        try:
            appended = await self._writer.submit(prepared)
        except OlderDatabase as error:
            raise self._older(error) from None
        for stream, leaf in appended.leaves.items():
            self._tails.agree(stream, appended.versions[stream], leaf, appended.recorded_at)
        return appended

    def _older(self, error: OlderDatabase) -> OlderDatabase:
        error.known_since = self._tails.known_since(error.stream)
        self._tails.clear()
        for forget in self.forgetting:
            forget()
        if self.on_older is not None:
            self.on_older(error)
        return error

    async def appended(self, stream: str, append_id: UUID) -> list[Recorded]:
        """The events of a stream that were appended with this id, by version."""
        return await self._list(_APPENDED, (stream, append_id))

    async def has(self, position: int, leaf: bytes) -> bool:
        """Whether the ledger has the event with this leaf hash (32 bytes) at this position."""
        rows = await self._rows(_LEAF, (position,))
        return bool(rows) and bytes(rows[0][0]) == leaf

    async def last(self) -> tuple[int, bytes, datetime] | None:
        """Position and leaf hash (32 bytes) of the last event, and the database's time; None when there is none."""
        rows = await self._rows(_LAST, ())
        return (int(rows[0][0]), bytes(rows[0][1]), rows[0][2]) if rows else None

    async def follow(self, after_position: int, limit: int) -> list[Recorded]:
        """The next events by position. None is ever missed: positions are given in the order of commits."""
        return await self._list(_FOLLOW, (after_position, limit))

    async def of_types(self, types: Sequence[str], after: int, until: int, limit: int) -> list[Recorded]:
        """The next events of these types beyond the position `after`, up to `until`."""
        return await self._list(_OF_TYPES, (after, until, list(types), limit))

    async def about(self, person_id: str, after_position: int = 0, limit: int = 1000) -> list[Recorded]:
        """The next events, of any stream, whose subject is this person."""
        return await self._list(_SUBJECT, (person_id, after_position, limit))

    async def firsts(self, streams: Sequence[str]) -> list[Recorded]:
        """The first event of each of these streams that has one, in no order: what lists show of what began there."""
        return await self._list(_FIRST, (list(streams),)) if streams else []

    async def opened(self, stored: Iterable[bytes]) -> list[Recorded]:
        """Stored events with their personal fields, for queries that have read the rows themselves."""
        return await self._decode(stored)

    async def whole(self, stream: str) -> list[tuple[Recorded, bytes]]:
        """All of a stream, each event with its leaf hash (32 bytes)."""
        rows = await self._rows(_WHOLE, (stream,))
        recorded = await self._decode(row[0] for row in rows)
        return [(one, bytes(row[1])) for one, row in zip(recorded, rows, strict=True)]

    async def readable(self, person_ids: Iterable[str]) -> frozenset[str]:
        """Those of these people whose personal data can still be read; not who is erased, nor who was never known."""
        keys = await self._keyring.person_keys(person_ids)
        return frozenset(person_id for person_id, key in keys.items() if key is not None)

    async def now(self) -> datetime:
        """The database's time, which all of Offboard goes by."""
        [row] = await self._rows(_NOW, ())
        assert isinstance(row[0], datetime)
        return row[0]

    async def departed(self, humans: Iterable[str]) -> frozenset[str]:
        """Which of these people, by opaque id, are past their own cutoff, in the last run about them that was not
        cancelled and that not only its requester confirmed; dry runs do not count. A person who comes back under the
        same HR record stays among them, since HR makes a new record for a new employment, unless a restore of the run
        was completed."""
        return frozenset(str(row[0]) for row in await self._rows(_DEPARTED, (sorted(humans),)))

    async def runs_of(self, person_id: str) -> list[str]:
        """The ids of all runs about this person (an opaque id), dry runs included, the oldest first."""
        return [str(row[0]) for row in await self._rows(_RUNS_OF, (person_id,))]

    async def dry_runs_by(self, accounts: Iterable[str], within: timedelta) -> int:
        """How many dry runs these accounts have started in this time."""
        return int((await self._rows(_DRY_RUNS, (within, sorted(accounts))))[0][0])

    async def passed_over(self, run_id: str, before: int, after: int) -> None:
        """Notes that a workflow which knows the version `before` of its run has nothing to do about the events up to
        `after`, so that the relay does not wake it for them."""
        await self._rows(_PASSED_OVER, (after, run_id, before))

    async def tail_position(self) -> int:
        """The position of the last event; 0 when there is none."""
        async with self._database.driver() as connection:
            row = await (await connection.execute(_TAIL)).fetchone()
        assert row is not None
        return int(row[0])

    async def aclose(self) -> None:
        """Writes what waits. The database stays open: it belongs to its creator."""
        await self._writer.aclose()

    async def _list(self, sql: str, parameters: tuple[object, ...]) -> list[Recorded]:
        return await self._decode(row[0] for row in await self._rows(sql, parameters))

    async def _rows(self, sql: str, parameters: tuple[object, ...]) -> list[Any]:
        async with self._database.driver() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(sql, parameters)
            return await cursor.fetchall()

    async def _prepare(self, appends: Sequence[StreamAppend], rows: Sequence[RowWrite]) -> PreparedAppend:
        encoded = [(part.stream, draft, self._codec.encode(draft.event)) for part in appends for draft in part.drafts]
        subjects = {draft.subject for _, draft, _ in encoded if draft.subject is not None}
        keys = await self._keyring.person_keys(subjects) if subjects else {}
        for subject in subjects:
            if subject not in keys:
                raise PersonUnknown(subject)
        personal = sum(len(value) for _, _, part in encoded for value in part.personal.values())
        if personal > _LARGE_BYTES:
            prepared = await asyncio.to_thread(lambda: [_seal(*item, keys) for item in encoded])
        else:
            prepared = [_seal(*item, keys) for item in encoded]
        events = iter(prepared)
        return PreparedAppend(
            uuid4(),
            tuple(
                PreparedStream(
                    part.stream,
                    part.expected,
                    tuple(next(events) for _ in part.drafts),
                    self._tails.leaf(part.stream, part.expected),
                )
                for part in appends
            ),
            tuple(rows),
            len(prepared),
            sum(len(event.public) + len(event.sealed) for event in prepared),
        )

    async def _decode(self, stored: Iterable[bytes]) -> list[Recorded]:
        entries = [read_entry(data) for data in stored]
        subjects = {entry.subject for entry in entries if entry.subject is not None and entry.sealed}
        keys = await self._keyring.person_keys(subjects) if subjects else {}
        recorded = []
        for number, entry in enumerate(entries):
            if number % EVENTS_PER_YIELD == EVENTS_PER_YIELD - 1:
                await asyncio.sleep(0)
            key = keys.get(entry.subject) if entry.subject is not None else None
            event = self._codec.decode(entry.type, entry.schema, entry.public, _open(entry, key))
            recorded.append(
                Recorded(
                    entry.position,
                    entry.stream,
                    entry.version,
                    entry.key,
                    entry.type,
                    event,
                    entry.subject,
                    entry.recorded_at,
                )
            )
        return recorded


def _seal(stream: str, draft: Draft, encoded: Encoded, keys: Mapping[str, PersonKey | None]) -> PreparedEvent:
    sealed = b""
    event = draft.event
    if encoded.personal:
        key = keys.get(draft.subject) if draft.subject is not None else None
        if key is None:
            event = event.model_copy(update=dict.fromkeys(event.personal_fields()))
        else:
            data_key = key.data_key(stream, draft.key)
            sealed = write_sealed(
                data_key.commitment,
                {field: data_key.encrypt(field, plaintext) for field, plaintext in encoded.personal.items()},
            )
    return PreparedEvent(draft.key, encoded.type, encoded.schema, draft.subject, encoded.public, sealed, event)


def _open(entry: Entry, key: PersonKey | None) -> dict[str, bytes] | None:
    if not entry.sealed or key is None:
        return None
    commitment, ciphertexts = read_sealed(entry.sealed)
    data_key = key.data_key(entry.stream, entry.key)
    data_key.demand(commitment)
    return {field: data_key.decrypt(field, ciphertext) for field, ciphertext in ciphertexts.items()}
