"""What a system answered over HTTP, and how the parts of an answer are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

_MAX_RETRY_AFTER_SECONDS = 86_400.0  # a system that names a later time than a day is asked again after a day


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is a JSON value, None where the answer was empty. `status` is 2xx, or 404 where that was allowed (then
    `body` is None too where it is not JSON)."""

    status: int
    body: Any
    etag: str | None


def read_retry_after(value: str | None) -> float | None:
    """RFC 9110 section 10.2.3: a number of seconds or a date. None where there is none, or none that makes sense."""
    if value is None:
        return None
    if value.strip().isdecimal():
        seconds = float(value)
    else:
        try:
            seconds = (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def read_json(body: bytes) -> Any:
    """The JSON value (RFC 8259; so no NaN), None for an empty body. Raises `ValueError`."""
    if not body.strip():
        return None
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_or_none(body: bytes) -> Any:
    """The same, and None for what is not JSON."""
    try:
        return read_json(body)
    except ValueError:
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
