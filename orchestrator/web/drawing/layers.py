"""Where the boxes of a layered graph stand: columns by dependency, rows so that few lines cross and most run straight.

The usual three steps (Sugiyama, Tagawa and Toda 1981): a column is the longest way to a box; lines that pass a column
hold a narrow place in it; rows are ordered by the mean of their neighbours, back and forth. Then heights: as near to
the neighbours as the order and the spacing allow, which is a regression under an order (pool adjacent violators). The
same graph is always laid out alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

SWEEPS: Final = 6
"""Times that the rows are ordered again; after a few nothing changes any more."""


@dataclass(slots=True)
class Place:
    """One box, or (with `box` None) a narrow place where a line passes a column. `y` is its middle."""

    column: int
    height: float
    box: str | None
    y: float = 0.0
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns` and `middles` by box; `ways` by line (from, to): the heights at which it passes the columns between,
    from left to right. `height` is that of the whole; it begins at 0."""

    columns: Mapping[str, int]
    middles: Mapping[str, float]
    ways: Mapping[tuple[str, str], Sequence[float]]
    height: float


def column_of(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The longest way to each box. Boxes on a cycle are at 0: a plan has none, and a drawing must not hang."""
    found: dict[str, int] = {}
    waiting = {box: sum(need in needs for need in set(before)) for box, before in needs.items()}
    after: dict[str, list[str]] = {box: [] for box in needs}
    for box, before in needs.items():
        for need in dict.fromkeys(before):
            if need in after:
                after[need].append(box)
    ready = [box for box, number in waiting.items() if number == 0]
    for box in ready:  # grows while we go through it
        found[box] = max((found[need] + 1 for need in needs[box] if need in needs), default=0)
        for later in after[box]:
            waiting[later] -= 1
            if waiting[later] == 0:
                ready.append(later)
    return {box: found.get(box, 0) for box in needs}


def without_detours(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The same order with fewer lines: without each need that another need implies."""
    order = sorted(needs, key=(columns := column_of(needs)).__getitem__)
    above: dict[str, frozenset[str]] = {}
    for box in order:
        known = [need for need in needs[box] if need in above]
        above[box] = frozenset(known).union(*(above[need] for need in known))
    return {
        box: [
            need
            for need in dict.fromkeys(needs[box])
            if need in above
            and columns[need] < columns[box]
            and not any(need in above[other] for other in needs[box] if other != need and other in above)
        ]
        for box in needs
    }


def lay_out(needs: Mapping[str, Sequence[str]], *, box_height: float, line_height: float, gap: float) -> Layout:
    """`needs` in the order in which rows begin. Names that are no box are passed over. A plan is drawn again whenever
    something happens in its run, and its layout stays."""
    return _lay_out(tuple((box, tuple(before)) for box, before in needs.items()), box_height, line_height, gap)


@lru_cache(maxsize=256)
def _lay_out(
    order: tuple[tuple[str, tuple[str, ...]], ...], box_height: float, line_height: float, gap: float
) -> Layout:
    needs = dict(order)
    lines = without_detours(needs)
    columns = column_of(needs)
    places: list[Place] = []
    at: dict[str, int] = {}
    for box in needs:
        at[box] = len(places)
        places.append(Place(columns[box], box_height, box))
    ways: dict[tuple[str, str], list[int]] = {}
    for box, before in lines.items():
        for need in before:
            way = []
            last = at[need]
            for column in range(columns[need] + 1, columns[box]):
                way.append(len(places))
                places.append(Place(column, line_height, None))
                _join(places, last, way[-1])
                last = way[-1]
            _join(places, last, at[box])
            ways[need, box] = way
    rows: list[list[int]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for number, place in enumerate(places):
        rows[place.column].append(number)
    _order(rows, places)
    height = _set_heights(rows, places, gap)
    return Layout(
        columns=columns,
        middles={box: places[number].y for box, number in at.items()},
        ways={line: [places[number].y for number in way] for line, way in ways.items()},
        height=height,
    )


def _join(places: list[Place], left: int, right: int) -> None:
    places[left].after.append(right)
    places[right].before.append(left)


def _order(rows: list[list[int]], places: list[Place]) -> None:
    rank = {number: float(at) for row in rows for at, number in enumerate(row)}
    best, fewest = [list(row) for row in rows], _crossings(rows, places)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for row in rows[1:] if forward else reversed(rows[:-1]):
            wanted = {
                number: _mean([rank[other] for other in near]) if near else rank[number]
                for number in row
                for near in (places[number].before if forward else places[number].after,)
            }
            row.sort(key=lambda number: (wanted[number], rank[number]))
            for at, number in enumerate(row):
                rank[number] = float(at)
        crossings = _crossings(rows, places)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
        if fewest == 0:
            break
    rows[:] = best


def _crossings(rows: list[list[int]], places: list[Place]) -> int:
    """Pairs of lines between neighbouring columns that cross, counted by insertion."""
    rank = {number: at for row in rows for at, number in enumerate(row)}
    crossings = 0
    for row in rows:
        ends: list[int] = []
        for number in row:
            here = sorted(rank[other] for other in places[number].after)
            crossings += sum(1 for end in here for known in ends if known > end)
            ends.extend(here)
    return crossings


def _set_heights(rows: list[list[int]], places: list[Place], gap: float) -> float:
    for row in rows:
        _stack(row, places, [0.0] * len(row), gap)
    for sweep in range(SWEEPS):
        for row in rows[1:] if sweep % 2 == 0 else reversed(rows[:-1]):
            wanted = []
            for number in row:
                near = places[number].before if sweep % 2 == 0 else places[number].after
                wanted.append(_mean([places[other].y for other in near]) if near else places[number].y)
            _stack(row, places, wanted, gap)
    tops = [place.y - place.height / 2 for place in places]
    lowest = max((place.y + place.height / 2 for place in places), default=0.0)
    top = min(tops, default=0.0)
    for place in places:
        place.y -= top
    return lowest - top


def _stack(row: list[int], places: list[Place], wanted: Sequence[float], gap: float) -> None:
    """As near to `wanted` as the order and the spacing allow, by least squares."""
    offsets, offset = [], 0.0
    for at, number in enumerate(row):
        if at:
            offset += (places[row[at - 1]].height + places[number].height) / 2 + gap
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # the sum of what its members want, and how many they are
    for want, off in zip(wanted, offsets, strict=True):
        total, size = want - off, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            before = blocks.pop()
            total, size = total + before[0], size + before[1]
        blocks.append((total, size))
    at = 0
    for total, size in blocks:
        for _ in range(size):
            places[row[at]].y = total / size + offsets[at]
            at += 1


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
