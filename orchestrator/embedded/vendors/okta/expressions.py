"""Okta's expressions in `filter` and `search`: https://developer.okta.com/docs/api/#filter."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from orchestrator.embedded.vendors.okta.errors import error
from orchestrator.embedded.vendors.simulator import VendorRefusal

Matches = Callable[[Mapping[str, Any]], bool]
WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()]|[^\s()]+)')


def expression(text: str, operators: Collection[str], properties: Collection[str] = (), folded: bool = True) -> Matches:
    """What the text means for a document. Only these operators, and these properties if any are given; strings compare
    without case if `folded`."""
    words = WORD.findall(text)
    if not words:
        raise _invalid()
    matches, rest = _either(words, operators, properties, folded)
    if rest:
        raise _invalid()
    return matches


def _either(words: list[str], *rules: Any) -> tuple[Matches, list[str]]:
    first, words = _both(words, *rules)
    if words and words[0].lower() == "or":
        second, words = _either(words[1:], *rules)
        return lambda document: first(document) or second(document), words
    return first, words


def _both(words: list[str], *rules: Any) -> tuple[Matches, list[str]]:
    first, words = _one(words, *rules)
    if words and words[0].lower() == "and":
        second, words = _both(words[1:], *rules)
        return lambda document: first(document) and second(document), words
    return first, words


def _one(
    words: list[str], operators: Collection[str], properties: Collection[str], folded: bool
) -> tuple[Matches, list[str]]:
    if words[:1] == ["("]:
        inner, words = _either(words[1:], operators, properties, folded)
        if words[:1] != [")"]:
            raise _invalid()
        return inner, words[1:]
    if len(words) < 2:
        raise _invalid()
    name, operator = words[0], words[1].lower()
    if operator not in operators or (properties and name not in properties):
        raise _invalid()
    if operator == "pr":
        return lambda document: value_of(document, name) not in (None, ""), words[2:]
    if len(words) < 3 or not words[2].startswith('"'):
        raise _invalid()
    wanted = re.sub(r"\\(.)", r"\1", words[2][1:-1])

    def matches(document: Mapping[str, Any]) -> bool:
        value = value_of(document, name)
        if value is None:
            return False
        found, sought = (str(value).lower(), wanted.lower()) if folded else (str(value), wanted)
        match operator:
            case "eq":
                return found == sought
            case "sw":
                return found.startswith(sought)
            case "co":
                return sought in found
            case "gt":
                return found > sought
            case "ge":
                return found >= sought
            case "lt":
                return found < sought
            case _:
                return found <= sought

    return matches, words[3:]


def value_of(document: Mapping[str, Any], name: str) -> Any:
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _invalid() -> VendorRefusal:
    return VendorRefusal(error(400, "E0000031", "Invalid search criteria."))
