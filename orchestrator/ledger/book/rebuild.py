"""Makes the read tables again from the events, in one transaction, and counts what was different.

    fold what is there ─► lock the head ─► fold what came meanwhile ─► compare ─► replace ─► commit

Rows hang on nothing personal, so no key is needed and erased people make no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.domain.packet import packet_history
from orchestrator.domain.run.run import RunState, fold
from orchestrator.ledger.book import projections
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.format import read
from orchestrator.ledger.persons.search_tags import CURSOR
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import READ_TABLES

BATCH = 2_000
_NEXT = "SELECT stored FROM ledger.events WHERE position > %s ORDER BY position LIMIT %s"
_LOCK = "SELECT position FROM ledger.head FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`rows` there are now; `differed` were missing, too many, or not as the events have them."""

    rows: int
    differed: int


@dataclass(slots=True)
class _Folding:
    """The read tables as they come out of the events so far."""

    codec: EventCodec
    position: int = 0
    runs: dict[str, RunState] = field(default_factory=dict)
    packets: dict[str, packet_history.PacketState] = field(default_factory=dict)

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
            self.packets[name] = packet_history.fold([event], self.packets.get(name))

    def rows(self, table: str) -> Iterable[dict[str, Any]]:
        if table == "packets":
            for name, packet in self.packets.items():
                yield {"name": name, **projections.packet_row(packet)}
        for state in self.runs.values():
            for (named, id_), values in projections.run_rows(state).items():
                if named == table:
                    yield {projections.KEY[table]: id_, **values}


async def rebuild(database: Database, codec: EventCodec) -> dict[str, Rebuilt]:
    """By table. Appends wait while the last events are folded and the rows are written. Raises `LedgerUnavailable`,
    and `UnreadableEvent` for an event that this program cannot read; then nothing has changed."""
    folding = _Folding(codec)
    made: dict[str, Rebuilt] = {}
    connection = await database.dedicated()
    with database.errors():
        try:
            await _catch_up(connection, folding)
            async with connection.transaction():
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                await connection.execute(_LOCK)
                await _catch_up(connection, folding)
                for table in READ_TABLES:
                    made[table] = await _replace(connection, table, folding.rows(table))
                # The next search reads the ledger from its beginning: the keyring may be older than the ledger.
                await connection.execute("DELETE FROM engine.cursors WHERE name = %s", (CURSOR,))
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


async def _replace(connection: psycopg.AsyncConnection[Any], name: str, rows: Iterable[dict[str, Any]]) -> Rebuilt:
    """The table's rows out, the new ones in, and how many were not the same."""
    table, fresh = sql.Identifier("read", name), sql.Identifier(f"rebuilt_{name}")
    keys = [column.name for column in READ_TABLES[name].primary_key]
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
            await copy.write_row((json.dumps(row, default=_plain, allow_nan=False),))
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
    same = sql.SQL(" AND ").join(sql.SQL("was.{0} = made.{0}").format(sql.Identifier(key)) for key in keys)
    compared = await cursor.execute(
        sql.SQL(
            "SELECT count(*) FROM {table} was FULL JOIN {fresh} made ON {same} "
            "WHERE to_jsonb(was) IS DISTINCT FROM to_jsonb(made)"
        ).format(table=table, fresh=fresh, same=same)
    )
    found = await compared.fetchone()
    await cursor.execute(sql.SQL("DELETE FROM {}").format(table))
    await cursor.execute(sql.SQL("INSERT INTO {table} SELECT * FROM {fresh}").format(table=table, fresh=fresh))
    return Rebuilt(count, int(found[0]) if found is not None else 0)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a read table cannot store a {type(value).__name__}")
