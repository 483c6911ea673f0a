"""Small pieces of plain English: lengths of time, numbers, lists, roles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from orchestrator.domain.organisation.roles import role_words
from orchestrator.vocabulary.durations import spelled

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def minutes(number: int) -> str:
    """`45 minutes`, `2 hours 15 minutes`."""
    return spelled(timedelta(minutes=number)) if number else "0 minutes"


def number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def joined(parts: Iterable[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} {word} {last}" if most else last


def roles(slugs: Iterable[str], word: str = "or") -> str:
    return joined((role_words(slug) for slug in slugs), word)


def quoted(title: str) -> str:
    return f"“{title}”"


def sentence(text: str) -> str:
    """With a capital letter and a full stop. A first word that is not all lower-case letters, such as a file's name, is
    kept; text that ends with a colon or has several lines gets no full stop."""
    text = text.strip()
    if not text:
        return text
    first = text.split(maxsplit=1)[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?:" or "\n" in text else f"{text}."
