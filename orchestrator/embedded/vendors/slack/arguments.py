"""Arguments of Web API methods, from a query, a form or JSON: https://docs.slack.dev/apis/web-api#basics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Arguments = Mapping[str, Any]


def flag(arguments: Arguments, name: str, default: bool = False) -> bool:
    """JSON has true and false, a form `true`, `1` and so on."""
    if name not in arguments:
        return default
    return str(arguments[name]).casefold() in ("true", "1")


def items(arguments: Arguments, name: str) -> list[str]:
    """A list is an array in JSON, and text with commas or an array as text in a form."""
    value = arguments.get(name, [])
    if isinstance(value, list):
        return [str(one) for one in value]
    text = str(value)
    if text.startswith("["):
        return [str(one) for one in json.loads(text)]
    return [one.strip() for one in text.split(",") if one.strip()]


def as_described(value: Any, schema: Mapping[str, Any]) -> Any:
    """A form's text in the type that the description gives it, and a list as the text of a form."""
    kind = schema.get("type")
    if isinstance(value, list) and kind == "string":
        return ",".join(str(one) for one in value)
    text = str(value)
    if kind == "boolean" and text.casefold() in ("true", "false", "1", "0"):
        return text.casefold() in ("true", "1")
    if kind == "integer" and text.lstrip("-").isdigit():
        return int(text)
    return value
