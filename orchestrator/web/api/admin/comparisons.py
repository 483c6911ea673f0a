"""Comparisons of the ledger with Temporal, the read tables and systems, and what they found."""

from __future__ import annotations

from fastapi import APIRouter, Request

from orchestrator.documents.findings import ComparisonMade, ComparisonStanding, comparison_standing
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.read_permissions import require_reading
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import Id
from orchestrator.web.comparisons import compare
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"], route_class=IdempotentRoute)


class ComparisonAsked(RequestModel):
    run: Id | None = None


@router.get("/findings", summary="List findings of comparisons", responses=problems(403))
async def findings(request: Request, caller: ApiCaller) -> ComparisonStanding:
    web = state_of(request)
    await require_reading(web, caller)
    return await comparison_standing(web.database, web.queries, caller.viewer)


@router.post("/comparisons", summary="Compare the ledger now", responses=problems_of_post(429))
async def compare_now(
    request: Request, caller: ApiCaller, asked: ComparisonAsked, key: IdempotencyKey = None
) -> ComparisonMade:
    """With Temporal, the read tables and systems; `run` limits it to one run. Nothing is repaired. Removals of access
    that are read back for it appear in their runs."""
    web = state_of(request)
    compared = await compare(web, caller, asked.run)
    standing = await comparison_standing(web.database, web.queries, caller.viewer)
    return ComparisonMade(compared_at=standing.compared_at, findings=standing.findings, compared=compared)
