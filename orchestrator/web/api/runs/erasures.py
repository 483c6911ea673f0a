"""The erasure of the person whom a run is about, with its preview."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from orchestrator import commands
from orchestrator.deciding.erasures import person_of
from orchestrator.documents.runs.previews.erasure import erasure_document
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import Reason, RunId
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}/erasure", tags=["runs"], route_class=IdempotentRoute)


class ErasureObstacle(ResponseModel):
    kind: Literal["open_run", "legal_hold", "held_start", "account_in_use", "in_use"] = Field(
        description="`held_start`: a start for the person is held; `account_in_use`: the person uses Offboard and has "
        "not left; `in_use`: about something that you can't see"
    )
    run_id: str | None


class ErasurePreviewed(ResponseModel):
    run_id: str
    person: str | None = Field(description="Null once the person is erased")
    runs: list[str] = Field(description="The runs of the person that you can see")
    erased_at: datetime | None
    erased_by: str | None = Field(description="The account that confirmed it")
    requested_by: str | None = Field(description="The account whose request waits for a second person")
    requested_at: datetime | None
    requested_until: datetime | None = Field(description="When the request lapses")
    reason: str | None
    roles: list[str] = Field(description="The roles that can request and confirm it")
    obstacles: list[ErasureObstacle] = Field(description="Why the person can't be erased now")
    erases: list[str] = Field(description="What is erased, in words")
    keeps: list[str] = Field(description="What is kept, in words")
    can_erase: bool = Field(description="Whether the caller can request or confirm it now")


class ErasureAsked(RequestModel):
    reason: Reason | None = Field(None, description="Required for the request; encrypted with the caller's key")


class ErasureAnswered(ResponseModel):
    run_id: str
    erased: bool = Field(description="False while a second person has to confirm it")
    changed: bool = Field(description="False if the person was erased already")


@router.get("", summary="Preview the erasure of a person", responses=problems(404))
async def preview(request: Request, caller: ApiCaller, run_id: RunId) -> ErasurePreviewed:
    """Nothing is changed."""
    web = state_of(request)
    found = (await web.queries.run_page(caller.viewer, run_id)).snapshot.state.run_id
    about = await person_of(web.services.runs, found)
    return ErasurePreviewed.model_validate(erasure_document(about, caller.actor))


@router.post("", summary="Erase a person", responses=problems_of_post(404))
async def erase(
    request: Request, caller: ApiCaller, run_id: RunId, asked: ErasureAsked, key: IdempotencyKey = None
) -> ErasureAnswered:
    """The first call requests it, with a reason. A second person confirms it within 7 days; then the person's key is
    destroyed, which can't be undone. It is refused while the person has an open run, a legal hold or a held start."""
    done = await commands.erase_person(state_of(request).services, caller.actor, run_id, asked.reason)
    return ErasureAnswered(run_id=done.run_id, erased=done.erased, changed=done.changed)
