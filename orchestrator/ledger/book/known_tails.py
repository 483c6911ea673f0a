"""The last event that this process knows of each stream, by its hash.

An older copy of the database may be restored under a process that runs, and grow past the versions that the process has
read. Versions alone do not show that; the event at a version that the process knows is then another one.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

MAX_STREAMS = 10_000


class KnownTails:
    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, bytes, datetime]] = OrderedDict()

    def agree(self, stream: str, version: int, leaf: bytes, at: datetime) -> bool:
        """Whether an event that was read or written at `at` is the one that is known at its version. Keeps the
        latest."""
        known = self._known.get(stream)
        if known is not None and version == known[0]:
            return leaf == known[1]
        if known is None or version > known[0]:
            self._known[stream] = (version, leaf, at)
            self._known.move_to_end(stream)
            if len(self._known) > MAX_STREAMS:
                self._known.popitem(last=False)
        return True

    def leaf(self, stream: str, version: int) -> bytes | None:
        """The hash of the event at this version, where it is known."""
        known = self._known.get(stream)
        return known[1] if known is not None and known[0] == version else None

    def known_since(self, stream: str) -> datetime | None:
        """When the last known event of the stream was first read or written here."""
        known = self._known.get(stream)
        return known[2] if known is not None else None

    def clear(self) -> None:
        self._known.clear()
