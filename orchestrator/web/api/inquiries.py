"""What was asked of a worker and is looked up later: by whoever asked, and nobody else."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from orchestrator.documents.preview import Preview
from orchestrator.documents.questions import LedgerVerified
from orchestrator.domain.errors import Invalid
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.admin.verification import Verification, verified
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import Id
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=IdempotentRoute)


class Inquiry(ResponseModel):
    """`preview` or `verification` is there once a worker has answered, whichever was asked for."""

    inquiry_id: str
    state: Literal["waiting", "answered"]
    preview: Preview | None = None
    verification: Verification | None = Field(None, description="What a verification of the ledger found")


@router.get("/inquiries/{inquiry_id}", summary="What a worker answered", responses=problems(403, 404, 409))
async def inquiry(request: Request, caller: ApiCaller, inquiry_id: Id) -> Inquiry:
    """Answers are kept for a quarter of an hour. Where the worker refused, so does this, in the same words."""
    web = state_of(request)
    answer = await web.inquiries.result(inquiry_id, caller.actor.actor_id)
    match answer:
        case None:
            return Inquiry(inquiry_id=inquiry_id, state="waiting")
        case Preview():
            return Inquiry(inquiry_id=inquiry_id, state="answered", preview=answer)
        case LedgerVerified():
            shown = verified(answer, whole=await web.queries.sees_everything(caller.viewer))
            return Inquiry(inquiry_id=inquiry_id, state="answered", verification=shown)
    raise Invalid("unknown_inquiry", "This request was not found, or it has expired.")


def inquiry_address(inquiry_id: str) -> str:
    return f"/api/v1/inquiries/{inquiry_id}"
