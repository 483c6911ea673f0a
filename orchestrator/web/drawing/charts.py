"""Charts for Outcomes, drawn on the server: lengths of time as dots on a line, and bars.

Each is an `svg` with a title and a description that says in words what it shows; the table behind it is the page's.
They are laid out 340 units wide, so that their letters can be read where a phone shrinks them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from orchestrator.vocabulary.durations import length
from orchestrator.web.drawing.text import fit, width

_Across = Callable[[float], float]

WIDE: Final = 340.0
LETTER: Final = 13.0
DOT: Final = 4.0
SPREAD: Final = 25.0
"""Where the worst is this many times the median (or a quarter of the threshold, which is to be seen too), the scale
grows by multiples: else all but one lie on one spot."""
MAX_DOTS: Final = 160
"""Beyond this, bars of a histogram instead of dots."""

_STEPS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 345_600,
    604_800, 1_209_600, 2_592_000, 7_776_000, 15_552_000, 31_536_000,
)  # fmt: skip
"""Seconds that people count in."""
_TENFOLD: Final = (1, 10, 60, 600, 3_600, 36_000, 86_400, 604_800, 2_592_000, 31_536_000)


@dataclass(frozen=True, slots=True)
class Bar:
    """`told` is the value as it is read ("2 h 5 min"); without it the number is shown. `late` gives the bar another
    pattern and the word "late"."""

    label: str
    value: float
    shown: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class ChartScale:
    """In seconds."""

    median: float
    high: float
    worst: float


def measures(values: Sequence[float]) -> ChartScale | None:
    """Median, 95th percentile (what 95 of 100 do not go beyond, by nearest rank) and worst; None for nothing."""
    if not values:
        return None
    ordered = sorted(values)

    def rank(share: float) -> float:
        return ordered[max(math.ceil(share * len(ordered)), 1) - 1]

    return ChartScale(rank(0.5), rank(0.95), ordered[-1])


def times_chart(
    values: Sequence[float], *, threshold: float | None, title: str, id_: str, measured: ChartScale | None = None
) -> Markup:
    """How lengths of time (seconds) are spread: a dot each, the threshold as a line, and marks for median, 95th and
    worst (`measured`, where the page has them already). What came before its time (below 0) counts as 0. Empty for no
    values."""
    shown = sorted(max(value, 0.0) for value in values)
    scale = measured or measures(shown)
    if scale is None or not shown:
        return Markup("")
    most = max(scale.worst, shown[-1], threshold or 0.0, 1.0)
    tenfold = most > SPREAD * max(scale.median, (threshold or 0.0) / 4, 1.0)
    left, right = 14.0, WIDE - 14.0

    def across(value: float) -> float:
        share = math.log10(1 + value) / math.log10(1 + most) if tenfold else value / most
        return left + share * (right - left)

    ground = 132.0
    parts = _heap(shown, across, ground, left, right)
    parts += [_axis(across, most, ground, tenfold)]
    if threshold is not None:
        x = across(threshold)
        label = f"target {length(threshold)}"
        parts.append(f'<path class="chart-threshold" d="M{x:.1f} 16V{ground:g}"/>')
        parts.append(_beside(label, x, 13, "chart-threshold-name"))
    for row, (name, value) in enumerate(
        (("median", scale.median), ("95th", scale.high), ("maximum", scale.worst)), start=1
    ):
        x, y = across(value), ground + 22 + row * 20
        parts.append(f'<path class="chart-guide" d="M{x:.1f} {ground:g}V{y - 6:g}"/>')
        parts.append(_pointer(name, x, y))
        parts.append(_beside(f"{name} {length(value)}", x, y + 4, "chart-value", room=10))
    over = sum(value > threshold for value in shown) if threshold is not None else 0
    said = (
        f"{_runs(len(shown))}. Median {length(scale.median)}, 95th percentile {length(scale.high)}, "
        f"maximum {length(scale.worst)}."
    )
    if threshold is not None:
        said += f" {over or 'None'} over the target of {length(threshold)}."
    if tenfold:
        said += " Logarithmic scale."
    return _svg(id_, title, said, ground + 96, parts)


def bars(rows: Sequence[Bar], *, title: str, id_: str, unit: str = "") -> Markup:
    """Horizontal bars, a row each: the label above, the value at the end. `unit` ("exceptions") is in the
    description. Empty for no rows."""
    if not rows:
        return Markup("")
    most = max((row.value for row in rows), default=0.0) or 1.0
    parts, y = [], 4.0
    for row in rows:
        text = (row.shown or f"{row.value:g}") + (" · overdue" if row.late else "")
        room = WIDE - width(text, LETTER) - 10
        long = max(row.value, 0.0) / most * WIDE
        parts.append(
            f'<text class="chart-label" x="0" y="{y + 12:g}">{escape(fit(row.label, LETTER, room))}</text>'
            f'<text class="chart-value" x="{WIDE:g}" y="{y + 12:g}" text-anchor="end">{escape(text)}</text>'
            f'<rect class="chart-track" x="0" y="{y + 19:g}" width="{WIDE:g}" height="10" rx="3"/>'
            f'<rect class="chart-bar{" chart-bar-late" if row.late else ""}" x="0" y="{y + 19:g}"'
            f' width="{max(long, 2.0):.1f}" height="10" rx="3"/>'
        )
        if row.late:
            parts.append(f'<path class="chart-late" d="M{max(long, 4.0) - 2:.1f} {y + 15:g}v18"/>')
        y += 42
    said = "; ".join(f"{row.label}: {row.shown or f'{row.value:g}'}{' (overdue)' if row.late else ''}" for row in rows)
    return _svg(id_, title, f"{said}{f' ({unit})' if unit else ''}.", y, parts)


def columns(rows: Sequence[Bar], *, title: str, id_: str, unit: str = "") -> Markup:
    """Upright bars side by side, such as one a month. Labels are thinned out where they would touch. Empty for no
    rows."""
    if not rows:
        return Markup("")
    most = max((row.value for row in rows), default=0.0) or 1.0
    ground, top = 120.0, 22.0
    each = WIDE / len(rows)
    wide = min(each * 0.68, 44.0)
    widest = max(width(row.label, LETTER) for row in rows) + 6
    every = max(math.ceil(widest / each), 1)
    parts = []
    for number, row in enumerate(rows):
        middle = (number + 0.5) * each
        tall = max(row.value, 0.0) / most * (ground - top)
        text = row.shown or f"{row.value:g}"
        if row.value:
            parts.append(
                f'<rect class="chart-bar" x="{middle - wide / 2:.1f}" y="{ground - max(tall, 2):.1f}"'
                f' width="{wide:.1f}" height="{max(tall, 2):.1f}" rx="3"/>'
            )
        if width(text, LETTER) + 4 <= each:
            parts.append(
                f'<text class="chart-value" x="{middle:.1f}" y="{ground - tall - 6:.1f}" text-anchor="middle">'
                f"{escape(text)}</text>"
            )
        if (len(rows) - 1 - number) % every == 0:
            parts.append(
                f'<text class="chart-label" x="{_inside(middle, row.label):.1f}" y="{ground + 18:g}"'
                f' text-anchor="middle">{escape(row.label)}</text>'
            )
    parts.append(f'<path class="chart-axis" d="M0 {ground:g}H{WIDE:g}"/>')
    said = "; ".join(f"{row.label}: {row.shown or f'{row.value:g}'}" for row in rows)
    return _svg(id_, title, f"{said}{f' ({unit})' if unit else ''}.", ground + 26, parts)


def _heap(values: Sequence[float], across: _Across, ground: float, left: float, right: float) -> list[str]:
    """Dots that lie on each other where they would touch; a histogram where there are too many, or too high a heap."""
    step = DOT * 2 + 1
    slots: dict[int, int] = {}
    for value in values:
        slot = round((across(value) - left) / step)
        slots[slot] = slots.get(slot, 0) + 1
    room = int((ground - 26) // step)
    if len(values) <= MAX_DOTS and max(slots.values()) <= room:
        return [
            f'<circle class="chart-dot" cx="{min(left + slot * step, right):.1f}"'
            f' cy="{ground - DOT - 1.5 - row * step:.1f}" r="{DOT:g}"/>'
            for slot, number in sorted(slots.items())
            for row in range(number)
        ]
    highest = max(slots.values())
    return [
        f'<rect class="chart-bar" x="{left + slot * step - DOT:.1f}"'
        f' y="{ground - (tall := max(number / highest * (ground - 30), 1.5)):.1f}" width="{DOT * 2:g}"'
        f' height="{tall:.1f}"/>'
        for slot, number in sorted(slots.items())
    ]


def _axis(across: _Across, most: float, ground: float, tenfold: bool) -> str:
    step = next((step for step in _STEPS if most / step <= 5), _STEPS[-1])
    ticks: list[float] = [0.0]
    ticks += [tick for tick in _TENFOLD if tick <= most] if tenfold else _multiples(step, most)
    parts = [f'<path class="chart-axis" d="M0 {ground:g}H{WIDE:g}"/>']
    free = -math.inf
    for tick in ticks:
        label = length(tick) if tick else "0"
        x, wide = _inside(across(tick), label), width(label, LETTER)
        parts.append(f'<path class="chart-axis" d="M{across(tick):.1f} {ground:g}v5"/>')
        if x - wide / 2 > free:
            parts.append(
                f'<text class="chart-label" x="{x:.1f}" y="{ground + 18:g}" text-anchor="middle">{escape(label)}</text>'
            )
            free = x + wide / 2 + 8
    return "".join(parts)


def _multiples(step: float, most: float) -> list[float]:
    return [step * number for number in range(1, int(most // step) + 1)]


def _pointer(name: str, x: float, y: float) -> str:
    """Three shapes, so that they can be distinguished without colour and without reading."""
    shapes = {
        "median": f"M{x - 4.5:.1f} {y - 4.5:g}h9v9h-9z",
        "95th": f"M{x:.1f} {y - 6:g}l6 6-6 6-6-6z",
        "maximum": f"M{x:.1f} {y - 5.5:g}l6 10h-12z",
    }
    return f'<path class="chart-pointer" d="{shapes[name]}"/>'


def _beside(text: str, x: float, y: float, class_: str, room: float = 6) -> str:
    """To the right of x, or to its left where it would leave the drawing."""
    right = x + room + width(text, LETTER) <= WIDE
    return (
        f'<text class="{class_}" x="{x + room if right else x - room:.1f}" y="{y:g}"'
        f' text-anchor="{"start" if right else "end"}">{escape(text)}</text>'
    )


def _inside(x: float, text: str) -> float:
    half = width(text, LETTER) / 2
    return min(max(x, half), WIDE - half)


def _runs(number: int) -> str:
    return "One run" if number == 1 else f"{number} runs"


def _svg(id_: str, title: str, description: str, high: float, parts: Sequence[str]) -> Markup:
    name = escape(id_)
    return Markup(  # noqa: S704 - every text in it went through `escape`
        f'<svg class="chart" id="{name}" viewBox="0 0 {WIDE:g} {high:g}" role="img"'
        f' aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{"".join(parts)}</svg>'
    )
