"""What the company's own HTTP systems have in common on the wire: errors, bodies and pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MAX_PAGE_SIZE = 200


def refuse(status: int, code: str, message: str) -> NoReturn:
    """End the request with {"error": {"code", "message"}}."""
    raise HTTPException(status, {"code": code, "message": message})  # type: ignore[arg-type]  # answered by _error below


async def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail: Any = error.detail
    content = detail if isinstance(detail, dict) else {"code": f"http_{error.status_code}", "message": str(detail)}
    return JSONResponse({"error": content}, status_code=error.status_code)


HTTP_ERRORS = {HTTPException: _error}


async def json_body(request: Request) -> dict[str, Any]:
    """The body as an object; an empty body is an empty object."""
    raw = await request.body()
    try:
        document = json.loads(raw) if raw else {}
    except ValueError:
        document = None
    if not isinstance(document, dict):
        refuse(400, "bad_body", "a JSON object is needed")
    return document


def page_of(name: str, found: Sequence[Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """{name: [...], "next": cursor or null}, by `limit` (at most 200) and `cursor` (an offset that we handed out)."""
    try:
        limit = min(max(int(wanted.get("limit", MAX_PAGE_SIZE)), 1), MAX_PAGE_SIZE)
        start = int(wanted.get("cursor", 0))
    except ValueError:
        refuse(400, "bad_page", "limit and cursor are numbers that this system handed out")
    end = start + limit
    return {name: list(found[start:end]), "next": str(end) if end < len(found) else None}
