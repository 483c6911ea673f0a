"""Exceptions: list them, show one, settle matches, and accept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.documents.runs.exception_card import exception_card_document
from orchestrator.documents.runs.exceptions import exception_documents
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.reading.exception_lists import ExceptionFilter, ExceptionLists, ListScope
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER
from orchestrator.web.api.runs.command_responses import run_outcome as standing_of
from orchestrator.web.api.schema.account_answers import AccountInRun
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.exception_answers import (
    ASSIGNED,
    BEHALF,
    REASON,
    SNOOZED,
    WAIVED,
    Comment,
    OfferedAction,
    SecondRequest,
    Waiver,
)
from orchestrator.web.api.schema.parameters import (
    After,
    ExceptionId,
    GivenInstant,
    Id,
    Limit,
    Reason,
    RunId,
    SystemName,
    Text,
    Word,
)
from orchestrator.web.api.schema.restore_answers import StillRemovedInRun
from orchestrator.web.api.schema.run_answers import ExceptionInRun, PersonInRun, RunStanding, Vote
from orchestrator.web.api.schema.support_answers import SupportDetails
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
    assigned_to: str | None = Field(None, description=ASSIGNED)
    snoozed_until: datetime | None = Field(None, description=SNOOZED)
    waived_until: datetime | None = Field(None, description=WAIVED)
    waiver: Waiver | None = None
    comments: list[Comment] = Field([], description="The oldest first")
    reason: str | None = Field(None, description=REASON)
    on_behalf_of: str | None = Field(None, description=BEHALF)
    support: str | None = Field(description="The team that supports the system")
    runbook: str | None
    support_details: SupportDetails | None = Field(None, description="Null without a system")


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


class StepBeforeApproval(ResponseModel):
    step_id: str
    step: str
    title: str
    system: str | None
    account: AccountInRun | None
    status: str
    at: datetime = Field(description="When its status changed last, or it began")


class WholeException(ExceptionInRun):
    """What a run says of it, what it is about, and what the caller can do."""

    run_id: str
    meaning: str = Field(description="What the kind of exception means, as a sentence")
    title: str | None = Field(description="The step's title")
    system_title: str | None
    gate: str | None = Field(description="The gate's name in the packet")
    gate_title: str | None
    account: AccountInRun | None = Field(description="The account that the step changes")
    support: str | None = Field(description="The team that supports the system")
    runbook: str | None
    support_details: SupportDetails | None = Field(None, description="Null without a system")
    second_request: SecondRequest | None = Field(description="The duplicate request that it is about")
    ran_before_approval: list[StepBeforeApproval] = Field(
        description="Of the review of an urgent start, the steps that began without an approval"
    )
    still_removed: list[StillRemovedInRun] = Field(
        description="Of an exception of a cancelled restore, what it has not restored on the system"
    )
    can_resolve: list[str] = Field(description="The accounts that can act on it now; empty if it is closed")
    if_not_resolved: str | None = Field(description="What happens if it is not resolved; null if it is closed")
    actions: list[OfferedAction] = Field(description="Empty if it is closed; the usual one first")


class Acceptance(RequestModel):
    reason: Reason = Field(examples=["Reviewed with the line manager: the urgent start was justified."])


class WaiverRequest(RequestModel):
    until: GivenInstant = Field(description="The exception is open again from then on; at most 90 days ahead")
    reason: Reason = Field(examples=["The vendor restores the account on Monday."])
    compensating_control: Text | None = Field(
        None, description="What protects the company until then", examples=["Its network access is blocked."]
    )


class AssignmentRequest(RequestModel):
    account: Id | None = Field(description="A person with one of its roles; null gives it back to its roles")
    reason: Reason | None = None


class Snooze(RequestModel):
    until: GivenInstant | None = Field(description="At most 90 days ahead; null shows it again")
    reason: Reason | None = Field(None, description="Required if it is due before that time")


class CommentRequest(RequestModel):
    text: Reason = Field(description="Encrypted; visible to those who see the run and read the exception's system")


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
    assigned_to: Annotated[Word, Query(description="Only those that this account is assigned to")] = None,
    run: Annotated[Word, Query(description="Only this run")] = None,
    counts: Annotated[bool, Query(description="Include the counts")] = False,
    after: After = None,
    limit: Limit = 50,
) -> Exceptions:
    web = state_of(request)
    lists = ExceptionLists(web.database, web.queries)
    run_id = await web.queries.find_run(caller.viewer, run) if run is not None else None
    wanted = ExceptionFilter(
        standing=standing, owner=owner, kind=kind, system=system, assigned_to=assigned_to, run_id=run_id
    )
    page = await lists.page(caller.viewer, wanted, after, limit)
    documents = await exception_documents(web.queries, caller.viewer, page.lines)
    counted = await lists.counts(caller.viewer, wanted) if counts else None
    return Exceptions(
        exceptions=[ExceptionInList.model_validate(document) for document in documents],
        after=page.after,
        now=page.now,
        counts=ExceptionCounts.model_validate(counted) if counted is not None else None,
    )


@router.get("/runs/{run_id}/exceptions/{exception_id}", summary="Get an exception", responses=problems(404))
async def one(request: Request, caller: ApiCaller, run_id: RunId, exception_id: ExceptionId) -> WholeException:
    """With each action that can resolve it, and whether the caller can do it now."""
    queries = state_of(request).queries
    found = await queries.find_run(caller.viewer, run_id)
    snapshot = (await queries.snapshots(caller.viewer, [found]))[found]
    return WholeException.model_validate(exception_card_document(snapshot, caller.actor, exception_id))


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
    "/runs/{run_id}/exceptions/{exception_id}/waiver",
    summary="Waive an exception until a date",
    responses={**problems_of_post(404), **LATER},
)
async def waive(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    exception_id: ExceptionId,
    asked: WaiverRequest,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """The exception keeps the run open, and is due again from that date. Where access can stay open until then, HR
    waives it."""
    services, control = state_of(request).services, asked.compensating_control
    done = await commands.waive_exception(
        services, caller.actor, run_id, exception_id, asked.until, asked.reason, control
    )
    return standing_of(done, response)


@router.post(
    "/runs/{run_id}/exceptions/{exception_id}/assignment",
    summary="Assign an exception",
    responses={**problems_of_post(404), **LATER},
)
async def assign(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    exception_id: ExceptionId,
    asked: AssignmentRequest,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """The other people with its roles can still resolve it."""
    services, to = state_of(request).services, asked.account or ""
    done = await commands.assign_exception(services, caller.actor, run_id, exception_id, to, asked.reason)
    return standing_of(done, response)


@router.post(
    "/runs/{run_id}/exceptions/{exception_id}/snooze",
    summary="Snooze an exception",
    responses={**problems_of_post(404), **LATER},
)
async def snooze(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    exception_id: ExceptionId,
    asked: Snooze,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """Hides it from inboxes until that time. Its due date stays."""
    services = state_of(request).services
    done = await commands.snooze_exception(services, caller.actor, run_id, exception_id, asked.until, asked.reason)
    return standing_of(done, response)


@router.post(
    "/runs/{run_id}/exceptions/{exception_id}/comments",
    summary="Comment on an exception",
    responses={**problems_of_post(404), **LATER},
)
async def comment(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    exception_id: ExceptionId,
    asked: CommentRequest,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    services = state_of(request).services
    done = await commands.comment_on_exception(services, caller.actor, run_id, exception_id, asked.text)
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
