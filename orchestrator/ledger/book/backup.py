"""Backs up the ledger and the keyring in two files, and restores them into an empty database.

    backup   one snapshot of the database ─► ledger file, keyring file
    restore  both files ─► an empty, migrated database ─► read tables from the events

Each file is a ZIP archive: one entry for each table in PostgreSQL's COPY text format, and `manifest.json`. Columns are
named, so a newer version with more columns can restore it. What is personal is encrypted, as in the database. Left out:
read tables, which are made from the events; sessions and stored responses, which would be valid again; what workers
and Temporal find out again.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.schema.all_tables import metadata
from orchestrator.ledger.schema.database import Database

BackupPart = Literal["ledger", "keyring"]
FORMAT: Final = "offboard-backup-1"
MANIFEST: Final = "manifest.json"
NOT_KEPT: Final = frozenset(
    {
        *("ledger.head", "access.sessions", "access.sign_ins", "access.devices", "access.answers"),
        *("engine.settings", "engine.rates", "engine.reports", "engine.tree", "engine.inquiries"),
        *("engine.system_uses", "engine.verifications", "engine.notice_looks"),
        *("engine.findings", "engine.comparisons", "engine.relay_queue"),
    }
)
"""Beside the tables of the schema `read`."""
_CHUNK = 1 << 20
_LAST = "SELECT position, leaf_hash FROM ledger.events ORDER BY position DESC LIMIT 1"
_EMPTY = "SELECT NOT EXISTS (SELECT FROM ledger.events) AND NOT EXISTS (SELECT FROM keyring.person_keys)"
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND application_name LIKE 'offboard%'"
)


class BackupUnusable(LedgerError):
    """The file is not a backup of this part, is damaged, or does not fit the other one or the database."""


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """`position` and `leaf` (hexadecimal) are those of the ledger's last event; 0 and empty if there is none. `tables`
    has the columns and the number of rows of each."""

    part: BackupPart
    taken_at: datetime
    position: int
    leaf: str
    tables: Mapping[str, tuple[tuple[str, ...], int]]

    @property
    def people(self) -> int:
        return self.tables.get("keyring.person_keys", ((), 0))[1]


def tables_of(part: BackupPart) -> tuple[str, ...]:
    """Their full names, in an order in which they can be restored."""
    names = [table.fullname for table in metadata.sorted_tables if table.fullname not in NOT_KEPT]
    return tuple(
        name for name in names if not name.startswith("read.") and name.startswith("keyring.") == (part == "keyring")
    )


def back_up(url: str, files: Mapping[BackupPart, Path]) -> BackupManifest:
    """Writes both parts, from one snapshot, while the installation is in use. Returns the manifest of the keyring.
    Raises `LedgerUnavailable`, and `FileExistsError` for a file that exists: nothing is written over."""
    with ExitStack() as stack:
        opened = {part: stack.enter_context(_new_file(path)) for part, path in files.items()}
        connection = stack.enter_context(_connected(url))
        stack.enter_context(connection.transaction())
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        last = connection.execute(_LAST).fetchone()
        [now] = connection.execute("SELECT engine.now()").fetchone() or (datetime.now(UTC),)
        position, leaf = (int(last[0]), bytes(last[1]).hex()) if last is not None else (0, "")
        made: dict[BackupPart, BackupManifest] = {}
        for part, file in opened.items():
            tables = {}
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in tables_of(part):
                    columns = tuple(column.name for column in metadata.tables[name].columns)
                    tables[name] = (columns, _copy_out(connection, archive, name, columns))
                made[part] = BackupManifest(part, now, position, leaf, tables)
                archive.writestr(MANIFEST, _written(made[part]))
    return made["keyring"]


def restore(url: str, files: Mapping[BackupPart, Path]) -> BackupManifest:
    """Writes both parts into a database that was migrated and is empty, or nothing. Returns the manifest of the ledger.
    Rebuild the read tables afterwards. Raises `BackupUnusable` and `LedgerUnavailable`."""
    manifests = {part: read_manifest(path, part) for part, path in files.items()}
    ledger, keyring = manifests["ledger"], manifests["keyring"]
    if keyring.position < ledger.position:
        raise BackupUnusable(
            str(files["keyring"]),
            "it is older than the backup of the ledger, so keys of people can be missing",
            "Use the keyring's backup of the same time, or a later one",
        )
    with _connected(url) as connection, connection.transaction():
        [empty] = connection.execute(_EMPTY).fetchone() or (False,)
        [others] = connection.execute(_OTHERS).fetchone() or (0,)
        if not empty or others:
            raise BackupUnusable(
                Database(url).place,
                "the database has data already" if not empty else f"{others} connections of Offboard are open",
                "Create an empty database and run the migrations" if not empty else "Stop workers, relay and web first",
            )
        for part, path in files.items():
            with zipfile.ZipFile(path) as archive:
                for name, (columns, rows) in manifests[part].tables.items():
                    _copy_in(connection, archive, name, columns, rows)
        connection.execute("UPDATE ledger.head SET position = %s", (ledger.position,))
    return ledger


def read_manifest(path: Path, part: BackupPart) -> BackupManifest:
    """Raises `BackupUnusable`."""
    try:
        with zipfile.ZipFile(path) as archive:
            found: dict[str, Any] = json.loads(archive.read(MANIFEST))
        if found["format"] != FORMAT or found["part"] != part:
            raise BackupUnusable(str(path), f"it is no backup of the {part}", "Give the file that `backup` wrote")
        tables = {name: (tuple(each["columns"]), int(each["rows"])) for name, each in found["tables"].items()}
        if set(tables) - set(tables_of(part)):
            raise BackupUnusable(str(path), "it has tables that this version does not know", "Use a newer version")
        return BackupManifest(part, datetime.fromisoformat(found["taken_at"]), found["position"], found["leaf"], tables)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise BackupUnusable(str(path), f"it cannot be read ({type(error).__name__})", "Use another copy") from error


def _written(manifest: BackupManifest) -> str:
    tables = {name: {"columns": columns, "rows": rows} for name, (columns, rows) in manifest.tables.items()}
    return json.dumps(
        {
            "format": FORMAT,
            "part": manifest.part,
            "taken_at": manifest.taken_at.isoformat(),
            "position": manifest.position,
            "leaf": manifest.leaf,
            "tables": tables,
        }
    )


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, autocommit=True, connect_timeout=10) as connection:
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(f"SET {limit} = 0".encode())
            yield connection
    except psycopg.Error as error:
        if (ours := Database(url).unavailable(error)) is not None:
            raise ours from error
        raise


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """For its owner only. Removed if it is not written whole."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            yield file
        except BaseException:
            path.unlink()
            raise


def _named(name: str, columns: tuple[str, ...]) -> sql.Composed:
    table = sql.Identifier(*name.split("."))
    return sql.SQL("{} ({})").format(table, sql.SQL(", ").join(map(sql.Identifier, columns)))


def _copy_out(
    connection: psycopg.Connection[Any], archive: zipfile.ZipFile, name: str, columns: tuple[str, ...]
) -> int:
    with (
        archive.open(f"{name}.copy", "w", force_zip64=True) as entry,
        connection.cursor() as cursor,
    ):
        with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(_named(name, columns))) as copied:
            for data in copied:
                entry.write(bytes(data))
        return cursor.rowcount


def _copy_in(
    connection: psycopg.Connection[Any], archive: zipfile.ZipFile, name: str, columns: tuple[str, ...], rows: int
) -> None:
    with archive.open(f"{name}.copy") as entry, connection.cursor() as cursor:
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(_named(name, columns))) as copied:
            while data := entry.read(_CHUNK):
                copied.write(data)
        if cursor.rowcount != rows:
            raise BackupUnusable(name, f"it has {cursor.rowcount} rows and should have {rows}", "Use another copy")
