"""Batches: many runs that are proposed, started, paused and cancelled as one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.documents.batches.rows import MAX_PLACE_CHARACTERS, BatchChecked, BatchRowAsked, BrokenRow
from orchestrator.documents.runs.questions import BatchAsked
from orchestrator.domain.batches.batch import BatchStatus, RowStatus
from orchestrator.domain.batches.batch_commands import MAX_ROWS
from orchestrator.web.access.batches import shown_batch, shown_batches
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.inquiries import InquiryWaiting, answered_or_waiting, result_at_location
from orchestrator.web.api.people import PersonReference, may_prepare
from orchestrator.web.api.runs.starts import Local, Zone
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import ID, MAX_ID_CHARACTERS, TEXT, Id, Reason
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/batches", tags=["runs"], route_class=IdempotentRoute)

BatchId = Annotated[str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]


class BatchRowWanted(RequestModel):
    place: str = Field(
        max_length=MAX_PLACE_CHARACTERS, pattern=TEXT, description="Where the row is in your list", examples=["line 12"]
    )
    person: PersonReference
    email: str = Field(
        "", max_length=320, pattern=TEXT, description="A mail address that HR must have for this person; empty: any"
    )
    cutoff: Local
    zone: Zone | None = Field(None, description="Default: the person's time zone in HR")


class BrokenRowGiven(RequestModel):
    place: str = Field(max_length=MAX_PLACE_CHARACTERS, pattern=TEXT)
    message: str = Field(max_length=2000, pattern=TEXT)


class BatchWanted(RequestModel):
    packet: Id = Field(examples=["standard-leaver"])
    rows: list[BatchRowWanted] = Field(max_length=MAX_ROWS)
    unreadable: list[BrokenRowGiven] = Field(
        [], max_length=MAX_ROWS, description="Rows that you could not read; they count as broken"
    )
    skip_broken: bool = Field(False, description="Record the batch without the rows that cannot start a run")
    check_only: bool = Field(False, description="Only check the rows: nothing is recorded")
    shadow: bool = Field(False, description="The rows start dry runs")


class BatchProposal(BatchChecked, ResponseModel):
    pass


class BatchStart(RequestModel):
    runs: int = Field(ge=1, description="The number of people of the batch, as a check")


class BatchCancellation(RequestModel):
    reason: Reason


class BatchChanged(ResponseModel):
    batch_id: str
    changed: bool = Field(description="False if this was so already")


class BatchWaitsFor(ResponseModel):
    what: Literal["start", "confirmation", "resume", "limit"] = Field(
        description="`limit`: a limit on starts is reached, and two people release it"
    )
    roles: list[str] = Field(description="The roles that can do it; empty: everyone who may start runs")


class BatchLine(ResponseModel):
    batch_id: str
    packet: str
    status: BatchStatus
    shadow: bool
    proposed_by: str
    proposed_at: datetime
    people: int
    broken: int = Field(description="Rows of the list that are not part of the batch")
    needs_confirmation: bool = Field(description="Whether the safety owner confirms the batch before it starts runs")
    started: int = Field(description="Runs started, and requests that were received")
    refused: int
    waiting: int = Field(description="People whose run is still to be started")
    rate_per_minute: float | None = Field(description="Over the last minute; null if no run was started in it")
    seconds_left: int | None = Field(description="Until all runs are started, at this rate")
    waits_for: BatchWaitsFor | None
    over_at: datetime | None = Field(description="When the batch ended or was cancelled")


class LateSystemShown(ResponseModel):
    system: str
    rate_per_second: float
    ends_at: datetime = Field(description="When access ends there for the last person, at the earliest")
    cutoff: datetime = Field(description="The last cutoff of the batch")
    people: int = Field(description="For how many people access ends later than the packet's target")


class BatchPreview(ResponseModel):
    systems: list[str] = Field(description="The systems that are searched for accounts")
    steps_each: int = Field(description="The most steps that one person can have")
    irreversible: list[str] = Field(description="Titles of steps that cannot be undone")
    approvals: list[str] = Field(description="Titles of the approvals that each run asks for")
    tasks: list[str]
    late: list[LateSystemShown] = Field(description="Systems whose rate keeps access open after the cutoff")


class BatchOpenItems(ResponseModel):
    kind: str
    roles: list[str]
    count: int


class BatchCan(ResponseModel):
    """What the caller can do now."""

    start: bool
    confirm: bool
    hold: bool
    resume: bool
    cancel: bool


class BatchRowShown(ResponseModel):
    row: int
    place: str
    person: str | None = Field(description="Null once the person is erased")
    cutoff: datetime
    zone: str
    status: RowStatus
    code: str | None = Field(description="Why no run was started")
    run_id: str | None = Field(description="Null if the caller cannot see the run")
    run_state: str | None
    done_at: datetime | None


class BatchShown(BatchLine):
    started_by: str | None
    started_at: datetime | None
    confirmed_by: str | None
    confirmed_at: datetime | None
    held_by: str | None = Field(description="Empty if Offboard paused the batch")
    held_code: str = Field(description="The refusal because of which Offboard paused the batch; empty otherwise")
    cancelled_by: str | None
    cancel_reason: str | None
    preview: BatchPreview = Field(description="What each run does, by today's packet")
    runs: dict[str, int] = Field(description="How many of the runs that the caller sees are in each state")
    open_items: list[BatchOpenItems] = Field(description="What waits for which roles in these runs")
    can: BatchCan
    rows: list[BatchRowShown]


class BatchesShown(ResponseModel):
    batches: list[BatchLine] = Field(description="The latest first, at most 50")


@router.get("", summary="List batches", responses=problems())
async def batches(request: Request, caller: ApiCaller) -> BatchesShown:
    """A batch does not exist for the people in it."""
    return BatchesShown.model_validate({"batches": await shown_batches(state_of(request), caller)})


@router.post(
    "",
    summary="Propose a batch",
    responses={
        **problems_of_post(429),
        202: {"model": InquiryWaiting} | result_at_location("No worker has responded yet; poll `Location`"),
    },
)
async def propose(
    request: Request, caller: ApiCaller, wanted: BatchWanted, response: Response, key: IdempotencyKey = None
) -> BatchProposal | InquiryWaiting:
    """Every row is checked as its start would be. If a row cannot start a run, it is named and nothing is recorded,
    unless `skip_broken` is set. A batch that is recorded starts no run before it is started."""
    web = state_of(request)
    await may_prepare(web, caller, wanted.packet)
    question = BatchAsked(
        packet=wanted.packet,
        rows=tuple(BatchRowAsked(**row.model_dump()) for row in wanted.rows),
        unreadable=tuple(BrokenRow(**row.model_dump()) for row in wanted.unreadable),
        skip_broken=wanted.skip_broken,
        check_only=wanted.check_only,
        shadow=wanted.shadow,
        up_to=caller.actor.up_to,
    )
    answer = await answered_or_waiting(web, caller, question, response)
    return BatchProposal.model_validate(answer.model_dump()) if isinstance(answer, BatchChecked) else answer


@router.get("/{batch_id}", summary="Get a batch", responses=problems(404))
async def batch(request: Request, caller: ApiCaller, batch_id: BatchId) -> BatchShown:
    """What it does, how far it is, what waits for whom, and each person with their run."""
    return BatchShown.model_validate(await shown_batch(state_of(request), caller, batch_id))


@router.post("/{batch_id}/start", summary="Start the runs of a batch", responses=problems_of_post(404))
async def start(
    request: Request, caller: ApiCaller, batch_id: BatchId, asked: BatchStart, key: IdempotencyKey = None
) -> BatchChanged:
    """If the batch needs the safety owner's confirmation, its runs start once it has that."""
    changed = await commands.start_batch(state_of(request).services, caller.actor, batch_id, asked.runs)
    return BatchChanged(batch_id=batch_id, changed=changed)


@router.post("/{batch_id}/confirmation", summary="Confirm a batch", responses=problems_of_post(404))
async def confirm(request: Request, caller: ApiCaller, batch_id: BatchId, key: IdempotencyKey = None) -> BatchChanged:
    """By a safety owner who is not the requester. The runs of the batch count toward no limit on starts."""
    changed = await commands.confirm_batch(state_of(request).services, caller.actor, batch_id)
    return BatchChanged(batch_id=batch_id, changed=changed)


@router.post("/{batch_id}/hold", summary="Pause a batch", responses=problems_of_post(404))
async def hold(request: Request, caller: ApiCaller, batch_id: BatchId, key: IdempotencyKey = None) -> BatchChanged:
    """No run is started after the response. Runs that were started continue."""
    changed = await commands.hold_batch(state_of(request).services, caller.actor, batch_id)
    return BatchChanged(batch_id=batch_id, changed=changed)


@router.post("/{batch_id}/resume", summary="Resume a batch", responses=problems_of_post(404))
async def resume(request: Request, caller: ApiCaller, batch_id: BatchId, key: IdempotencyKey = None) -> BatchChanged:
    changed = await commands.resume_batch(state_of(request).services, caller.actor, batch_id)
    return BatchChanged(batch_id=batch_id, changed=changed)


@router.post("/{batch_id}/cancellation", summary="Cancel a batch", responses=problems_of_post(404))
async def cancel(
    request: Request, caller: ApiCaller, batch_id: BatchId, asked: BatchCancellation, key: IdempotencyKey = None
) -> BatchChanged:
    """No further run is started. Runs that were started continue."""
    changed = await commands.cancel_batch(state_of(request).services, caller.actor, batch_id, asked.reason)
    return BatchChanged(batch_id=batch_id, changed=changed)
