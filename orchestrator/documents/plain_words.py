"""Small pieces of plain English: lengths of time, numbers, lists, roles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from orchestrator.domain.organisation.roles import role_words

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def length(span: timedelta) -> str:
    """`1 day`, `36 hours`, `1 hour 30 minutes`: in the largest unit that it is a whole number of, else in two."""
    seconds = round(span.total_seconds())
    if seconds == 0:
        return "no time"
    for size, unit in _UNITS:
        if seconds % size == 0:
            return _counted(seconds // size, unit)
    raise AssertionError("every whole number of seconds is one of seconds")


def minutes(number: int) -> str:
    """As hours where that is shorter: `45 minutes`, `2 hours 15 minutes`."""
    hours, rest = divmod(number, 60)
    parts = [_counted(hours, "hour")] if hours else []
    return " ".join([*parts, _counted(rest, "minute")] if rest or not parts else parts)


def number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def joined(parts: Iterable[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} {word} {last}" if most else last


def role(slug: str) -> str:
    """`it_approver`: `IT approver`."""
    return role_words(slug)


def roles(slugs: Iterable[str], word: str = "or") -> str:
    return joined((role(slug) for slug in slugs), word)


def quoted(title: str) -> str:
    return f"“{title}”"


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" + ("" if count == 1 else "s")
