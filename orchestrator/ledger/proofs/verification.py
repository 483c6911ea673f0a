"""Verifies a ledger from its raw rows, in a database or an exported file.

Shares nothing with the code that writes: it follows `docs/ledger-format.md` with a parser, a tree and a note reader of
its own, so that a fault in one is found by the other. Needs no key but the checkpoint's verifier key, and reads no
personal data. Memory grows with the number of streams, and by some 100 bytes for each event (its key's hash).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.ledger.proofs.signed_note import NoteRefused, SignedRoot, read_signed_root
from orchestrator.ledger.proofs.stored_files import FileRow, StatedFiles

_RESTORE = (
    "Keep this database as it is for examination, and compare it with a backup and with the checkpoints kept elsewhere"
)
_COLUMNS = "position, stream, version, event_key, event_type, subject, append_id::text, stored, leaf_hash, recorded_at"
_FILE_ROWS = """
SELECT digest, sealed, subject, media_type, bytes, stored_at FROM ledger.files
WHERE digest > %s ORDER BY digest LIMIT %s
"""
_RANGE = 1000
_FILES = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    stored: bytes
    leaf_hash: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Wrong:
    """The first thing that is wrong. `position` is the row's, or None where it is not about one row."""

    position: int | None
    place: str
    what: str
    remedy: str = _RESTORE

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """`ok` if nothing is wrong. `events`, `streams` and `root` describe the part that was verified; `checkpoints` is
    the number of signed roots in it, `files` the number of stored files that match their digests and the events."""

    events: int
    streams: int
    root: bytes
    checkpoints: int = 0
    wrong: Wrong | None = None
    files: int = 0

    @property
    def ok(self) -> bool:
        return self.wrong is None


def verify_database(url: str, *, against: Sequence[str] = (), verifier_key: str | None = None) -> VerificationReport:
    """Reads every row of `ledger.events` that was there when it began, and every stored file. `against` are
    checkpoints (signed notes, as text) kept elsewhere, in any order, `verifier_key` the key they must be signed with.
    Blocks: call it in a thread.

    Raises psycopg's OperationalError when the database cannot be reached.
    """
    with _raw(url) as connection:
        head, last = _extent(connection)
        stated = StatedFiles()
        found = verify_rows(
            _rows(connection, last), against=against, verifier_key=verifier_key, head=head, stated=stated
        )
        return _with_files(connection, found, stated) if found.ok else found


def verify_file(path: Path, *, against: Sequence[str] = (), verifier_key: str | None = None) -> VerificationReport:
    """The same for a file that `export_rows` wrote; stored files are not in it."""
    with path.open(encoding="utf-8") as lines:
        return verify_rows(_parse_lines(path.name, lines), against=against, verifier_key=verifier_key)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def export_rows(url: str, path: Path) -> int:
    """Writes every row as one JSON object a line (bytea in base64, instants in ISO 8601). Returns how many."""
    count = 0
    with _raw(url) as connection, open(path, "x", encoding="utf-8", opener=_for_the_owner) as out:
        for row in _rows(connection, _extent(connection)[1]):
            count += 1
            fields = {
                "position": row.position,
                "stream": row.stream,
                "version": row.version,
                "event_key": row.event_key,
                "event_type": row.event_type,
                "subject": row.subject,
                "append_id": row.append_id,
                "stored": base64.b64encode(row.stored).decode(),
                "leaf_hash": base64.b64encode(row.leaf_hash).decode(),
                "recorded_at": row.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
            }
            out.write(json.dumps(fields, ensure_ascii=False) + "\n")
    return count


class _FirstWrong(Exception):
    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.what)
        self.wrong = wrong


def verify_rows(
    rows: Iterable[Row],
    *,
    against: Sequence[str] = (),
    verifier_key: str | None = None,
    head: Sequence[int] | None = None,
    stated: StatedFiles | None = None,
) -> VerificationReport:
    """`rows` in order of position; `head` the positions found in `ledger.head`, if there is such a table. `stated`
    gets what the events state about stored files."""
    check = _Verifier(stated if stated is not None else StatedFiles())
    met = 0
    try:
        marks = _signed_roots(against, verifier_key)
        while marks and marks[0].size == 0:
            check.meet(marks.pop(0))
            met += 1
        for row in rows:
            check.row(row)
            while marks and marks[0].size == check.events:
                check.meet(marks.pop(0))
                met += 1
        if head is not None and list(head) != [check.events]:
            raise _FirstWrong(
                Wrong(
                    None, "ledger.head", f"it says {', '.join(map(str, head)) or 'nothing'}, there are {check.events}"
                )
            )
        if marks:
            raise _FirstWrong(
                Wrong(
                    check.events + 1,
                    f"position {check.events + 1}",
                    f"it is missing: the ledger ends before it, and a checkpoint states {marks[0].size} events",
                )
            )
    except _FirstWrong as bad:
        return VerificationReport(check.events, len(check.tails), check.root(), met, bad.wrong)
    return VerificationReport(check.events, len(check.tails), check.root(), met)


class _Verifier:
    """What has been seen so far."""

    def __init__(self, stated: StatedFiles) -> None:
        self.events = 0
        self._stated = stated
        self.tails: dict[str, tuple[int, bytes]] = {}
        self._keys: set[bytes] = set()
        self._subtrees: list[tuple[int, bytes]] = []  # (leaves, root), biggest first
        self._vouched = 0

    def row(self, row: Row) -> None:
        expected = self.events + 1
        if row.position != expected:
            what = "it occurs twice" if row.position < expected else f"it is missing; the next row is {row.position}"
            at = min(row.position, expected)
            raise _FirstWrong(Wrong(at, f"position {at}", what))
        leaf = hashlib.sha256(b"\x00" + row.stored).digest()
        if leaf != row.leaf_hash:
            raise self._wrong(row, "the hash of the stored bytes is not leaf_hash: one of the two was changed")
        found = _parse(row.stored)
        if found is None:
            raise self._wrong(row, "the stored bytes are not in the written format")
        public: Any = found["public"]
        columns: dict[str, object] = {
            "stream": row.stream,
            "version": row.version,
            "position": row.position,
            "event_key": row.event_key,
            "event_type": row.event_type,
            "subject": row.subject,
            "recorded_at": (row.recorded_at - _EPOCH) // timedelta(microseconds=1),
        }
        for name, value in columns.items():
            if value != found[name]:
                raise self._wrong(row, f"the column {name} differs from the stored bytes")
        version, previous = self.tails.get(row.stream, (0, bytes(32)))
        if row.version != version + 1:
            raise self._wrong(row, f"version {row.version} of its stream follows version {version}")
        if found["previous"] != previous:
            raise self._wrong(row, f"it does not continue version {version} of its stream: that version was changed")
        key = hashlib.sha256(json.dumps([row.stream, row.event_key]).encode()).digest()[:16]
        if key in self._keys:
            raise self._wrong(row, "its event key occurs twice in its stream")
        self._keys.add(key)
        if not self._stated.add(row.position, row.subject, public):
            raise self._wrong(row, "its stored_files are not in the written format")
        self.tails[row.stream] = (row.version, leaf)
        self.events += 1
        size = 1
        while self._subtrees and self._subtrees[-1][0] == size:
            leaf = hashlib.sha256(b"\x01" + self._subtrees.pop()[1] + leaf).digest()
            size *= 2
        self._subtrees.append((size, leaf))

    def root(self) -> bytes:
        if not self._subtrees:
            return hashlib.sha256(b"").digest()
        root = self._subtrees[-1][1]
        for _, left in reversed(self._subtrees[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root

    def meet(self, mark: SignedRoot) -> None:
        if self.root() != mark.root:
            first = self._vouched + 1
            raise _FirstWrong(
                Wrong(
                    first,
                    f"positions {first} to {mark.size}",
                    f"the root differs from the checkpoint of {mark.size} events: at least one of these rows was "
                    "rewritten, with the hashes after it",
                )
            )
        self._vouched = mark.size

    @staticmethod
    def _wrong(row: Row, what: str) -> _FirstWrong:
        return _FirstWrong(Wrong(row.position, f"position {row.position}", what))


def _parse(stored: bytes) -> dict[str, object] | None:
    """The fields that columns repeat, and the hash before; None for bytes that are not of the format."""
    if stored[:4] != b"OBE\x01":
        return None
    parts: list[bytes] = []
    rest = memoryview(stored)[4:]
    while rest:
        size = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + size or len(rest) < 4:
            return None
        parts.append(bytes(rest[4 : 4 + size]))
        rest = rest[4 + size :]
    if len(parts) != 11 or [len(parts[at]) for at in (1, 2, 5, 7, 8)] != [8, 8, 4, 8, 32]:
        return None
    try:
        public = json.loads(parts[9])
        if not isinstance(public, dict):
            return None
        return {
            "stream": parts[0].decode(),
            "version": int.from_bytes(parts[1], "big"),
            "position": int.from_bytes(parts[2], "big"),
            "event_key": parts[3].decode(),
            "event_type": parts[4].decode(),
            "subject": parts[6].decode() or None,
            "recorded_at": int.from_bytes(parts[7], "big"),
            "previous": parts[8],
            "public": public,
        }
    except ValueError:
        return None


def _signed_roots(notes: Sequence[str], verifier_key: str | None) -> list[SignedRoot]:
    if notes and verifier_key is None:
        raise ValueError("verification: checkpoints need the verifier key that they were signed with")
    roots = []
    for number, note in enumerate(notes, 1):
        try:
            roots.append(read_signed_root(note, verifier_key or ""))
        except NoteRefused as error:
            raise _FirstWrong(
                Wrong(None, f"checkpoint {number}", str(error), "Give a checkpoint and key that belong to this ledger")
            ) from error
    return sorted(roots, key=lambda mark: mark.size)


@contextmanager
def _raw(url: str) -> Iterator[psycopg.Connection[Any]]:
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, autocommit=True, connect_timeout=10) as connection:
        connection.execute("SET default_transaction_read_only = on")
        yield connection


def _extent(connection: psycopg.Connection[Any]) -> tuple[list[int], int]:
    """The head's positions (one, if all is well) and the last row's, at one instant. What comes later is left out."""
    found = connection.execute(
        "SELECT (SELECT array_agg(position) FROM ledger.head), (SELECT max(position) FROM ledger.events)"
    ).fetchone()
    assert found is not None
    return found[0] or [], found[1] or 0


def _rows(connection: psycopg.Connection[Any], last: int) -> Iterator[Row]:
    """Every row up to `last`, in order. By ranges, each a statement of its own: a transaction that stays open for as
    long as millions of rows take would keep PostgreSQL from clearing away old versions of the head row, which every
    append looks up. The rows themselves only ever get more."""
    with connection.cursor(binary=True) as cursor:
        until = 0
        while until < last:
            first, until = until, until + _RANGE
            # The first range has no lower end, and each begins where the one before ended: no row is passed over.
            where = "position <= %(until)s" + (" AND position > %(first)s" if first else "")
            sql = f"SELECT {_COLUMNS} FROM ledger.events WHERE {where} ORDER BY position"  # noqa: S608 - constants
            cursor.execute(sql, {"first": first, "until": min(until, last)})
            rows = cursor.fetchall()
            if not rows:
                following = connection.execute(
                    "SELECT min(position) FROM ledger.events WHERE position > %s", (until,)
                ).fetchone()
                assert following is not None
                until = following[0] - 1
            for fields in rows:
                yield Row(*fields)


def _with_files(
    connection: psycopg.Connection[Any], found: VerificationReport, stated: StatedFiles
) -> VerificationReport:
    """Each file's ciphertext against its digest, and its row against the events, a few at a time: one has up to 10 MiB.
    A file that no event states is one of an older version, or of a command that was refused at the last moment."""
    count, after = 0, b""
    there = connection.execute("SELECT to_regclass('ledger.files')").fetchone() != (None,)  # older ledgers have none
    while there:
        rows = connection.execute(_FILE_ROWS, (after, _FILES)).fetchall()
        for digest, sealed, *columns in rows:
            after = bytes(digest)
            what = stated.compare(after, FileRow(*columns))
            if hashlib.sha256(sealed).digest() != after:
                what = "the hash of its bytes is not its digest: one of the two was changed"
            if what is not None:
                return replace(found, files=count, wrong=Wrong(None, f"file {after.hex()}", what))
            count += 1
        there = len(rows) == _FILES
    missing = stated.missing()
    if missing is not None:
        digest, what = missing
        return replace(found, files=count, wrong=Wrong(None, f"file {digest.hex()}", what))
    return replace(found, files=count)


def _parse_lines(name: str, lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            fields["stored"] = base64.b64decode(fields["stored"], validate=True)
            fields["leaf_hash"] = base64.b64decode(fields["leaf_hash"], validate=True)
            fields["recorded_at"] = datetime.fromisoformat(fields["recorded_at"])
            row = Row(**fields)
        except (ValueError, TypeError, KeyError) as error:
            what = f"it is not a row that `offboard ledger export` wrote ({type(error).__name__})"
            raise _FirstWrong(Wrong(None, f"{name}, line {number}", what, "Export again")) from error
        yield row
