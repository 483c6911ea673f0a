"""What came of runs: how long access stayed open, what went wrong, and how much manual work was saved."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from orchestrator.documents.outcomes import outcomes_document
from orchestrator.reading.outcomes import OutcomeQueries, Span
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import readable
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import ID, MAX_ID_CHARACTERS, From, To
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["outcomes"], route_class=IdempotentRoute)


class Taken(ResponseModel):
    run_id: str
    cutoff: datetime
    seconds: int = Field(description="From the cutoff until its access was gone")


class CutoffToVerified(ResponseModel):
    runs: int = Field(description="Runs whose access is gone")
    within: int = Field(description="Those of them that met their packet's promise")
    open: int = Field(description="Runs past their cutoff whose access is not gone yet")
    never: int = Field(description="Runs that ended with access that was left, or is not known to be gone")
    median: int | None = Field(description="Seconds")
    p95: int | None = Field(description="Seconds")
    worst: int | None = Field(description="Seconds")
    each: list[Taken] = Field(description="The latest cutoffs first")
    each_is_all: bool


class Cause(ResponseModel):
    kind: str
    open: int
    closed: int


class Exposed(ResponseModel):
    run_id: str
    name: str | None
    packet: str
    state: str
    since: datetime
    seconds: int
    systems: list[str] = Field(description="Where access is left; empty where it is not known yet")


class OpenExposure(ResponseModel):
    runs: int
    longest: list[Exposed]


class Month(ResponseModel):
    month: str = Field(examples=["2026-11"])
    minutes: int
    runs: int


class MinutesSaved(ResponseModel):
    total: int
    by_month: list[Month]


class Outcomes(ResponseModel):
    """Of the runs that whoever asks sees, and no others."""

    packet: str | None
    since: datetime | None
    until: datetime | None
    now: datetime
    access_gone_within: dict[str, int] = Field(description="What each packet promises itself today, in seconds")
    cutoff_to_verified: CutoffToVerified
    exceptions: list[Cause]
    open_exposure: OpenExposure = Field(description="Of now, whatever the span")
    minutes_saved: MinutesSaved = Field(description="Manual work, by the packets' own figures")


@router.get("/outcomes", summary="What came of runs", responses=problems())
async def outcomes(
    request: Request,
    caller: ApiCaller,
    packet: Annotated[str | None, Query(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)] = None,
    since: From = None,
    until: To = None,
) -> Outcomes:
    """Of runs whose cutoff lies in the span."""
    web = state_of(request)
    if packet is not None:
        await readable(web, caller, packet)
    asked = OutcomeQueries(web.database, web.queries, web.services.runs)
    found = await asked.outcomes(caller.viewer, Span(since, until, packet))
    return Outcomes.model_validate(outcomes_document(found))
