"""Outcomes of runs: for how long access stayed open, exceptions, and how much manual work was saved."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import Field

from orchestrator.documents.outcomes import outcomes_document
from orchestrator.reading.outcomes import OutcomeQueries, Span
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import readable
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import FromParameter, UntilParameter, Word
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["outcomes"], route_class=IdempotentRoute)


class Taken(ResponseModel):
    run_id: str
    cutoff: datetime
    seconds: int = Field(description="From the cutoff until access was removed and the last token had expired")


class CutoffToVerified(ResponseModel):
    runs: int = Field(description="Runs whose access is removed")
    within: int = Field(description="Those of them within their packet's target")
    open: int = Field(description="Runs past their cutoff whose access is not yet removed")
    never: int = Field(description="Runs that finished without proof that all access was removed")
    not_known: int = Field(
        0, description="Runs whose access is removed, but it is not known for how long tokens are accepted on a system"
    )
    median: int | None = Field(description="Seconds")
    p95: int | None = Field(description="Seconds")
    worst: int | None = Field(description="Seconds")
    each: list[Taken] = Field(description="Latest cutoff first")
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
    systems: list[str] = Field(
        description="Systems with remaining access, and tasks that remove access, by name; empty if not known yet or "
        "if only tokens remain"
    )
    tokens_until: datetime | None = Field(
        None, description="All steps are completed; tokens that were issued before are accepted until then"
    )


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
    """Only the runs that the caller can see."""

    packet: str | None
    since: datetime | None
    until: datetime | None
    now: datetime
    access_gone_within: dict[str, int] = Field(description="The current target of each packet, in seconds")
    cutoff_to_verified: CutoffToVerified
    exceptions: list[Cause]
    open_exposure: OpenExposure = Field(description="Current runs, independent of the period")
    minutes_saved: MinutesSaved = Field(description="Manual work, by the packets' figures")


@router.get("/outcomes", summary="Get outcomes", responses=problems())
async def outcomes(
    request: Request,
    caller: ApiCaller,
    packet: Word = None,
    since: FromParameter = None,
    until: UntilParameter = None,
) -> Outcomes:
    """Of runs whose cutoff is in the period."""
    web = state_of(request)
    if packet is not None:
        await readable(web, caller, packet)
    asked = OutcomeQueries(web.database, web.queries, web.services.runs)
    found = await asked.outcomes(caller.viewer, Span(since, until, packet))
    return Outcomes.model_validate(outcomes_document(found))
