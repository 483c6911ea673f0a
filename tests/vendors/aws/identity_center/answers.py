"""AWS's error answers in JSON (docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference), and pages."""

from __future__ import annotations

import base64
from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer


def failed(code: str, message: str, status: int = 400, **more: str) -> Response:
    return answer({"__type": code, "Message": message, **more}, status)


def refused(code: str, message: str, **more: str) -> VendorRefusal:
    return VendorRefusal(failed(code, message, **more))


def not_there(kind: str) -> VendorRefusal:
    """Of the Identity Store, which says what is missing."""
    return refused("ResourceNotFoundException", f"{kind} not found.", ResourceType=kind)


def in_page(call: Call, name: str, items: list[Any]) -> Response:
    """A page of a list; the token is opaque."""
    token = call.body.get("NextToken")
    start = int(base64.b64decode(token)) if token else 0
    end = start + call.page_size(call.body.get("MaxResults", 100))
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return answer({name: items[start:end], **more})
