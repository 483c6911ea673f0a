"""What a new installation still needs before its first run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request

from orchestrator.documents.checklist import Checklist, StepName, checklist
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import problems
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["systems"], route_class=IdempotentRoute)

TESTS: Final[Mapping[StepName, str]] = {
    "sign_in": "GET /api/v1/me",
    "hr": "POST /api/v1/systems/{system}/test",
    "system": "POST /api/v1/systems/{system}/test",
    "packet": "GET /api/v1/packets/{packet}",
}


@router.get("/checklist", summary="Get the checklist of a new installation", responses=problems(403))
async def get_checklist(request: Request, caller: ApiCaller) -> Checklist:
    """Sign-in, HR, a first system, mail and a packet. A step is done because of a recorded fact."""
    web = state_of(request)
    return await checklist(web.database, web.queries, caller.viewer, TESTS)
