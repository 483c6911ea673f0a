"""One part of `ledger.events`, as far as it can be checked on its own: positions, hashes, bytes, columns.

    rows of the part ─┬─ all as expected, by lengths alone ──────────► PartFound
                      └─ anything else: row by row, names the first ─► PartFound with `wrong`

The quick way reads rows in PostgreSQL's binary COPY format, in which columns are written as the fields in `stored` are:
a length in four bytes, then the value. It accepts less than the way row by row and never more, and names nothing.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from orchestrator.ledger.proofs.raw_rows import Row
from orchestrator.ledger.proofs.stored_files import FIELD, FileRow, read_stated

PART: Final = 8192
"""Rows of one part; a power of two, so that a whole part is one subtree."""
_MAGIC = b"OBE\x01"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE_2000 = 946_684_800_000_000
"""Microseconds from 1970 to 2000, from which PostgreSQL counts."""

COPIED: Final = "leaf_hash, recorded_at, subject, stored, stream, version::bigint, position, event_key, event_type"
"""The columns for `quick_part`. The last five are the first five fields of `stored`."""
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"
_FRONT = struct.Struct(">hi32siqi")  # number of columns, leaf_hash, recorded_at, length of the subject
_HEAD = struct.Struct(">iqiqi")  # version, position, length of the event key
_MIDDLE = struct.Struct(">iii")  # schema, length of the subject
_REST = struct.Struct(">iqi32si")  # recorded at, hash before, length of the public part
_LENGTH = struct.Struct(">i")

StreamFact = tuple[bytes, int, int, bytes, bytes, bytes]
"""What the order of a stream needs of one event: stream, position, version, hash before, own hash, event key."""
Nodes = list[tuple[int, bytes]]
"""Subtrees of some rows, the biggest first: number of leaves, root."""


@dataclass(frozen=True, slots=True)
class WrongRow:
    """The first row of a part that is wrong, and what is wrong with it."""

    position: int
    what: str


@dataclass(slots=True)
class PartFound:
    """The rows after position `first`, up to the first wrong one. `nodes` has their subtrees after each number of
    rows that was asked for, and after all of them."""

    first: int
    events: int = 0
    nodes: dict[int, Nodes] = field(default_factory=dict)
    facts: list[StreamFact] = field(default_factory=list)
    stated: list[tuple[int, list[tuple[bytes, FileRow]]]] = field(default_factory=list)
    wrong: WrongRow | None = None

    def until(self, position: int) -> PartFound:
        """The same without the rows after `position`, of which the subtrees must be among `nodes`."""
        if self.first + self.events <= position:
            return self
        nodes = {size: made for size, made in self.nodes.items() if size <= position}
        return PartFound(self.first, position - self.first, nodes)


class _NotPlain(Exception):
    """Something is not as the quick way knows it."""


def quick_part(first: int, copied: bytes, sizes: Sequence[int]) -> PartFound | None:
    """From `COPIED` rows, by position. `sizes` are the events for which subtrees are wanted. None where a row has to be
    looked at by `careful_part`, right or wrong."""
    if copied.startswith(_COPY_HEADER):
        try:
            return _quick(first, copied, sizes)
        except (_NotPlain, struct.error, ValueError, RecursionError):
            pass
    return None


def _quick(first: int, copied: bytes, sizes: Sequence[int]) -> PartFound:
    found, leaves = PartFound(first), list[bytes]()
    facts, sha256, scan = found.facts, hashlib.sha256, json.JSONDecoder().raw_decode
    at, end, position = len(_COPY_HEADER), len(copied) - len(_COPY_END), first
    while at < end:
        columns, hash_size, leaf, time_size, recorded_at, subject_size = _FRONT.unpack_from(copied, at)
        at += _FRONT.size
        if columns != 9 or hash_size != 32 or time_size != 8 or subject_size == 0 or subject_size < -1:
            raise _NotPlain
        subject = b""
        if subject_size > 0:
            subject = copied[at : at + subject_size]
            at += subject_size
        (size,) = _LENGTH.unpack_from(copied, at)
        at += 4
        stored = copied[at : at + size]
        at += size
        if sha256(b"\x00" + stored).digest() != leaf:
            raise _NotPlain
        # The five columns from here on, with their lengths: byte for byte the beginning of `stored`.
        head = at
        (stream_size,) = _LENGTH.unpack_from(copied, at)
        stream = copied[at + 4 : at + 4 + stream_size]
        at += 4 + stream_size
        version_size, version, position_size, found_position, key_size = _HEAD.unpack_from(copied, at)
        at += _HEAD.size
        key = copied[at : at + key_size]
        (type_size,) = _LENGTH.unpack_from(copied, at + key_size)
        at += key_size + 4 + type_size
        position += 1
        if found_position != position or version_size != 8 or position_size != 8 or min(stream_size, key_size) < 0:
            raise _NotPlain
        if type_size < 0 or not stored.startswith(_MAGIC + copied[head:at]):
            raise _NotPlain
        place = 4 + at - head
        schema_size, _, written_size = _MIDDLE.unpack_from(stored, place)
        place += _MIDDLE.size
        if schema_size != 4 or written_size != len(subject) or not stored.startswith(subject, place):
            raise _NotPlain
        written_time_size, written_at, previous_size, previous, public_size = _REST.unpack_from(
            stored, place + written_size
        )
        place += written_size + _REST.size
        if written_time_size != 8 or written_at != recorded_at + _SINCE_2000 or previous_size != 32 or public_size < 0:
            raise _NotPlain
        text = stored[place : place + public_size].decode()
        (sealed_size,) = _LENGTH.unpack_from(stored, place + public_size)
        if sealed_size < 0 or place + public_size + 4 + sealed_size != size:
            raise _NotPlain
        public, past = scan(text, 0)
        if past != len(text) or type(public) is not dict:
            raise _NotPlain
        if FIELD in public:
            stated = read_stated(subject.decode() or None, public)
            if stated is None:
                raise _NotPlain
            found.stated.append((position, stated))
        leaves.append(leaf)
        facts.append((stream, position, version, previous, leaf, key))
    if copied[end:] != _COPY_END or at != end:
        raise _NotPlain
    found.events = len(leaves)
    _add_nodes(found, leaves, sizes)
    return found


def careful_part(first: int, rows: Iterable[Row], sizes: Sequence[int]) -> PartFound:
    """The same from rows of which nothing is known, in order. Stops at the first wrong one and names it."""
    found, leaves = PartFound(first), list[bytes]()
    for row in rows:
        what = _check(row, first + len(leaves) + 1, found)
        if what is not None:
            found.wrong = what
            break
        assert row.leaf_hash is not None
        leaves.append(row.leaf_hash)
    found.events = len(leaves)
    _add_nodes(found, leaves, sizes)
    return found


def _check(row: Row, expected: int, found: PartFound) -> WrongRow | None:
    """One row; what it states is added to `found` if it is right."""
    if row.position != expected:
        what = "it occurs twice" if row.position < expected else f"it is missing; the next row is {row.position}"
        return WrongRow(min(row.position, expected), what)
    if row.stored is None or row.leaf_hash is None:
        return WrongRow(expected, f"the column {'stored' if row.stored is None else 'leaf_hash'} is empty")
    if hashlib.sha256(b"\x00" + row.stored).digest() != row.leaf_hash:
        return WrongRow(expected, "the hash of the stored bytes is not leaf_hash: one of the two was changed")
    written = _parse(row.stored)
    if written is None:
        return WrongRow(expected, "the stored bytes are not in the written format")
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
        if value != written[name]:
            return WrongRow(expected, f"the column {name} differs from the stored bytes")
    stated = read_stated(row.subject, written["public"])
    if stated is None:
        return WrongRow(expected, "its stored_files are not in the written format")
    if stated:
        found.stated.append((expected, stated))
    found.facts.append(
        (row.stream.encode(), expected, row.version, written["previous"], row.leaf_hash, row.event_key.encode())
    )
    return None


def _parse(stored: bytes) -> dict[str, Any] | None:
    """The fields that columns repeat, and the hash before; None for bytes that are not of the format."""
    if stored[:4] != _MAGIC:
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


def _add_nodes(found: PartFound, leaves: Sequence[bytes], sizes: Sequence[int]) -> None:
    """`sizes` count all events of the ledger; those after a wrong row are left out."""
    for size in {*(size - found.first for size in sizes), len(leaves)}:
        if 0 <= size <= len(leaves):
            found.nodes[found.first + size] = _subtrees(leaves[:size])


def _subtrees(leaves: Sequence[bytes]) -> Nodes:
    """RFC 6962: perfect subtrees from the left, the biggest first."""
    made: Nodes = []
    at, sha256 = 0, hashlib.sha256
    while at < len(leaves):
        size = 1 << ((len(leaves) - at).bit_length() - 1)
        level = list(leaves[at : at + size])
        while len(level) > 1:
            level = [
                sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)
            ]
        made.append((size, level[0]))
        at += size
    return made
