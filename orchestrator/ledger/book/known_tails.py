"""The last event that this process knows of each stream, by its hash.

An older copy of the database may be restored under a process that runs, and grow past the versions that the process has
read. Versions alone do not show that; the event at a version that the process knows is then another one.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_STREAMS = 10_000


class KnownTails:
    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def agree(self, stream: str, version: int, leaf: bytes) -> bool:
        """Whether an event that was just read or written is the one that is known at its version. Keeps the latest."""
        known, known_leaf = self._known.get(stream, (0, b""))
        if version == known:
            return leaf == known_leaf
        if version > known:
            self._known[stream] = (version, leaf)
            self._known.move_to_end(stream)
            if len(self._known) > MAX_STREAMS:
                self._known.popitem(last=False)
        return True

    def leaf(self, stream: str, version: int) -> bytes | None:
        """The hash of the event at this version, where it is known."""
        known, leaf = self._known.get(stream, (0, b""))
        return leaf if known == version and known else None

    def clear(self) -> None:
        self._known.clear()
