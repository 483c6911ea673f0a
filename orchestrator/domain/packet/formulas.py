"""Which parameters of a step are expressions, and where they are.

This module only finds expressions; `expressions.py` compiles and evaluates them. Workflow code may import it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

MARK: Final = "= "
"""A text that begins with this is an expression."""

_READS_PERSON: Final = re.compile(r"\bperson\b")
_READS_CUTOFF: Final = re.compile(r"\brun\b.*\b(cutoff|zone)\b", re.DOTALL)

Path = tuple[str | int, ...]
"""Names of fields and positions in lists that lead to a value."""


def formula_source(value: object) -> str | None:
    """The expression in a parameter's value, or `None` where the value is meant literally."""
    return value[len(MARK) :] if isinstance(value, str) and value.startswith(MARK) else None


def formulas_in(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every expression in a value, also within lists and maps: where it is, and its source."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from formulas_in(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from formulas_in(inner, (*path, index))
    elif (source := formula_source(value)) is not None:
        yield path, source


def reads_cutoff(value: JsonValue) -> bool:
    """Whether an expression in this value depends on the run's cutoff or its time zone."""
    return any(_READS_CUTOFF.search(source) for _, source in formulas_in(value))


def reads_person(value: JsonValue) -> bool:
    """Whether an expression in this value depends on what HR says about the person."""
    return any(_READS_PERSON.search(source) for _, source in formulas_in(value))
