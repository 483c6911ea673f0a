"""Requests to a worker that the requester looks up later. A verification is for all who may read runs."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from orchestrator.documents.account_owners import AccountOwners
from orchestrator.documents.batches.rows import BatchChecked
from orchestrator.documents.runs.previews.preview import Preview
from orchestrator.documents.runs.questions import A, Asked, LedgerVerified
from orchestrator.documents.system_test import SystemTested
from orchestrator.web.access.caller import ApiCaller, Caller
from orchestrator.web.access.read_permissions import reads_runs
from orchestrator.web.api.admin.verification import Verification, verified
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import Id
from orchestrator.web.inquiries import HR_TIMEOUT_SECONDS, InquiryFailed, NotAnswered, unknown_inquiry
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=IdempotentRoute)


class InquiryWaiting(ResponseModel):
    """No worker has responded yet; poll `address`, which expires after 15 minutes."""

    inquiry_id: str
    state: Literal["waiting"] = "waiting"
    address: str


class Inquiry(ResponseModel):
    """`preview`, `verification`, `system_test`, `accounts` or `batch` is set once a worker has responded."""

    inquiry_id: str
    state: Literal["waiting", "answered"]
    preview: Preview | None = None
    verification: Verification | None = Field(None, description="The result of a verification of the ledger")
    system_test: SystemTested | None = Field(None, description="The result of a test of a system")
    accounts: AccountOwners | None = Field(None, description="A system's accounts without an owner")
    batch: BatchChecked | None = Field(None, description="The result of the check of a list")


@router.get("/inquiries/{inquiry_id}", summary="Get the result of a worker", responses=problems(403, 404, 409))
async def inquiry(request: Request, caller: ApiCaller, inquiry_id: Id) -> Inquiry:
    """Results are kept for 15 minutes. If the worker refused the request, this responds with the same problem."""
    web = state_of(request)
    answer = await web.inquiries.result(inquiry_id, caller.actor.actor_id)
    if isinstance(answer, LedgerVerified | None) and not await reads_runs(web, caller):
        raise unknown_inquiry()  # it may be a verification, which is for callers who may read runs
    match answer:
        case None:
            return Inquiry(inquiry_id=inquiry_id, state="waiting")
        case Preview():
            return Inquiry(inquiry_id=inquiry_id, state="answered", preview=answer)
        case SystemTested():
            return Inquiry(inquiry_id=inquiry_id, state="answered", system_test=answer)
        case AccountOwners():
            return Inquiry(inquiry_id=inquiry_id, state="answered", accounts=answer)
        case BatchChecked():
            return Inquiry(inquiry_id=inquiry_id, state="answered", batch=answer)
        case LedgerVerified():
            return Inquiry(inquiry_id=inquiry_id, state="answered", verification=verified(answer))
    raise unknown_inquiry()


async def answered_or_waiting(
    web: WebState, caller: Caller, question: Asked[A], response: Response
) -> A | InquiryWaiting:
    """The worker's answer, or `waiting` where none came in time. Raises the worker's `Refusal`, and `InquiryFailed`."""
    try:
        return await web.inquiries.ask(caller.actor.actor_id, question, within=HR_TIMEOUT_SECONDS)
    except InquiryFailed:
        raise
    except NotAnswered as late:
        return waiting(response, late.inquiry_id)


def waiting(response: Response, inquiry_id: str) -> InquiryWaiting:
    """The response with 202 to a request that a worker has not answered yet."""
    address = f"/api/v1/inquiries/{inquiry_id}"
    response.status_code = 202
    response.headers["location"] = address
    return InquiryWaiting(inquiry_id=inquiry_id, address=address)


def result_at_location(description: str) -> dict[str, Any]:
    """The 202 of an operation that responds with `waiting`, for the OpenAPI document."""
    schema = {"description": "The address of the result", "schema": {"type": "string"}}
    return {"description": description, "headers": {"Location": schema}}
