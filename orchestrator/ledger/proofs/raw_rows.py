"""The raw rows of `ledger.events` and `ledger.files`, as verification reads them: from a database or an exported file.

A superuser can write what the tables do not allow: columns without a value, rows without a position, dates that Python
does not have. All of that is read, so that verification reports it; what cannot be represented is None.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.datetime import TimestamptzBinaryLoader, TimestamptzLoader

_COLUMNS = "position, stream, version, event_key, event_type, subject, append_id::text, stored, leaf_hash, recorded_at"
_FILE_ROWS = """
SELECT digest, ctid::text, sealed, subject, media_type, bytes, stored_at FROM ledger.files
WHERE (digest, ctid) > (%s, %s::tid) ORDER BY digest, ctid LIMIT %s
"""
_RANGE = 1000
_FILES = 4
_NOT_ORDINARY = """
SELECT nspname || '.' || relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'ledger' AND relname IN ('events', 'head', 'files')
AND (relkind <> 'r' OR relhasrules OR relrowsecurity) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `ledger.events` as it was found. `append_id` is in no hash and is not checked."""

    position: int
    stream: str
    version: int
    event_key: str
    event_type: str
    subject: str | None
    append_id: str
    stored: bytes | None
    leaf_hash: bytes | None
    recorded_at: datetime | None


class RowsUnreadable(Exception):
    """A line of an exported file that is not a row. `place` is the file and line."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what


class _Instant(TimestamptzLoader):
    """None for an instant that Python does not have, such as infinity."""

    def load(self, data: Any) -> datetime | None:  # type: ignore[override]  # None besides
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


class _BinaryInstant(TimestamptzBinaryLoader):
    """The same, from PostgreSQL's binary format."""

    def load(self, data: Any) -> datetime | None:  # type: ignore[override]  # None besides
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


@contextmanager
def raw_connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Read-only, and shared with nothing. Raises psycopg's OperationalError when the database cannot be reached."""
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, autocommit=True, connect_timeout=10) as connection:
        connection.adapters.register_loader("timestamptz", _Instant)
        connection.adapters.register_loader("timestamptz", _BinaryInstant)
        connection.execute("SET default_transaction_read_only = on")
        yield connection


def extent(connection: psycopg.Connection[Any]) -> tuple[list[int], int]:
    """The head's positions (one, if all is well) and the last row's, at one instant. What comes later is left out."""
    found = connection.execute(
        "SELECT (SELECT array_agg(position) FROM ledger.head), (SELECT max(position) FROM ledger.events)"
    ).fetchone()
    assert found is not None
    return found[0] or [], found[1] or 0


def hidden_rows(connection: psycopg.Connection[Any]) -> tuple[str, str] | None:
    """The table whose readers can be shown other rows than verification reads, and how; None if there is none."""
    changed = connection.execute(_NOT_ORDINARY).fetchone()
    if changed is not None:
        return changed[0], "it is not a table without rules and row security, so that readers can be shown other rows"
    for table, column in (("ledger.events", "position"), ("ledger.files", "digest")):
        if connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
            continue  # older ledgers have no files
        sql = f"SELECT count(*) FROM {table} WHERE {column} IS NULL"  # noqa: S608 - constants
        found = connection.execute(sql.encode()).fetchone()
        if found is not None and found[0]:
            return table, f"{found[0]} of its rows have no {column}"
    return None


def position_after(connection: psycopg.Connection[Any], position: int) -> int | None:
    """The next position that a row has; None after the last."""
    found = connection.execute("SELECT min(position) FROM ledger.events WHERE position > %s", (position,)).fetchone()
    return found[0] if found is not None else None


def copied_rows(connection: psycopg.Connection[Any], columns: str, first: int, until: int) -> bytes:
    """These columns of the rows after `first`, up to `until`, in PostgreSQL's binary COPY format. After 0 are also rows
    with positions that there must not be."""
    where = f"position <= {until:d}" + (f" AND position > {first:d}" if first else "")
    sql = f"COPY (SELECT {columns} FROM ledger.events WHERE {where} ORDER BY position) TO STDOUT (FORMAT binary)"  # noqa: S608 - constants
    with connection.cursor() as cursor, cursor.copy(sql.encode()) as copied:
        return b"".join(copied)


def event_rows(connection: psycopg.Connection[Any], last: int, after: int = 0) -> Iterator[Row]:
    """Every row after `after`, up to `last`, in order. By ranges, each a statement of its own: a transaction that stays
    open for as long as millions of rows take would keep PostgreSQL from clearing away old versions of the head row,
    which every append looks up. The rows themselves only ever get more."""
    with connection.cursor(binary=True) as cursor:
        until = after
        while until < last:
            first, until = until, until + _RANGE
            # The first range has no lower end, and each begins where the one before ended: no row is passed over.
            where = "position <= %(until)s" + (" AND position > %(first)s" if first else "")
            sql = f"SELECT {_COLUMNS} FROM ledger.events WHERE {where} ORDER BY position"  # noqa: S608 - constants
            cursor.execute(sql, {"first": first, "until": min(until, last)})
            rows = cursor.fetchall()
            if not rows:
                following = position_after(connection, until)
                until = following - 1 if following is not None else last
            for fields in rows:
                yield Row(*fields)


def file_rows(connection: psycopg.Connection[Any]) -> Iterator[tuple[bytes, bytes | None, tuple[Any, ...]]]:
    """Digest, ciphertext and the other columns of every stored file, by digest; rows with the same digest follow one
    another. A few at a time: one has up to 10 MiB."""
    there = connection.execute("SELECT to_regclass('ledger.files')").fetchone() != (None,)  # older ledgers have none
    digest, place = b"", "(0,0)"
    while there:
        rows = connection.execute(_FILE_ROWS, (digest, place, _FILES)).fetchall()
        for found, place, sealed, *columns in rows:  # noqa: B007 - the next page begins behind the last one
            digest = bytes(found)
            yield digest, sealed, tuple(columns)
        there = len(rows) == _FILES


def export_rows(url: str, path: Path) -> int:
    """Writes every row as one JSON object a line (bytea in base64, instants in ISO 8601). Returns how many."""
    count = 0
    with raw_connection(url) as connection, open(path, "x", encoding="utf-8", opener=_for_the_owner) as out:
        for row in event_rows(connection, extent(connection)[1]):
            count += 1
            fields = {
                "position": row.position,
                "stream": row.stream,
                "version": row.version,
                "event_key": row.event_key,
                "event_type": row.event_type,
                "subject": row.subject,
                "append_id": row.append_id,
                "stored": _base64(row.stored),
                "leaf_hash": _base64(row.leaf_hash),
                "recorded_at": row.recorded_at and row.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
            }
            out.write(json.dumps(fields, ensure_ascii=False) + "\n")
    return count


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def exported_rows(name: str, lines: Iterable[str]) -> Iterator[Row]:
    """What `export_rows` wrote. `name` is the file's, for errors. Raises `RowsUnreadable`."""
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            for column in ("stored", "leaf_hash"):
                if fields[column] is not None:
                    fields[column] = base64.b64decode(fields[column], validate=True)
            if fields["recorded_at"] is not None:
                fields["recorded_at"] = datetime.fromisoformat(fields["recorded_at"]).astimezone(UTC)
            fields["position"] = _integer(fields["position"])
            row = Row(**fields)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            what = f"it is not a row that `offboard ledger export` wrote ({type(error).__name__})"
            raise RowsUnreadable(f"{name}, line {number}", what) from error
        yield row


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError("not an integer")
    return value
