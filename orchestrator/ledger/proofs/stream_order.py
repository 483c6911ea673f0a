"""The order of events in their streams, for all streams at once, in bounded memory.

Parts of the ledger are checked in any order; streams run through all of them. So what each part has of a stream is
written to temporary files, those of a stream always to the same one, and read again one file at a time.

    part 1 ─┬─► file of streams a, d, g …  ─► version after version, hash after hash, keys once
    part 2 ─┴─► file of streams b, c, e …  ─► the same
"""

from __future__ import annotations

import marshal
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.ledger.proofs.parts import StreamFact, WrongRow

EVENTS_A_FILE: Final = 100_000
"""How many events one file has about, some 40 MB of memory while it is read."""
MAX_FILES: Final = 256


def files_for(events: int) -> int:
    """How many files this many events are divided among."""
    return min(MAX_FILES, max(1, events // EVENTS_A_FILE + 1))


@dataclass(frozen=True, slots=True)
class StreamOrder:
    """`streams` were met; `wrong` is the first event that does not continue its stream."""

    streams: int
    wrong: WrongRow | None = None


def put_aside(folder: Path, files: int, facts: Iterable[StreamFact]) -> None:
    """The facts of one part, by position. Processes write files of their own."""
    of_file: list[list[StreamFact]] = [[] for _ in range(files)]
    crc = zlib.crc32
    for fact in facts:
        of_file[crc(fact[0]) % files].append(fact)
    for number, found in enumerate(of_file):
        if found:
            with (folder / f"{number}.{os.getpid()}").open("ab") as out:
                out.write(marshal.dumps(found))


def check_order(folder: Path, number: int, below: int) -> StreamOrder:
    """The streams of file `number`, as far as their events have positions below `below`."""
    parts = [part for path in folder.glob(f"{number}.*") for part in _parts(path)]
    parts.sort(key=lambda part: part[0][1])
    tails: dict[bytes, tuple[int, bytes, set[bytes]]] = {}
    for part in parts:
        for stream, position, version, previous, leaf, key in part:
            if position >= below:
                return StreamOrder(len(tails))
            known = tails.get(stream)
            if known is None:
                if version != 1 or previous != bytes(32):
                    return StreamOrder(len(tails), _not_continued(position, version, 0))
                tails[stream] = (version, leaf, {key})
                continue
            last, tail, keys = known
            if version != last + 1 or previous != tail:
                return StreamOrder(len(tails), _not_continued(position, version, last))
            if key in keys:
                return StreamOrder(len(tails), WrongRow(position, "its event key occurs twice in its stream"))
            keys.add(key)
            tails[stream] = (version, leaf, keys)
    return StreamOrder(len(tails))


def _not_continued(position: int, version: int, last: int) -> WrongRow:
    if version != last + 1:
        return WrongRow(position, f"version {version} of its stream follows version {last}")
    return WrongRow(position, f"it does not continue version {last} of its stream: that version was changed")


def _parts(path: Path) -> Iterator[Sequence[StreamFact]]:
    with path.open("rb") as file:
        while file.peek(1):
            yield marshal.load(file)  # noqa: S302 - written by this verification a moment ago, into a folder of its own
