"""Lengths of time in words, in their two largest parts: `2 h 5 min` where space is short, `2 hours 5 minutes` in a
sentence."""

from __future__ import annotations

import math
import re
from datetime import timedelta

Length = timedelta | float | int | str | None

_LENGTH = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_SHORT = ("day", "h", "min", "s")
_SPELLED = ("day", "hour", "minute", "second")


def length(value: Length) -> str:
    """`2 h 5 min`, `3 days 4 h`; empty for None or an empty text. A text is an ISO 8601 duration or a number of
    seconds."""
    return _in_parts(value, _SHORT)


def spelled(value: Length) -> str:
    """`2 hours 5 minutes`, `3 days 4 hours`."""
    return _in_parts(value, _SPELLED)


def coarse(gap: timedelta) -> str:
    """A length as exact as it is worth from afar: no seconds beyond two minutes, no minutes beyond a day, no
    hours beyond a month."""
    seconds = gap.total_seconds()
    if seconds >= 30 * 86_400:
        return length(seconds // 86_400 * 86_400)
    if seconds >= 86_400:
        return length(seconds // 3_600 * 3_600)
    return length(seconds // 60 * 60 if seconds >= 120 else math.ceil(seconds))


def seconds_of(value: Length) -> float | None:
    """Raises `ValueError` for a text that is no length."""
    if value is None or value == "":
        return None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, str):
        return float(value)
    read = _LENGTH.fullmatch(value)
    if read is None:
        return float(value)
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in read.groups())
    return (weeks * 7 + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds


def _in_parts(value: Length, units: tuple[str, str, str, str]) -> str:
    seconds = seconds_of(value)
    if seconds is None:
        return ""
    whole = round(abs(seconds))
    if whole == 0:
        return _counted(0, units[-1]) if seconds == 0 else f"less than {_counted(1, units[-1])}"
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    numbers = (days, hours, *divmod(rest, 60))
    first = next(at for at, number in enumerate(numbers) if number)
    parts = list(zip(numbers, units, strict=True))[first : first + 2]
    return " ".join(_counted(number, unit) for number, unit in parts if number)


def _counted(number: int, unit: str) -> str:
    """`1 hour`, `2 hours`; abbreviations have no plural."""
    return f"{number} {unit}" + ("s" if number != 1 and unit not in ("h", "min", "s") else "")
