"""Two versions of a packet's file, line by line, within a limit of time and of size."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

AROUND: Final = 3
"""Lines that stay the same around each that differs."""
MAX_PAIRS: Final = 1_000_000
"""Pairs of lines that are compared: 1,000 lines with 1,000. The time grows faster than the number of pairs."""
MAX_LINES: Final = 2_000
"""Lines that a page shows of one file."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`kind` is `added`, `removed`, `same`, or `place` for where in the files it is."""

    kind: Literal["added", "removed", "same", "place"]
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`lines` is empty if the file is the same in both. `cut`: there are more lines than a page shows. `coarse`: the
    part that differs is too long to find which of its lines are in both, so it is shown as removed and added."""

    lines: tuple[DiffLine, ...]
    cut: bool = False
    coarse: bool = False


def compared(before: str, after: str) -> Comparison:
    old, new = before.splitlines(), after.splitlines()
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    middle_old, middle_new = old[first : len(old) - last], new[first : len(new) - last]
    if not middle_old and not middle_new:
        return Comparison(())
    coarse = len(middle_old) * len(middle_new) > MAX_PAIRS
    if coarse:
        found = [DiffLine("place", f"@@ -{first + 1},{len(middle_old)} +{first + 1},{len(middle_new)} @@")]
        # Half of the page for each, so that a reader sees both.
        found += [DiffLine("removed", line) for line in middle_old[: MAX_LINES // 2]]
        found += [DiffLine("added", line) for line in middle_new[: MAX_LINES // 2]]
        cut = max(len(middle_old), len(middle_new)) > MAX_LINES // 2
        return Comparison(tuple(found), cut=cut, coarse=True)
    # Without the common beginning and end, of which only the lines around are shown.
    start, end = max(first - AROUND, 0), max(last - AROUND, 0)
    lines = list(islice(_grouped(old[start : len(old) - end], new[start : len(new) - end], start), MAX_LINES + 1))
    return Comparison(tuple(lines[:MAX_LINES]), cut=len(lines) > MAX_LINES)


def _grouped(old: Sequence[str], new: Sequence[str], start: int) -> Iterator[DiffLine]:
    """What differs, with the lines around. `start` lines before both are left out."""
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(AROUND):
        (_, old_from, _, new_from, _), (_, _, old_to, _, new_to) = group[0], group[-1]
        ranges = f"-{start + old_from + 1},{old_to - old_from} +{start + new_from + 1},{new_to - new_from}"
        yield DiffLine("place", f"@@ {ranges} @@")
        for kind, old_first, old_last, new_first, new_last in group:
            if kind == "equal":
                yield from (DiffLine("same", line) for line in old[old_first:old_last])
                continue
            yield from (DiffLine("removed", line) for line in old[old_first:old_last])
            yield from (DiffLine("added", line) for line in new[new_first:new_last])


def _common(old: list[str], new: list[str]) -> int:
    """How many lines both begin with."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count
