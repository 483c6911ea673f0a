"""SCIM attribute paths (RFC 7644 section 3.4.2.2) and what a document has at one."""

from __future__ import annotations

import re
from typing import Any

# RFC 7644 section 3.4.2.2: [URI ":"] attribute name ["." sub-attribute name]
_ATTRIBUTE = re.compile(r"(?P<schema>urn:[A-Za-z0-9:._-]+:)?(?P<path>[A-Za-z$][\w$-]*(\.[A-Za-z$][\w$-]*)?)")


def is_attribute_path(text: str) -> bool:
    return _ATTRIBUTE.fullmatch(text) is not None


def values_at(document: dict[str, Any], attribute: str) -> list[str]:
    """The texts and numbers that a document has at an attribute path. Names of attributes and schemas have no case
    (RFC 7643 section 2.1)."""
    match = _ATTRIBUTE.fullmatch(attribute)
    assert match is not None
    values: list[Any] = [document]
    schema = (match["schema"] or "")[:-1]
    if schema and isinstance(extension := _member(document, schema), dict):
        values = [extension]
    for step in match["path"].split("."):
        # Some servers write a value with the one sub-attribute `value` as a plain text.
        values = [value if step == "value" and isinstance(value, str) else _member(value, step) for value in values]
        values = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    values = [_member(value, "value") if isinstance(value, dict) else value for value in values]
    return [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]


def main_values(document: dict[str, Any], attribute: str) -> list[str]:
    """Of several values at an attribute path, the one that is marked `primary` (RFC 7643 section 2.4)."""
    match = _ATTRIBUTE.fullmatch(attribute)
    assert match is not None
    if match["schema"]:
        return []
    items = _member(document, match["path"].partition(".")[0])
    primary = [item for item in items if _member(item, "primary") is True] if isinstance(items, list) else []
    return values_at({"items": primary}, "items.value") if primary else []


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((inner for key, inner in value.items() if key.casefold() == name.casefold()), None)
