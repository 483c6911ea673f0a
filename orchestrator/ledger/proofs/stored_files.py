"""What events state about stored files, for `verification`: the rows of `ledger.files` are compared with it.

Reads the written format only (`docs/ledger-format.md`, "Stored files") and shares nothing with the code that writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FIELD = "stored_files"


@dataclass(frozen=True, slots=True)
class FileRow:
    """The columns of one row of `ledger.files` that an event states; `bytes` is the size of the content. A row
    as it was found has None for a column without a value."""

    subject: str | None
    media_type: str | None
    bytes: int | None
    stored_at: datetime | None


def read_stated(subject: str | None, public: dict[str, Any]) -> list[tuple[bytes, FileRow]] | None:
    """The digests and rows that an event about `subject` states. None where it is not in the written format."""
    stated = public.get(FIELD, [])
    if not isinstance(stated, list):
        return None
    files = []
    try:
        for file in stated:
            at = datetime.fromisoformat(file["stored_at"])
            row = FileRow(subject, str(file["media_type"]), int(file["bytes"]), at)
            digest = bytes.fromhex(file["stored"])
            if len(digest) != 32 or at.tzinfo is None:
                return None
            files.append((digest, row))
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
    return files


class StatedFiles:
    """The files that events state. Memory grows by some 300 bytes for each."""

    def __init__(self) -> None:
        self._stated: dict[bytes, list[tuple[int, FileRow]]] = {}
        self._met: set[bytes] = set()

    def add(self, position: int, files: Iterable[tuple[bytes, FileRow]]) -> None:
        """What the event at `position` states."""
        for digest, row in files:
            self._stated.setdefault(digest, []).append((position, row))

    def lists(self, digest: bytes) -> bool:
        """Whether an event states this file."""
        return digest in self._stated

    def compare(self, digest: bytes, row: FileRow) -> str | None:
        """What differs between a row that was found and the events; None where nothing does, or no event states it."""
        self._met.add(digest)
        for position, stated in self._stated.get(digest, ()):
            for name in FileRow.__slots__:
                if getattr(row, name) != getattr(stated, name):
                    return f"the column {name} differs from the event at position {position}: the row was changed"
        return None

    def missing(self) -> tuple[bytes, str] | None:
        """The first file that an event states and that `compare` was not called for, and what to say about it."""
        for digest, stated in self._stated.items():
            if digest not in self._met:
                return digest, f"it is missing, and the event at position {stated[0][0]} names it"
        return None
