"""The rows that some runs and packets should have, worked out from their events and put beside the read tables.

Used by one connection at a time: the rows are in temporary tables of it. No more than the rows of these runs are in
memory. Rows depend on nothing personal, so no key is needed and erased people make no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.domain.packet.history import packet_state
from orchestrator.domain.run.run import RunState, fold
from orchestrator.ledger.book import projections
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.format import Entry, read
from orchestrator.ledger.schema.tables import READ_TABLES

STREAMS_AT_ONCE: Final = 250
"""Streams whose events are read at once: a run has up to some hundred events of up to some kilobytes."""
RUN, PACKET = "run:", "packet:"
_EVENTS = "SELECT stored FROM ledger.events WHERE stream = ANY(%s) ORDER BY stream, version"
_KEYS = {name: table.primary_key.columns[0].name for name, table in READ_TABLES.items()}
OWNERS: Final = {name: "name" if name == "packets" else "run_id" for name in READ_TABLES}
"""By table: the column with the run or packet that a row is about."""


@dataclass(slots=True)
class MadeRows:
    """`counted` is how many rows were made of each table. `versions` are those of the streams that they are made of."""

    connection: psycopg.AsyncConnection[Any]
    codec: EventCodec
    versions: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _tables: set[str] = field(default_factory=set)

    async def make(self, streams: Sequence[str]) -> None:
        """From the events that these streams have now. Raises `UnreadableEvent`."""
        cursor = self.connection.cursor(binary=True)
        for start in range(0, len(streams), STREAMS_AT_ONCE):
            await cursor.execute(_EVENTS, (list(streams[start : start + STREAMS_AT_ONCE]),))
            entries = (read(bytes(row[0])) for row in await cursor.fetchall())
            for stream, events in groupby(entries, key=lambda entry: entry.stream):
                for table, row in self._rows(stream, events):
                    self._waiting.setdefault(table, []).append(row)

    async def put(self, table: str) -> int:
        """Writes the rows of this table that were made since, by COPY. Returns how many there are."""
        made = _made(table)
        if table not in self._tables:
            await self.connection.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING DEFAULTS)").format(made, _read(table))
            )
            self._tables.add(table)
        rows = self._waiting.pop(table, [])
        if rows:
            columns = list(rows[0])
            documents = [isinstance(READ_TABLES[table].columns[name].type, JSONB) for name in columns]
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            copying = sql.SQL("COPY {} ({}) FROM STDIN").format(made, names)
            async with self.connection.cursor().copy(copying) as copy:
                for row in rows:
                    await copy.write_row(
                        [
                            Jsonb(value, _json) if document and value is not None else value
                            for value, document in zip(row.values(), documents, strict=True)
                        ]
                    )
        return len(rows)

    async def differing(self, table: str, names: Sequence[str]) -> tuple[int, set[str]]:
        """How many rows of these are missing, too many, or not the same in the read table; and their runs or packets,
        both where a row bears the name of another one."""
        owner, key = sql.Identifier(OWNERS[table]), sql.Identifier(_KEYS[table])
        columns = [sql.Identifier(column.name) for column in READ_TABLES[table].columns]
        query = sql.SQL(
            "SELECT was.{owner}, made.{owner} FROM (SELECT * FROM {table} WHERE {owner} = ANY(%s)) was "
            "FULL JOIN {made} made ON was.{key} = made.{key} "
            "WHERE ROW({was_columns}) IS DISTINCT FROM ROW({made_columns})"
        ).format(
            owner=owner,
            key=key,
            table=_read(table),
            made=_made(table),
            was_columns=_of("was", columns),
            made_columns=_of("made", columns),
        )
        found = await (await self.connection.execute(query, (list(names),))).fetchall()
        return len(found), {str(name) for pair in found for name in pair if name is not None}

    async def drop(self, table: str, names: Sequence[str]) -> None:
        """Forgets the rows of these."""
        owner = sql.Identifier(OWNERS[table])
        await self.connection.execute(
            sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(_made(table), owner), (list(names),)
        )

    async def replace(self, table: str, names: Sequence[str]) -> None:
        """Gives these exactly the rows that were made."""
        owner, key = sql.Identifier(OWNERS[table]), sql.Identifier(_KEYS[table])
        of = {"table": _read(table), "made": _made(table), "owner": owner, "key": key}
        await self.connection.execute(
            sql.SQL("DELETE FROM {table} WHERE {owner} = ANY(%s)").format(**of), (list(names),)
        )
        # A wrong row can have another run's key.
        await self.connection.execute(
            sql.SQL("DELETE FROM {table} was USING {made} made WHERE was.{key} = made.{key}").format(**of)
        )
        await self.connection.execute(sql.SQL("INSERT INTO {table} SELECT * FROM {made}").format(**of))

    async def clear(self) -> None:
        """Forgets all rows."""
        self.versions.clear()
        for table in self._tables:
            await self.connection.execute(sql.SQL("TRUNCATE {}").format(_made(table)))

    def _rows(self, stream: str, entries: Iterable[Entry]) -> Iterator[tuple[str, dict[str, Any]]]:
        kind, _, name = stream.partition(":")
        version = 0
        if f"{kind}:" == RUN:
            state = RunState()
            for entry in entries:
                event = self.codec.decode(entry.type, entry.schema, entry.public, None)
                state, version = fold(state, event, entry.recorded_at), entry.version
            for (table, id_), values in projections.run_rows(state).items():
                yield table, {projections.KEY[table]: id_, **values}
        elif f"{kind}:" == PACKET:
            events = []
            for entry in entries:
                events.append(self.codec.decode(entry.type, entry.schema, entry.public, None))
                version = entry.version
            yield "packets", {"name": name, **projections.packet_row(packet_state.fold(events))}
        self.versions[stream] = version


def plain(value: object) -> object:
    """A column's value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a read table cannot store a {type(value).__name__}")


def _json(value: object) -> str:
    return json.dumps(value, default=plain, allow_nan=False)


def _read(table: str) -> sql.Identifier:
    return sql.Identifier("read", table)


def _made(table: str) -> sql.Identifier:
    return sql.Identifier(f"made_{table}")


def _of(alias: str, columns: Sequence[sql.Identifier]) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("{}.{}").format(sql.Identifier(alias), column) for column in columns)
