"""Makes the read tables again from the events while appends go on, and counts what was different.

    runs that began in the next positions ─► their rows, from their events ─► compared with the tables, in one snapshot
    runs that differ, some at a time ─► their rows again ─► lock the head ─► what came since ─► replace, commit

Tables and events of one snapshot belong together, because every append changes both. A row that is right there stays
right: later appends change it by what they change in their run. So only runs with a difference are written, from their
state under the lock, all rows of a run in one transaction. Memory holds the events of some hundred runs, and the names
of those that differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import sql

from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.book.made_rows import OWNERS, PACKET, RUN, MadeRows
from orchestrator.ledger.persons.search_tags import CURSOR
from orchestrator.ledger.processes import started_processes
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import READ_TABLES

BATCH: Final = 2_000
"""Positions whose runs are compared in one snapshot."""
BATCHES_AT_ONCE: Final = 10
"""Batches that a process compares before it takes others. A ledger with fewer is compared in one process."""
RUNS_AT_ONCE: Final = 1_000
"""Runs and packets that are corrected in one transaction: appends wait for it, and fail after some seconds."""
_LAST = "SELECT coalesce(max(position), 0) FROM ledger.events"
_BEGUN = "SELECT stream FROM ledger.events WHERE position > %s AND position <= %s AND version = 1 ORDER BY position"
_VERSIONS = "SELECT stream, max(version) FROM ledger.events WHERE stream = ANY(%s) GROUP BY stream"
_LOCK = "SELECT position FROM ledger.head FOR UPDATE"
_COUNTED = """
SELECT packet_name, packet_version, state, urgent, count(*) AS runs FROM read.runs
WHERE embargo_until IS NULL GROUP BY 1, 2, 3, 4
"""
_MISCOUNTED = f"""
SELECT count(*) FROM (SELECT * FROM read.run_counts WHERE runs <> 0) was
FULL JOIN ({_COUNTED}) made USING (packet_name, packet_version, state, urgent) WHERE was.runs IS DISTINCT FROM made.runs
"""  # noqa: S608  # no value is put in
TALLY: Final = "run_counts"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`rows` there should be; `differed` were missing, too many, or not as the events have them."""

    rows: int
    differed: int


@dataclass(slots=True)
class _Different:
    """What has a row that differs. `runs` also has the names that only a wrong row bears."""

    runs: set[str] = field(default_factory=set)
    packets: set[str] = field(default_factory=set)
    tally: bool = False

    def add(self, table: str, names: Iterable[str]) -> None:
        (self.packets if table == "packets" else self.runs).update(names)


@dataclass(slots=True)
class _SpanCompared:
    """The runs and packets that began between two positions: by table, how many rows they should have and how many
    differ."""

    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(READ_TABLES, 0))
    differed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(READ_TABLES, 0))
    different: _Different = field(default_factory=_Different)


async def rebuild(database: Database, codec: EventCodec, *, processes: int = 1) -> dict[str, Rebuilt]:
    """By table; `run_counts` are sums over the runs. Runs that begin meanwhile are not counted. Appends go on; they
    wait while the rows of at most `RUNS_AT_ONCE` runs are replaced. If it is interrupted, each run has all its rows as
    they were or all corrected; repeat it. The events of a large ledger are folded by `processes` at once.

    Raises `LedgerUnavailable`, `UnreadableEvent` for an event that this program cannot read, and `LedgerError` when one
    of the processes was ended; then nothing has changed."""
    connection = await database.dedicated()
    with database.errors():
        try:
            await _prepare(connection)
            made = MadeRows(connection, codec)
            last = await _number(connection, _LAST)
            step = BATCH * BATCHES_AT_ONCE
            spans = [(first, min(first + step, last)) for first in range(0, last, step)]
            if processes > 1 and len(spans) > 1:
                compared = await _side_by_side(database, codec, spans, processes)
            else:
                compared = [await _compared(made, span, BATCH) for span in spans]
            rebuilt, different = await _together(connection, compared)
            await _correct(connection, made, different)
        finally:
            await connection.close()
    return rebuilt


async def _prepare(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute("SET statement_timeout = 0")
    await connection.execute("SET idle_in_transaction_session_timeout = 0")
    # Each query is about some runs, and PostgreSQL has no statistics of a young ledger that say so.
    await connection.execute("SET enable_seqscan = off")


async def _side_by_side(
    database: Database, codec: EventCodec, spans: Sequence[tuple[int, int]], processes: int
) -> list[_SpanCompared]:
    loop = asyncio.get_running_loop()
    work = partial(_compared_beside, database.connection_arguments(), codec, BATCH)
    pool = started_processes(processes)
    try:
        return await asyncio.gather(*(loop.run_in_executor(pool, work, span) for span in spans))
    except BrokenProcessPool:
        raise LedgerError(
            "ledger rebuild", "one of its processes was ended", "Check the memory of this machine and run it again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _compared_beside(arguments: dict[str, Any], codec: EventCodec, batch: int, span: tuple[int, int]) -> _SpanCompared:
    """One span, in a process of its own."""

    async def compared() -> _SpanCompared:
        async with await psycopg.AsyncConnection.connect(**arguments, autocommit=True) as connection:
            await _prepare(connection)
            return await _compared(MadeRows(connection, codec), span, batch)

    return asyncio.run(compared())


async def _compared(made: MadeRows, span: tuple[int, int], batch: int) -> _SpanCompared:
    """The runs and packets that began after the one position, up to the other, `batch` positions in one snapshot. No
    append waits for this."""
    connection, compared, last = made.connection, _SpanCompared(), span[1]
    for first in range(span[0], last, batch):
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            begun = await (await connection.execute(_BEGUN, (first, min(first + batch, last)))).fetchall()
            streams = [row[0] for row in begun if row[0].startswith((RUN, PACKET))]
            await made.make(streams)
            for table in READ_TABLES:
                compared.rows[table] += await made.put(table)
                count, names = await made.differing(table, _named(table, streams))
                compared.differed[table] += count
                compared.different.add(table, names)
            await made.clear()
    return compared


async def _together(
    connection: psycopg.AsyncConnection[Any], spans: Iterable[_SpanCompared]
) -> tuple[dict[str, Rebuilt], _Different]:
    """The spans, the rows of no run or packet, and the sums."""
    rows, differed, different = dict.fromkeys(READ_TABLES, 0), dict.fromkeys(READ_TABLES, 0), _Different()
    for span in spans:
        different.runs |= span.different.runs
        different.packets |= span.different.packets
        for table in READ_TABLES:
            rows[table] += span.rows[table]
            differed[table] += span.differed[table]
    for table in READ_TABLES:
        found = await _without_events(connection, table)
        differed[table] += len(found)
        different.add(table, found)
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        miscounted = await _number(connection, _MISCOUNTED)
        sums = await _number(connection, f"SELECT count(*) FROM ({_COUNTED}) made")  # noqa: S608
    different.tally = miscounted > 0
    rebuilt = {table: Rebuilt(rows[table], differed[table]) for table in READ_TABLES}
    return rebuilt | {TALLY: Rebuilt(sums, miscounted)}, different


async def _number(connection: psycopg.AsyncConnection[Any], query: str) -> int:
    row = await (await connection.execute(query.encode())).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])


def _named(table: str, streams: Sequence[str]) -> list[str]:
    kind = PACKET if table == "packets" else RUN
    return [stream.removeprefix(kind) for stream in streams if stream.startswith(kind)]


async def _without_events(connection: psycopg.AsyncConnection[Any], table: str) -> list[str]:
    """What each row is about that is of no run or packet of the ledger."""
    query = sql.SQL(
        "SELECT {owner} FROM {table} t WHERE NOT EXISTS "
        "(SELECT FROM ledger.events e WHERE e.stream = {kind} || t.{owner} AND e.version = 1)"
    ).format(
        owner=sql.Identifier(OWNERS[table]),
        table=sql.Identifier("read", table),
        kind=sql.Literal(PACKET if table == "packets" else RUN),
    )
    return [str(row[0]) for row in await (await connection.execute(query)).fetchall()]


async def _correct(connection: psycopg.AsyncConnection[Any], made: MadeRows, different: _Different) -> None:
    """Locks like an append: the head first, then rows."""
    for part in _parts(different.runs):
        await _replace(connection, made, [table for table in READ_TABLES if table != "packets"], RUN, part)
    for part in _parts(different.packets):
        await _replace(connection, made, ["packets"], PACKET, part)
    async with connection.transaction():
        await connection.execute(_LOCK)
        if different.tally:
            await connection.execute(f"DELETE FROM read.{TALLY}")  # noqa: S608
            await connection.execute(f"INSERT INTO read.{TALLY} {_COUNTED}")
        # The next search reads the ledger from its beginning: the keyring may be older than the ledger.
        await connection.execute("DELETE FROM engine.cursors WHERE name = %s", (CURSOR,))


async def _replace(
    connection: psycopg.AsyncConnection[Any], made: MadeRows, tables: Sequence[str], kind: str, names: Sequence[str]
) -> None:
    """The rows of these runs or packets in these tables. Nearly all work is done before the lock."""
    streams = [f"{kind}{name}" for name in names]
    await made.make(streams)
    for table in tables:
        await made.put(table)
    async with connection.transaction():
        await connection.execute(_LOCK)
        now = dict(await (await connection.execute(_VERSIONS, (streams,))).fetchall())
        later = [stream for stream in streams if now.get(stream) != made.versions.get(stream)]
        await made.make(later)
        for table in tables:
            await made.drop(table, [stream.removeprefix(kind) for stream in later])
            await made.put(table)
            await made.replace(table, names)
    await made.clear()


def _parts(names: set[str]) -> list[list[str]]:
    ordered = sorted(names)
    return [ordered[start : start + RUNS_AT_ONCE] for start in range(0, len(ordered), RUNS_AT_ONCE)]
