"""Lists in pages, named by `nextPageToken`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.google.errors import invalid


def page(call: Call, kind: str, name: str, documents: Sequence[Any], default: int, most: int) -> Response:
    """A larger `maxResults` counts as the largest. An empty list is omitted, as Google does."""
    size = call.page_size(min(int(call.first("maxResults", str(default))), most))
    token = call.first("pageToken", "0")
    if not token.isdigit():
        raise invalid("Invalid Input: pageToken")
    start = int(token)
    body: dict[str, Any] = {"kind": kind, "etag": '"list"'}
    if shown := list(documents[start : start + size]):
        body[name] = shown
    if start + size < len(documents):
        body["nextPageToken"] = str(start + size)
    return answer(body)
