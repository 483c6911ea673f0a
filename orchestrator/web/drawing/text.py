"""Estimates the width of a text, to lay out a drawing without a browser.

Widths are shares of the font's size, of a wide sans-serif (Verdana, DejaVu Sans), so that a text in the narrower ones
that most systems have stays inside its box too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_NARROW: Final = frozenset("iljtfrI.,:;'|!()[] ·")
_WIDE: Final = frozenset("mwMWQO@%—…")


def width(text: str, size: float) -> float:
    """In the drawing's units; `size` is the font's."""
    return size * sum(map(_share, text))


def fit(text: str, size: float, room: float) -> str:
    """The text, cut at its end with an ellipsis where it is wider than `room`."""
    if width(text, size) <= room:
        return text
    left = room - width("…", size)
    kept = 0
    for sign in text:
        left -= _share(sign) * size
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def wrap(text: str, size: float, room: float, most: int = 2) -> list[str]:
    """At most `most` lines, broken between words; the last one is cut where the rest does not fit."""
    lines: list[str] = []
    line, long, space = "", 0.0, width(" ", size)
    words = text.split()
    for at, word in enumerate(words):
        more = width(word, size)
        if not line or long + space + more <= room:
            line, long = (f"{line} {word}", long + space + more) if line else (word, more)
            continue
        if len(lines) == most - 1:
            line = " ".join([line, *words[at:]])
            break
        lines.append(fit(line, size, room))
        line, long = word, more
    return [*lines, fit(line, size, room)] if line else lines


@lru_cache(maxsize=4096)
def _share(sign: str) -> float:
    if sign in _NARROW:
        return 0.4
    if sign in _WIDE or ord(sign) >= 0x2E80:
        return 0.96
    return 0.72 if sign.isupper() else 0.63
