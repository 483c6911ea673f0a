"""The written format: the bytes of one event as they are hashed and stored.

`docs/ledger-format.md` describes it for a stranger, with the vectors of `tests/ledger/vectors.json`. Every value
is preceded by its length, so that no two events have the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.ledger.book.errors import UnreadableEvent

MAGIC = b"OBE\x01"
NO_PREVIOUS = bytes(32)
"""What the first event of a stream has for the hash before it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIELDS = 11
_length = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is written. `public` is canonical JSON, `sealed` what `write_sealed` gave or empty."""

    stream: str
    version: int
    position: int
    key: str
    type: str
    schema: int
    subject: str | None
    recorded_at: datetime
    previous: bytes
    public: bytes
    sealed: bytes = b""


def write(entry: Entry) -> bytes:
    microseconds = (entry.recorded_at - _EPOCH) // _MICROSECOND
    return MAGIC + prefixed(
        entry.stream.encode(),
        entry.version.to_bytes(8, "big"),
        entry.position.to_bytes(8, "big"),
        entry.key.encode(),
        entry.type.encode(),
        entry.schema.to_bytes(4, "big"),
        (entry.subject or "").encode(),
        microseconds.to_bytes(8, "big"),
        entry.previous,
        entry.public,
        entry.sealed,
    )


def read(stored: bytes) -> Entry:
    """Raises `UnreadableEvent` if the bytes are not exactly one event of this format."""
    if stored[:4] != MAGIC:
        raise UnreadableEvent("stored event", "it does not begin with the marker of format 1", _DAMAGED)
    parts = split(stored, 4)
    if len(parts) != _FIELDS:
        raise UnreadableEvent("stored event", f"it has {len(parts)} fields, not {_FIELDS}", _DAMAGED)
    stream, version, position, key, kind, schema, subject, microseconds, previous, public, sealed = parts
    return Entry(
        stream.decode(),
        int.from_bytes(version, "big"),
        int.from_bytes(position, "big"),
        key.decode(),
        kind.decode(),
        int.from_bytes(schema, "big"),
        subject.decode() or None,
        _EPOCH + timedelta(microseconds=int.from_bytes(microseconds, "big")),
        previous,
        public,
        sealed,
    )


def leaf_hash(stored: bytes) -> bytes:
    """RFC 6962 section 2.1: the hash of a leaf."""
    return hashlib.sha256(b"\x00" + stored).digest()


def write_sealed(commitment: bytes, ciphertexts: Mapping[str, bytes]) -> bytes:
    """The personal part: the commitment to the event's data key, then each field's name and ciphertext, by name."""
    return prefixed(commitment, *(part for name in sorted(ciphertexts) for part in (name.encode(), ciphertexts[name])))


def read_sealed(sealed: bytes) -> tuple[bytes, dict[str, bytes]]:
    parts = split(sealed, 0)
    if len(parts) % 2 != 1:
        raise UnreadableEvent("stored event", "its personal part is not pairs of name and ciphertext", _DAMAGED)
    return parts[0], {name.decode(): text for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def prefixed(*parts: bytes) -> bytes:
    """Each part behind its length, four bytes, most significant first."""
    return b"".join(piece for part in parts for piece in (_length.pack(len(part)), part))


def split(data: bytes, start: int) -> list[bytes]:
    """The parts that `prefixed` joined. Raises `UnreadableEvent` where a length points past the end."""
    parts: list[bytes] = []
    at, end = start, len(data)
    while at < end:
        if end - at < 4:
            raise UnreadableEvent("stored event", "it ends inside a length", _DAMAGED)
        (size,) = _length.unpack_from(data, at)
        at += 4 + size
        if at > end:
            raise UnreadableEvent("stored event", "it ends inside a field", _DAMAGED)
        parts.append(data[at - size : at])
    return parts


_DAMAGED = "Run `offboard ledger verify`, which names the first wrong row"
