"""Makes the read tables again from the events while appends go on, and counts what was different.

    fold all events ─► one snapshot: fold up to its head, compare with the tables of the same snapshot
                    ─► for each part of what differed: fold what came since, lock the head, replace, commit

Tables and events of one snapshot belong together, because every append changes both. A row that is right there stays
right: later appends change it by what they change in their run. So only runs with a difference are written, from their
state under the lock, all rows of a run in one transaction. Rows hang on nothing personal, so no key is needed and
erased people make no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from orchestrator.domain.packet.history import packet_state
from orchestrator.domain.run.run import RunState, fold
from orchestrator.ledger.book import projections
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.format import read
from orchestrator.ledger.book.records import RowWrite
from orchestrator.ledger.book.rows import statements
from orchestrator.ledger.persons.search_tags import CURSOR
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import READ_TABLES

BATCH: Final = 2_000
"""Events that are read at once."""
RUNS_AT_ONCE: Final = 1_000
"""Runs and packets that are corrected in one transaction: appends wait for it, and fail after some seconds."""
_NEXT = "SELECT stored FROM ledger.events WHERE position > %s ORDER BY position LIMIT %s"
_LOCK = "SELECT position, engine.now() FROM ledger.head FOR UPDATE"
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
class _Folding:
    """Runs and packets as they come out of the events so far."""

    codec: EventCodec
    position: int = 0
    runs: dict[str, RunState] = field(default_factory=dict)
    packets: dict[str, packet_state.PacketState] = field(default_factory=dict)

    def take(self, stored: bytes) -> None:
        entry = read(stored)
        self.position = entry.position
        kind, _, name = entry.stream.partition(":")
        if kind == "run":
            event = self.codec.decode(entry.type, entry.schema, entry.public, None)
            state = fold(self.runs.pop(name, RunState()), event, entry.recorded_at)
            self.runs[name] = state
        elif kind == "packet":
            event = self.codec.decode(entry.type, entry.schema, entry.public, None)
            self.packets[name] = packet_state.fold([event], self.packets.get(name))

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        if table == "packets":
            yield from (row.key | (row.values or {}) for row in self.rows_of_packets(self.packets))
        else:
            yield from (row.key | (row.values or {}) for row in self.rows_of_runs(self.runs) if row.table == table)

    def rows_of_runs(self, run_ids: Iterable[str]) -> Iterator[RowWrite]:
        for run_id in run_ids:
            if run_id in self.runs:
                for (table, id_), values in projections.run_rows(self.runs[run_id]).items():
                    yield RowWrite(table, {projections.KEY[table]: id_}, values)

    def rows_of_packets(self, names: Iterable[str]) -> Iterator[RowWrite]:
        for name in names:
            if name in self.packets:
                yield RowWrite("packets", {"name": name}, projections.packet_row(self.packets[name]))


@dataclass(slots=True)
class _Different:
    """What has a row that differs. `runs` also has the names that only a wrong row bears."""

    runs: set[str] = field(default_factory=set)
    packets: set[str] = field(default_factory=set)
    tally: bool = False


async def rebuild(database: Database, codec: EventCodec) -> dict[str, Rebuilt]:
    """By table; `run_counts` are sums over the runs. Appends go on; they wait while the rows of at most `RUNS_AT_ONCE`
    runs are corrected. If it is interrupted, each run has all its rows as they were or all corrected; repeat it.

    Raises `LedgerUnavailable`, and `UnreadableEvent` for an event that this program cannot read; then nothing has
    changed."""
    folding = _Folding(codec)
    connection = await database.dedicated()
    with database.errors():
        try:
            await connection.execute("SET statement_timeout = 0")
            await connection.execute("SET idle_in_transaction_session_timeout = 0")
            await _catch_up(connection, folding)
            made, different = await _compared(connection, folding)
            await _correct(connection, folding, different)
        finally:
            await connection.close()
    return made


async def _catch_up(connection: psycopg.AsyncConnection[Any], folding: _Folding) -> None:
    while True:
        cursor = connection.cursor(binary=True)
        await cursor.execute(_NEXT, (folding.position, BATCH))
        rows = await cursor.fetchall()
        for row in rows:
            folding.take(bytes(row[0]))
        if len(rows) < BATCH:
            return


async def _compared(
    connection: psycopg.AsyncConnection[Any], folding: _Folding
) -> tuple[dict[str, Rebuilt], _Different]:
    """In one snapshot, without a lock that an append waits for."""
    made, different = {}, _Different()
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await _catch_up(connection, folding)
        for table in READ_TABLES:
            made[table] = await _compare(connection, table, folding.rows(table), different)
        miscounted = await (await connection.execute(_MISCOUNTED)).fetchone()
        counts = await (await connection.execute(f"SELECT count(*) FROM ({_COUNTED}) made")).fetchone()  # noqa: S608
        assert miscounted is not None and counts is not None, "a count has one row"
        made[TALLY] = Rebuilt(int(counts[0]), int(miscounted[0]))
        different.tally = made[TALLY].differed > 0
    return made, different


async def _compare(
    connection: psycopg.AsyncConnection[Any], name: str, rows: Iterable[dict[str, Any]], different: _Different
) -> Rebuilt:
    """The rows beside those of the table, and how many were not the same."""
    table, fresh = sql.Identifier("read", name), sql.Identifier(f"rebuilt_{name}")
    [key] = [sql.Identifier(column.name) for column in READ_TABLES[name].primary_key]
    await connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP").format(fresh, table)
    )
    count = 0
    cursor = connection.cursor()
    await cursor.execute("CREATE TEMPORARY TABLE rebuilt_rows (document jsonb NOT NULL) ON COMMIT DROP")
    columns: list[str] = []
    async with cursor.copy("COPY rebuilt_rows FROM STDIN") as copy:
        for row in rows:
            columns = columns or list(row)
            await copy.write_row((json.dumps(row, default=plain, allow_nan=False),))
            count += 1
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    if columns:
        await cursor.execute(
            sql.SQL(
                "INSERT INTO {fresh} ({names}) SELECT {names} FROM rebuilt_rows, "
                "jsonb_populate_record(NULL::{table}, document)"
            ).format(fresh=fresh, names=names, table=table)
        )
    await cursor.execute("DROP TABLE rebuilt_rows")
    belongs_to = sql.Identifier("name" if name == "packets" else "run_id")
    await cursor.execute(
        sql.SQL(
            "SELECT was.{owner}, made.{owner} FROM {table} was FULL JOIN {fresh} made ON was.{key} = made.{key} "
            "WHERE to_jsonb(was) IS DISTINCT FROM to_jsonb(made)"
        ).format(owner=belongs_to, table=table, fresh=fresh, key=key)
    )
    differ = await cursor.fetchall()
    owners = different.packets if name == "packets" else different.runs
    owners.update(str(owner) for pair in differ for owner in pair if owner is not None)
    return Rebuilt(count, len(differ))


async def _correct(connection: psycopg.AsyncConnection[Any], folding: _Folding, different: _Different) -> None:
    """Locks like an append: the head first, then rows."""
    parts = [(part, False) for part in _parts(different.runs)] + [(part, True) for part in _parts(different.packets)]
    for names, are_packets in parts:
        await _catch_up(connection, folding)
        async with connection.transaction():
            locked = await (await connection.execute(_LOCK)).fetchone()
            assert locked is not None, "ledger.head has no row"
            await _catch_up(connection, folding)
            fresh = folding.rows_of_packets(names) if are_packets else folding.rows_of_runs(names)
            writes = [*await _rows_of(connection, names, are_packets), *fresh]
            for statement, rows in statements(writes, locked[1]):
                await connection.execute(statement, (rows,))
    async with connection.transaction():
        await connection.execute(_LOCK)
        if different.tally:
            await connection.execute(f"DELETE FROM read.{TALLY}")  # noqa: S608
            await connection.execute(f"INSERT INTO read.{TALLY} {_COUNTED}")
        # The next search reads the ledger from its beginning: the keyring may be older than the ledger.
        await connection.execute("DELETE FROM engine.cursors WHERE name = %s", (CURSOR,))


def _parts(names: set[str]) -> list[list[str]]:
    ordered = sorted(names)
    return [ordered[start : start + RUNS_AT_ONCE] for start in range(0, len(ordered), RUNS_AT_ONCE)]


async def _rows_of(connection: psycopg.AsyncConnection[Any], names: list[str], are_packets: bool) -> list[RowWrite]:
    """The deletion of every row that the tables have of these."""
    gone: list[RowWrite] = []
    for table in ("packets",) if are_packets else projections.KEY:
        key = "name" if are_packets else projections.KEY[table]
        found = await connection.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s)").format(
                sql.Identifier(key),
                sql.Identifier("read", table),
                sql.Identifier("name" if are_packets else "run_id"),
            ),
            (names,),
        )
        gone.extend(RowWrite(table, {key: str(row[0])}, None) for row in await found.fetchall())
    return gone


def plain(value: object) -> object:
    """A column's value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a read table cannot store a {type(value).__name__}")
