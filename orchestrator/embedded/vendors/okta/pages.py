"""Lists in pages: the next page is named by a `Link` header, https://developer.okta.com/docs/api/#pagination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from orchestrator.embedded.vendors.okta.errors import invalid
from orchestrator.embedded.vendors.simulator import Call, answer


def page(url: str, call: Call, documents: Sequence[dict[str, Any]], default: int, most: int = 0) -> Response:
    """The part of the list that the request asks for. `after` is the id of the last document of the page before; a
    document that is gone by then leaves the place where it would be."""
    limit = int(call.first("limit", str(default)))
    if limit < 1 or (most and limit > most):
        raise invalid("limit", f"limit: The value must be between 1 and {most}.")
    size = call.page_size(limit)
    after = call.first("after")
    start = 0
    if after:
        places = [place for place, one in enumerate(documents) if one["id"] == after]
        start = places[0] + 1 if places else len(documents)
    shown = list(documents[start : start + size])
    links = [f'<{url}{call.path}?{urlencode(call.query, doseq=True)}>; rel="self"']
    if start + size < len(documents):
        query = {**call.query, "after": [shown[-1]["id"]], "limit": [str(limit)]}
        links.append(f'<{url}{call.path}?{urlencode(query, doseq=True)}>; rel="next"')
    response = answer(shown)
    for link in links:
        response.headers.append("link", link)
    return response
