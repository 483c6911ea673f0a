"""Lists with cursors, https://docs.slack.dev/apis/web-api/pagination. An empty `next_cursor` is on the last page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from orchestrator.embedded.vendors.simulator import Call
from orchestrator.embedded.vendors.slack.errors import refusal


def cut(call: Call, found: Sequence[Any], default: int, most: int = 1000) -> tuple[list[Any], str]:
    """The page that `limit` and `cursor` name, and the next cursor."""
    arguments = call.noted["arguments"]
    size = call.page_size(max(1, min(int(arguments.get("limit") or default), most)))
    start = _start(str(arguments.get("cursor") or ""))
    following = start + size
    return list(found[start:following]), _cursor(following) if following < len(found) else ""


def _cursor(start: int) -> str:
    """It ends in `=`, which a client must encode in a query."""
    return base64.b64encode(f"next_id:{start:08}".encode()).decode()


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().split(":")[1])
    except (ValueError, IndexError):
        raise refusal("invalid_cursor") from None
