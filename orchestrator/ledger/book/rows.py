"""Row writes of a whole group as few statements: one per table and set of columns, whatever the number of rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Set
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, LiteralString
from uuid import UUID

from orchestrator.ledger.book.errors import AppendRefused
from orchestrator.ledger.book.records import RECORDED_AT, AfterRecorded, RowWrite
from orchestrator.ledger.schema.tables import READ_TABLES

Statement = tuple[LiteralString, str]
"""SQL with one parameter, and that parameter: a JSON array of rows."""


def check_row(write: RowWrite) -> None:
    """Raises `AppendRefused` for a table or column that does not exist and for values that are no JSON, before
    anything waits for a lock and while it concerns this append only."""
    table = READ_TABLES.get(write.table)
    if table is None:
        raise AppendRefused(f"row of {write.table}", "it is not a read table", f"Use one of {', '.join(READ_TABLES)}")
    keys, columns = _names(write.table)
    if write.key.keys() != keys:
        raise AppendRefused(f"row of read.{write.table}", f"its key is not {table.primary_key.columns.keys()}")
    if write.values is not None and not write.values.keys() <= columns:
        unknown = sorted(write.values.keys() - columns)
        raise AppendRefused(f"row of read.{write.table}", f"there is no column {', '.join(unknown)}")
    try:
        hash(tuple(write.key.values()))
        _CHECKING.encode([write.key, write.values])
    except (ValueError, TypeError) as error:
        raise AppendRefused(f"row of read.{write.table}", "it has a value that is not JSON") from error


def statements(writes: Iterable[RowWrite], recorded_at: datetime) -> list[Statement]:
    """The writes, in their order, as if each had been made alone: the last write of a row wins, column by column."""
    deleted: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    upserted: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for write in writes:
        identity = tuple(write.key[name] for name in _names(write.table)[0])
        if write.values is None:
            deleted.setdefault(write.table, {})[identity] = write.key
            upserted.get(write.table, {}).pop(identity, None)
        else:
            row = upserted.setdefault(write.table, {}).setdefault(identity, {})
            row.update(write.key)
            row.update(write.values)
    made: list[Statement] = []
    encode = _encoder(recorded_at).encode
    # Deleting goes first: a row that was deleted and then written again keeps nothing of its former self.
    for table in sorted(deleted):
        made.append((_deletion(table), encode(list(deleted[table].values()))))
    for table in sorted(upserted):
        shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in upserted[table].values():
            shapes.setdefault(tuple(sorted(row)), []).append(row)
        made.extend((_upsert(table, columns), encode(rows)) for columns, rows in sorted(shapes.items()))
    return made


@lru_cache(maxsize=256)
def _upsert(table: str, columns: tuple[str, ...]) -> LiteralString:
    keys = [column.name for column in READ_TABLES[table].primary_key]
    names = ", ".join(f'"{name}"' for name in columns)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in columns if name not in keys)
    conflict = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    # Names come from the table's own columns (`check_row`), never from a caller's text.
    return (
        f'INSERT INTO read."{table}" ({names}) '  # noqa: S608
        f'SELECT {names} FROM jsonb_populate_recordset(NULL::read."{table}", %s::text::jsonb) '
        f"ON CONFLICT ({', '.join(keys)}) {conflict}"
    )


@lru_cache(maxsize=16)
def _deletion(table: str) -> LiteralString:
    same = " AND ".join(f'was."{column.name}" = gone."{column.name}"' for column in READ_TABLES[table].primary_key)
    return (
        f'DELETE FROM read."{table}" was '  # noqa: S608
        f'USING jsonb_populate_recordset(NULL::read."{table}", %s::text::jsonb) gone WHERE {same}'
    )


@cache
def _names(table: str) -> tuple[Set[str], Set[str]]:
    """The columns of the primary key, and all columns."""
    return (
        frozenset(column.name for column in READ_TABLES[table].primary_key),
        frozenset(READ_TABLES[table].columns.keys()),
    )


def _encoder(recorded_at: datetime) -> json.JSONEncoder:
    def plain(value: object) -> object:
        if isinstance(value, AfterRecorded):
            return (recorded_at + value.length).isoformat()
        return recorded_at.isoformat() if value is RECORDED_AT else _plain(value)

    return json.JSONEncoder(default=plain, allow_nan=False)


def _plain(value: object) -> object:
    match value:
        case datetime():
            if value.tzinfo is None:
                raise AppendRefused("row of a read table", "it has an instant without a time zone")
            return value.isoformat()
        case UUID():
            return str(value)
        case set() | frozenset():
            return sorted(value)
    raise AppendRefused("row of a read table", f"it has a {type(value).__name__}, which is not JSON")


_CHECKING = _encoder(datetime.now(UTC))
"""With any instant, since only whether values are JSON is asked."""
