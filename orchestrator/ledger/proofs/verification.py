"""Verifies a ledger from its raw rows, in a database or an exported file.

Shares nothing with the code that writes: it follows `docs/ledger-format.md` with a parser, a tree and a note reader of
its own, so that a fault in one is found by the other. Needs no key but the checkpoint's verifier key, and reads no
personal data. Memory grows with the number of streams, and by some 100 bytes for each event (its key's hash).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.ledger.proofs.raw_rows import (
    Row,
    RowsUnreadable,
    event_rows,
    exported_rows,
    extent,
    file_rows,
    hidden_rows,
    raw_connection,
)
from orchestrator.ledger.proofs.signed_note import NoteRefused, SignedRoot, read_signed_root
from orchestrator.ledger.proofs.stored_files import FileRow, StatedFiles

_RESTORE = (
    "Keep this database as it is for examination, and compare it with a backup and with the checkpoints kept elsewhere"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    unlisted_files: int = 0
    covered: int = 0

    @property
    def ok(self) -> bool:
        return self.wrong is None


def verify_database(url: str, *, against: Sequence[str] = (), verifier_key: str | None = None) -> VerificationReport:
    """Reads every row of `ledger.events` that was there when it began, and every stored file. `against` are
    checkpoints (signed notes, as text) kept elsewhere, in any order, `verifier_key` the key they must be signed with.
    Blocks: call it in a thread.

    Raises psycopg's OperationalError when the database cannot be reached.
    """
    with raw_connection(url) as connection:
        head, last = extent(connection)
        stated = StatedFiles()
        found = verify_rows(
            event_rows(connection, last), against=against, verifier_key=verifier_key, head=head, stated=stated
        )
        hidden = hidden_rows(connection)
        if found.ok and hidden is not None:
            return replace(found, wrong=Wrong(None, *hidden))
        return _with_files(connection, found, stated) if found.ok else found


def verify_file(path: Path, *, against: Sequence[str] = (), verifier_key: str | None = None) -> VerificationReport:
    """The same for a file that `export_rows` wrote; stored files are not in it."""
    with path.open(encoding="utf-8") as lines:
        return verify_rows(exported_rows(path.name, lines), against=against, verifier_key=verifier_key)


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
        wrong = None
    except _FirstWrong as bad:
        wrong = bad.wrong
    except RowsUnreadable as bad:
        wrong = Wrong(None, bad.place, bad.what, "Export again")
    return VerificationReport(check.events, len(check.tails), check.root(), met, wrong, covered=check.covered)


class _Verifier:
    """What has been seen so far."""

    def __init__(self, stated: StatedFiles) -> None:
        self.events = 0
        self._stated = stated
        self.tails: dict[str, tuple[int, bytes]] = {}
        self._keys: set[bytes] = set()
        self._subtrees: list[tuple[int, bytes]] = []  # (leaves, root), biggest first
        self.covered = 0

    def row(self, row: Row) -> None:
        expected = self.events + 1
        if row.position != expected:
            what = "it occurs twice" if row.position < expected else f"it is missing; the next row is {row.position}"
            at = min(row.position, expected)
            raise _FirstWrong(Wrong(at, f"position {at}", what))
        if row.stored is None or row.leaf_hash is None:
            raise self._wrong(row, f"the column {'stored' if row.stored is None else 'leaf_hash'} is empty")
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
            "recorded_at": row.recorded_at and (row.recorded_at - _EPOCH) // timedelta(microseconds=1),
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
            first = self.covered + 1
            raise _FirstWrong(
                Wrong(
                    first,
                    f"positions {first} to {mark.size}",
                    f"the root differs from the checkpoint of {mark.size} events: at least one of these rows was "
                    "rewritten, with the hashes after it",
                )
            )
        self.covered = mark.size

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
    except (ValueError, RecursionError):
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


def _with_files(
    connection: psycopg.Connection[Any], found: VerificationReport, stated: StatedFiles
) -> VerificationReport:
    """Each file's ciphertext against its digest, and its row against the events. A file that no event states is one of
    an older version, or of a command that was refused at the last moment."""
    count, unlisted = 0, 0
    before: bytes | None = None
    for digest, sealed, columns in file_rows(connection):
        what = stated.compare(digest, FileRow(*columns))
        if sealed is None or hashlib.sha256(sealed).digest() != digest:
            what = "the hash of its bytes is not its digest: one of the two was changed"
        if digest == before:
            what = "it occurs twice"
        if what is not None:
            return replace(found, files=count, wrong=Wrong(None, f"file {digest.hex()}", what))
        before = digest
        count += 1
        unlisted += not stated.lists(digest)
    missing = stated.missing()
    if missing is not None:
        digest, what = missing
        return replace(found, files=count, wrong=Wrong(None, f"file {digest.hex()}", what))
    return replace(found, files=count, unlisted_files=unlisted)
