"""Search of runs and their open exceptions. The text is in the body: addresses end up in logs and histories."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from orchestrator.domain.run.search_terms import MAX_SEARCH_CHARACTERS, FoundBy
from orchestrator.reading.search import FoundRun
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.runs import in_list
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT
from orchestrator.web.api.schema.run_answers import RunInList
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=IdempotentRoute)


class SearchRequest(RequestModel):
    text: Annotated[str, StringConstraints(max_length=MAX_SEARCH_CHARACTERS, pattern=TEXT)] = Field(
        description="A name, an employee number, an account's name, a mail address, or the start of a run's ID; at "
        "least two characters. Each word must match the beginning of a word",
        examples=["umbel"],
    )


class ExceptionFound(ResponseModel):
    exception_id: str = Field(description="Within its run")
    kind: str
    step: str | None
    title: str | None = Field(None, description="The step's title")
    system: str | None
    owners: list[str] = Field(description="Roles that own it")
    opened_at: datetime
    due_at: datetime | None
    code: str | None


class RunFound(ResponseModel):
    run: RunInList
    found_by: FoundBy
    system: str | None = Field(description="The system of the account; null for a mail address from HR")
    account: str | None = Field(description="The account's name or the mail address that matched")
    exceptions: list[ExceptionFound] = Field(description="Open exceptions of the run")


class SearchResponse(ResponseModel):
    runs: list[RunFound] = Field(description="Open runs first, then the latest; at most 25")
    more: bool = Field(description="Whether further runs may match; refine the search")
    complete: bool = Field(description="False while older runs are still being indexed; search again in a moment")


@router.post("/search", summary="Search runs and exceptions", responses=problems_of_post(429))
async def search(
    request: Request, caller: ApiCaller, asked: SearchRequest, key: IdempotencyKey = None
) -> SearchResponse:
    """Finds the runs that the caller can see. For the events of a run, use `GET /ledger/history` with its ID."""
    web = state_of(request)
    found = await web.searches.find(web.queries, caller.viewer, asked.text)
    return SearchResponse(runs=[_found(one) for one in found.runs], more=found.more, complete=found.complete)


def _found(one: FoundRun) -> RunFound:
    return RunFound(
        run=in_list(one.run),
        found_by=one.match.by,
        system=one.match.system,
        account=one.match.label,
        exceptions=[
            ExceptionFound(
                exception_id=line.id,
                kind=line.kind,
                step=line.step,
                title=line.title,
                system=line.system,
                owners=list(line.owners),
                opened_at=line.opened_at,
                due_at=line.due_at,
                code=line.code or None,
            )
            for line in one.exceptions
        ],
    )
