"""Runs: read them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from orchestrator.documents.run import run_document
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.described import problems
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.parts import parts_of

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=IdempotentRoute)


@router.get("/runs", summary="List runs, the latest first", responses=problems(403))
async def runs(
    request: Request,
    caller: ApiCaller,
    state: Annotated[list[str], Query(description="Only runs in these states")] = [],  # noqa: B006
    after: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    found = await parts_of(request).queries.run_list(caller.viewer, state, after, limit)
    return {"runs": [asdict(line) for line in found.lines], "after": found.after, "now": found.now}


@router.get("/runs/{run_id}", summary="One run whole", responses=problems(403, 404))
async def one(request: Request, caller: ApiCaller, run_id: str, events: bool = False) -> dict[str, Any]:
    page = await parts_of(request).queries.run_page(caller.viewer, run_id)
    return run_document(page, with_events=events)
