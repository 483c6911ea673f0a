"""Exceptions: list them, settle matches, and accept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.documents.runs.exceptions import exception_documents
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.reading.exception_lists import ExceptionFilter, ExceptionLists, ListScope
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER
from orchestrator.web.api.runs.command_responses import run_outcome as standing_of
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import (
    After,
    ExceptionId,
    Id,
    Limit,
    Reason,
    RunId,
    SystemName,
    Word,
)
from orchestrator.web.api.schema.run_answers import AccountInRun, PersonInRun, RunStanding, Vote
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["exceptions"], route_class=IdempotentRoute)


class ExceptionInList(ResponseModel):
    exception_id: str = Field(description="Within its run")
    run_id: str
    person: PersonInRun | None
    kind: str
    step: str | None
    step_id: str | None
    title: str | None = Field(None, description="The step's title")
    system: str | None
    owners: list[str] = Field(description="Roles that own it")
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    disposition: str | None
    closed_by: str | None
    code: str | None
    decision: Vote | None = Field(None, description="The vote that rejected the gate or excluded the step")
    candidates: list[AccountInRun] = Field(description="The possible accounts, of which a person selects")
    not_selected: list[str] = Field(
        default=[], description="The IDs of the candidates that were not selected, where a second person confirms that"
    )
    remedy: str = Field(description="How to resolve it")
    repairs: list[Repair] = Field(default=[], description="The commands that can resolve it, the usual one first")
    support: str | None = Field(description="The system's support contact in the packet")
    runbook: str | None


class ExceptionCounts(ResponseModel):
    """Under the filter, in any state."""

    open: int
    overdue: int = Field(description="Among the open ones")
    closed: int
    more: bool = Field(description="Whether there are more closed exceptions than were counted")


class Exceptions(ResponseModel):
    exceptions: list[ExceptionInList]
    after: str | None
    now: datetime
    counts: ExceptionCounts | None = None


class Acceptance(RequestModel):
    reason: Reason = Field(examples=["Reviewed with the line manager: the urgent start was justified."])


class DeciderNaming(RequestModel):
    decider: Id = Field(description="The account that decides", examples=["it"])
    reason: Reason = Field(examples=["Everyone with the gate's role reports to the leaver."])


class Settling(RequestModel):
    accounts: list[Id] = Field(
        max_length=100,
        description="The IDs of the accounts that belong to the person, as the exception lists them; empty if none",
    )
    reason: Reason | None = None


@router.get("/exceptions", summary="List exceptions", responses=problems())
async def exceptions(
    request: Request,
    caller: ApiCaller,
    standing: Annotated[
        ListScope, Query(description="Open exceptions are sorted by due date, closed ones newest first")
    ] = ("open"),
    owner: Annotated[Word, Query(description="Only those that this role owns")] = None,
    kind: Word = None,
    system: Word = None,
    run: Annotated[Word, Query(description="Only this run")] = None,
    counts: Annotated[bool, Query(description="Include the counts")] = False,
    after: After = None,
    limit: Limit = 50,
) -> Exceptions:
    web = state_of(request)
    lists = ExceptionLists(web.database, web.queries)
    run_id = await web.queries.find_run(caller.viewer, run) if run is not None else None
    wanted = ExceptionFilter(standing=standing, owner=owner, kind=kind, system=system, run_id=run_id)
    page = await lists.page(caller.viewer, wanted, after, limit)
    documents = await exception_documents(web.queries, caller.viewer, page.lines)
    counted = await lists.counts(caller.viewer, wanted) if counts else None
    return Exceptions(
        exceptions=[ExceptionInList.model_validate(document) for document in documents],
        after=page.after,
        now=page.now,
        counts=ExceptionCounts.model_validate(counted) if counted is not None else None,
    )


@router.post(
    "/runs/{run_id}/exceptions/{exception_id}/acceptance",
    summary="Accept an exception",
    responses={**problems_of_post(404), **LATER},
)
async def accept(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    exception_id: ExceptionId,
    asked: Acceptance,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """Closes it with a reason. Steps and tasks that are still open stay open."""
    services = state_of(request).services
    done = await commands.accept_exception(services, caller.actor, run_id, exception_id, asked.reason)
    return standing_of(done, response)


@router.post(
    "/runs/{run_id}/exceptions/{exception_id}/decider",
    summary="Name who decides",
    responses={**problems_of_post(404), **LATER},
)
async def name_decider(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    exception_id: ExceptionId,
    asked: DeciderNaming,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """For a gate or review that too few people can decide. It counts once two people have named the same account."""
    services = state_of(request).services
    done = await commands.name_decider(services, caller.actor, run_id, exception_id, asked.decider, asked.reason)
    return standing_of(done, response)


@router.post(
    "/runs/{run_id}/systems/{system}/accounts",
    summary="Confirm account matches",
    responses={**problems_of_post(404), **LATER},
)
async def settle(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    system: SystemName,
    asked: Settling,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    services = state_of(request).services
    done = await commands.settle_match(services, caller.actor, run_id, system, asked.accounts, asked.reason)
    return standing_of(done, response)
