"""SCIM attribute paths (RFC 7644 section 3.4.2.2) and what a document has at one."""

from __future__ import annotations

import re
from typing import Any

from connectors.abilities import Lookup

# RFC 7644 section 3.4.2.2: [URI ":"] attribute name ["." sub-attribute name]
_ATTRIBUTE = re.compile(r"(?P<schema>urn:[A-Za-z0-9:._-]+:)?(?P<path>[A-Za-z$][\w$-]*(\.[A-Za-z$][\w$-]*)?)")


def is_attribute_path(text: str) -> bool:
    return _ATTRIBUTE.fullmatch(text) is not None


def matching_value(document: dict[str, Any], lookup: Lookup) -> str | None:
    """The value in the document that equals the one asked for, whatever its case; attribute names have none
    (RFC 7643 section 2.1)."""
    match = _ATTRIBUTE.fullmatch(lookup.attribute)
    assert match is not None
    values: list[Any] = [document]
    steps = match["path"].split(".")
    schema = (match["schema"] or "")[:-1]
    if schema and schema in document:
        values = [document[schema]]
    for step in steps:
        values = [_member(value, step) for value in values]
        values = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    for value in values:
        if isinstance(value, dict):
            value = value.get("value")
        if isinstance(value, str | int) and str(value).casefold() == lookup.value.casefold():
            return str(value)
    return None


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((inner for key, inner in value.items() if key.casefold() == name.casefold()), None)
