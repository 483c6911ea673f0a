"""A ledger with a checkpoint, that a superuser of the database edits: what is hashed, a copy to restore it from, and a
digest of what the hashes cover, by which a trial knows whether an edit changed any of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from orchestrator import commands
from orchestrator.ledger.book.format import NO_PREVIOUS, Entry, leaf_hash, read, write
from orchestrator.ledger.persons.files import Attachment
from orchestrator.ledger.proofs.checkpoints import NoteSigner, make_checkpoint
from tests.ledger.small_office import OLE, SmallOffice, small_office

SIGNER = NoteSigner("offboard.example.com/ledger", bytes(range(32, 64)))
VERIFIER_KEY = SIGNER.verifier_text()
TABLES = ("ledger.events", "ledger.head", "ledger.files", "keyring.person_keys")
"""What edits change, and what is restored after each."""
COLUMNS = "stream, version, event_key, event_type, subject, stored, leaf_hash, recorded_at"
"""The columns of an event that are hashed, besides its position."""
WrittenFields = dict[str, Any]


@dataclass
class TamperedLedger:
    """`size` is the number of events in the checkpoint, `events` of all. `files` are the digests that events up to the
    checkpoint list, `unlisted` those that no event lists. `statements` are those of the last edit."""

    url: str
    connection: psycopg.Connection[Any]
    chance: random.Random
    note: str
    size: int
    events: int
    files: list[bytes] = field(default_factory=list)
    unlisted: list[bytes] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    def edit(self, statement: str, *parameters: object) -> None:
        """A statement of an edit, which is kept for the message of a trial that fails."""
        self.statements.append(f"{statement} {parameters}")
        self.run(statement, *parameters)

    def run(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        found = self.connection.execute(statement.encode(), parameters or None)
        return found.fetchall() if found.description is not None else []

    def position(self) -> int:
        """Of an event that the checkpoint covers."""
        return self.chance.randint(1, self.size)

    def hashed(self) -> str:
        """Of everything that the checkpoint covers, and of what a reader would take for part of it."""
        digest = hashlib.sha256()
        for table, columns, where in (
            ("ledger.events", f"position, {COLUMNS}", f"position IS NULL OR position <= {self.size}"),
            ("ledger.head", "one_row, position", "true"),
            ("ledger.files", "digest, sealed, subject, media_type, bytes, stored_at", "digest = ANY(%s)"),
        ):
            rows = self.run(
                f"SELECT (ROW({columns}))::text FROM {table} WHERE {where} ORDER BY 1",
                *([self.files] if "%s" in where else []),
            )
            digest.update(repr(rows).encode())
        return digest.hexdigest()

    def rows(self) -> list[str]:
        """A digest of each table."""
        return [self.run(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {t} AS t")[0][0] for t in TABLES]

    def restore(self) -> None:
        for table in TABLES:
            kept = table.replace(".", "_")
            self.run(f"TRUNCATE {table}")
            self.run(f"INSERT INTO {table} SELECT * FROM kept.{kept}")

    def rewrite(self, change: Callable[[list[WrittenFields]], None]) -> None:
        """Changes the events as they were written, and makes positions, versions, hashes and columns agree again."""
        self.statements.append("events rewritten")
        rows = self.run("SELECT append_id, stored FROM ledger.events ORDER BY position")
        entries: list[WrittenFields] = []
        for append_id, stored in rows:
            entry = read(bytes(stored))
            entries.append({name: getattr(entry, name) for name in Entry.__slots__} | {"append_id": append_id})
        change(entries)
        tails: dict[str, tuple[int, bytes]] = {}
        self.run("TRUNCATE ledger.events")
        written = []
        for position, one in enumerate(entries, 1):
            append_id = one.pop("append_id")
            version, previous = tails.get(one["stream"], (0, NO_PREVIOUS))
            entry = Entry(**(one | {"position": position, "version": version + 1, "previous": previous}))
            stored = write(entry)
            leaf = leaf_hash(stored)
            tails[entry.stream] = (entry.version, leaf)
            written.append(
                (
                    position,
                    entry.stream,
                    entry.version,
                    entry.key,
                    entry.type,
                    entry.subject,
                    append_id,
                    stored,
                    leaf,
                    entry.recorded_at,
                )
            )
        with self.connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO ledger.events (position, stream, version, event_key, event_type, subject, append_id, "
                f"stored, leaf_hash, recorded_at) VALUES ({', '.join(['%s'] * 10)})".encode(),
                written,
            )
        self.run("UPDATE ledger.head SET position = %s", len(entries))


@asynccontextmanager
async def tampered_ledger(url: str, chance: random.Random) -> AsyncIterator[TamperedLedger]:
    """Runs with events, sealed parts and files up to the checkpoint, and more of each after it."""
    async with small_office(url) as office:
        await _with_files(office, b"before")
        await office.whole()
        note = await make_checkpoint(office.database, SIGNER)
        await _with_files(office, b"after")
        person = await office.keyring.create_person()
        for content in (b"unlisted", b"unlisted as well"):
            await office.ledger.files.keep(person, content, "unlisted.txt")
    plain = url.replace("+psycopg", "", 1)
    with await asyncio.to_thread(psycopg.connect, plain, autocommit=True) as connection:
        size = int(note.splitlines()[1])
        here = TamperedLedger(url, connection, chance, note, size, 0)
        _without_protection(here)
        listed = here.run("SELECT position, stored FROM ledger.events WHERE event_type = 'TaskCompleted'")
        for (digest,) in here.run("SELECT digest FROM ledger.files ORDER BY digest"):
            naming = [at for at, stored in listed if bytes(digest).hex().encode() in bytes(stored)]
            if not naming:
                here.unlisted.append(bytes(digest))
            elif min(naming) <= size:
                here.files.append(bytes(digest))
        here.events = here.run("SELECT count(*) FROM ledger.events")[0][0]
        assert len(here.files) >= 2 and len(here.unlisted) == 2 and size < here.events
        yield here


async def _with_files(office: SmallOffice, content: bytes) -> None:
    run_id = await office.start()
    await office.work(run_id)
    task_id = next(id_ for id_, task in (await office.state(run_id)).work.tasks.items() if task.open)
    files = [Attachment(f"{number}.txt", content + bytes([48 + number])) for number in range(6)]
    await commands.complete_task(office.services, OLE, run_id, task_id, "done", {"note": "there"}, files)


def _without_protection(here: TamperedLedger) -> None:
    """What a superuser removes before an edit: triggers, keys and columns that must have a value."""
    here.run("CREATE SCHEMA kept")
    for table in TABLES:
        here.run(f"CREATE TABLE kept.{table.replace('.', '_')} AS SELECT * FROM {table}")
        here.run(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for (constraint,) in here.run(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype <> 'n'", table
        ):
            here.run(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        for (column,) in here.run(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull", table
        ):
            here.run(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
