"""One group's transaction: lock the head, check versions under the lock, write, commit. Two round trips,
and more before PostgreSQL 17.

Everything that can be done before the lock (encoding, encryption) has been done; what hangs on the position, the time
and the hash before in the stream is done under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from orchestrator.domain.events.event import Event
from orchestrator.ledger.book.errors import EventKeyTaken, LedgerError, OlderDatabase, TimePassed, VersionConflict
from orchestrator.ledger.book.format import NO_PREVIOUS, Entry, leaf_hash, write
from orchestrator.ledger.book.records import Appended, Recorded, RowWrite
from orchestrator.ledger.book.rows import statements
from orchestrator.ledger.schema.database import ends_transactions
from orchestrator.ledger.schema.driver_pool import DriverConnection

AppendOutcome = Appended | LedgerError


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    key: str
    type: str
    schema: int
    subject: str | None
    public: bytes
    sealed: bytes
    event: Event


@dataclass(frozen=True, slots=True)
class PreparedStream:
    stream: str
    expected: int
    events: Sequence[PreparedEvent]
    leaf: bytes | None = None
    """The hash of the event at `expected`, where this process knows it."""


@dataclass(frozen=True, slots=True)
class PreparedAppend:
    """`append_id` is written with every event, and settles whether a COMMIT without an answer took place. Nothing is
    written at `not_after` or later."""

    append_id: UUID
    streams: Sequence[PreparedStream]
    rows: Sequence[RowWrite]
    events: int
    size: int
    not_after: datetime | None = None


class CommitLost(Exception):
    """The connection broke when the COMMIT may have reached the server. `witness` is a position and the append id
    that is there if it did; None if the group wrote rows only, which may be written again."""

    def __init__(self, witness: tuple[int, UUID] | None, outcomes: list[AppendOutcome]) -> None:
        super().__init__("the connection broke around a COMMIT")
        self.witness = witness
        self.outcomes = outcomes


_LOCK = "SELECT position, engine.now() FROM ledger.head FOR UPDATE"
# The last event of each stream, then the keys that are taken, with the version NULL. A statement of its own: its
# snapshot must be taken when the lock is held, not while it is waited for.
_KNOWN = """
SELECT s.stream, t.version, t.leaf_hash, NULL FROM unnest(%s::text[]) AS s(stream) CROSS JOIN LATERAL (
    SELECT version, leaf_hash FROM ledger.events e WHERE e.stream = s.stream ORDER BY e.version DESC LIMIT 1) t
UNION ALL
SELECT e.stream, NULL, NULL, e.event_key FROM unnest(%s::text[], %s::text[]) AS k(stream, event_key)
JOIN ledger.events e ON e.stream = k.stream AND e.event_key = k.event_key
"""
_INSERT = """
WITH advanced AS (UPDATE ledger.head SET position = %b::bigint)
INSERT INTO ledger.events
    (position, stream, version, event_key, event_type, subject, append_id, stored, leaf_hash, recorded_at)
SELECT u.*, %b::timestamptz FROM unnest(%b::bigint[], %b::text[], %b::int[], %b::text[], %b::text[], %b::text[],
    %b::uuid[], %b::bytea[], %b::bytea[]) AS u
"""
_WITNESS = "SELECT append_id FROM ledger.events WHERE position = %s"


async def commit_group(connection: DriverConnection, group: Sequence[PreparedAppend]) -> list[AppendOutcome]:
    """Writes what may be written of the group, all or nothing, and says for each append what became of it.

    Raises `CommitLost` when the connection broke once the COMMIT was on its way, and psycopg's errors for everything
    else; then nothing was written, and the connection is in a failed transaction or broken.
    """
    streams = sorted({part.stream for prepared in group for part in prepared.streams})
    keys = [(part.stream, event.key) for prepared in group for part in prepared.streams for event in part.events]
    async with _together(connection):
        await connection.execute("BEGIN")
        locked = await connection.execute(_LOCK)
        known = await connection.execute(_KNOWN, (streams, [k[0] for k in keys], [k[1] for k in keys]))
    row = await locked.fetchone()
    assert row is not None, "ledger.head has no row"
    draft = _CommitGroup(row[0], row[1])
    for stream, version, leaf, key in await known.fetchall():
        if version is None:
            draft.taken.add((stream, key))
        else:
            draft.tails[stream] = (version, bytes(leaf))

    outcomes: list[AppendOutcome] = [draft.take(prepared) for prepared in group]
    rows = statements(
        (
            write
            for prepared, outcome in zip(group, outcomes, strict=True)
            if isinstance(outcome, Appended)
            for write in prepared.rows
        ),
        draft.now,
    )
    if not draft.stored and not rows:
        await connection.execute("ROLLBACK")
        return outcomes
    try:
        async with _together(connection):
            if draft.stored:
                await connection.execute(_INSERT, draft.columns())
            for sql, parameter in rows:
                await connection.execute(sql, (parameter,))
            await connection.execute("COMMIT")
    except BaseException as error:
        if connection.broken or connection.closed or not isinstance(error, psycopg.Error):
            raise CommitLost(draft.witness, outcomes) from error
        raise
    return outcomes


def _together(connection: DriverConnection) -> AbstractAsyncContextManager[object]:
    """Statements in one round trip. Before PostgreSQL 17 each has a round trip of its own: only between statements that
    the server has answered does `idle_in_transaction_session_timeout` end a transaction whose process has stopped."""
    return connection.pipeline() if ends_transactions(connection) else nullcontext()


async def was_committed(connection: DriverConnection, witness: tuple[int, UUID]) -> bool:
    """Whether the lost group stands. Takes the head's lock first: while its transaction lives, that waits."""
    position, append_id = witness
    async with _together(connection):
        await connection.execute("BEGIN")
        await connection.execute(_LOCK)
        found = await connection.execute(_WITNESS, (position,))
        await connection.execute("ROLLBACK")
    row = await found.fetchone()
    return row is not None and row[0] == append_id


class _CommitGroup:
    """The state of the ledger as this group sees it, append after append."""

    def __init__(self, position: int, now: datetime) -> None:
        self.position = position
        self.now = now
        self.tails: dict[str, tuple[int, bytes]] = {}
        self.taken: set[tuple[str, str]] = set()
        self.stored: list[tuple[int, str, int, str, str, str | None, UUID, bytes, bytes]] = []

    @property
    def witness(self) -> tuple[int, UUID] | None:
        return (self.stored[0][0], self.stored[0][6]) if self.stored else None

    def take(self, prepared: PreparedAppend) -> AppendOutcome:
        versions: dict[str, int] = {}
        for part in prepared.streams:
            actual, leaf = self.tails.get(part.stream, (0, NO_PREVIOUS))
            if actual != part.expected:
                return VersionConflict(part.stream, part.expected, actual)
            if part.leaf is not None and part.leaf != leaf:
                return OlderDatabase("ledger", part.stream, actual, differs=True)
            versions[part.stream] = actual + len(part.events)
        if prepared.not_after is not None and self.now >= prepared.not_after:
            first = prepared.streams[0]
            return TimePassed(first.stream, first.expected, prepared.not_after)
        fresh: set[tuple[str, str]] = set()
        for part in prepared.streams:
            for event in part.events:
                named = (part.stream, event.key)
                if named in self.taken or named in fresh:
                    return EventKeyTaken(*named)
                fresh.add(named)
        recorded: list[Recorded] = []
        for part in prepared.streams:
            for event in part.events:
                recorded.append(self._record(prepared.append_id, part.stream, event))
        leaves = {part.stream: self.tails[part.stream][1] for part in prepared.streams if part.events}
        return Appended(self.now, tuple(recorded), versions, leaves)

    def _record(self, append_id: UUID, stream: str, event: PreparedEvent) -> Recorded:
        before, previous = self.tails.get(stream, (0, NO_PREVIOUS))
        self.position += 1
        version = before + 1
        stored = write(
            Entry(
                stream,
                version,
                self.position,
                event.key,
                event.type,
                event.schema,
                event.subject,
                self.now,
                previous,
                event.public,
                event.sealed,
            )
        )
        leaf = leaf_hash(stored)
        self.tails[stream] = (version, leaf)
        self.taken.add((stream, event.key))
        self.stored.append(
            (self.position, stream, version, event.key, event.type, event.subject, append_id, stored, leaf)
        )
        return Recorded(self.position, stream, version, event.key, event.type, event.event, event.subject, self.now)

    def columns(self) -> tuple[object, ...]:
        return (self.position, self.now, *(list(column) for column in zip(*self.stored, strict=True)))
