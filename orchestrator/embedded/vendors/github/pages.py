"""Lists in pages, named by a `Link` header: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer

DEFAULT_IN_A_PAGE = 30
LARGEST_PAGE = 100


def page(
    url: str, call: Call, documents: Sequence[Any], wrapped_as: str = "", count_as: str = "total_count"
) -> Response:
    """A larger `per_page` counts as the largest. `wrapped_as` names the field of a document around the
    list, and `count_as` the one that counts all."""
    size = call.page_size(min(int(call.first("per_page", str(DEFAULT_IN_A_PAGE))), LARGEST_PAGE))
    number = int(call.first("page", "1"))
    last = max(1, -(-len(documents) // size))
    shown = list(documents[(number - 1) * size : number * size])
    links = []
    for name, target in (("prev", number - 1), ("next", number + 1), ("last", last), ("first", 1)):
        if 1 <= target <= last and (name not in ("last", "first") or target != number):
            query = urlencode({**call.query, "page": [str(target)]}, doseq=True)
            links.append(f'<{url}{call.path}?{query}>; rel="{name}"')
    body = {count_as: len(documents), wrapped_as: shown} if wrapped_as else shown
    return answer(body, headers={"link": ", ".join(links)} if links else None)
