"""The ledger: its size, its verification, and the history of events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.documents.runs.questions import VerifyLedger
from orchestrator.domain.errors import Invalid
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.proofs.verifications import last_verification
from orchestrator.reading.history import History, HistoryEntry, HistoryFilter
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.read_permissions import require_reading
from orchestrator.web.api.admin.verification import Verification, verified
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.inquiries import InquiryWaiting, result_at_location, waiting
from orchestrator.web.api.runs.runs import person
from orchestrator.web.api.schema.description import ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import After, FromParameter, UntilParameter, Word
from orchestrator.web.api.schema.run_answers import PersonInRun
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"], route_class=IdempotentRoute)


class LedgerStanding(ResponseModel):
    """The number of events does not include those of runs that are hidden from the caller."""

    now: datetime = Field(description="The ledger's clock, which all of Offboard uses")
    events: int | None = Field(
        description="How many events the caller may see; null for callers who may not read the runs of every packet"
    )
    last_verification: Verification | None = Field(description="Null before the first verification")


class EventInHistory(ResponseModel):
    at: datetime
    type: str
    by: list[str] = Field(description="The actors' accounts; empty if Offboard did it automatically")
    run_id: str | None
    person: PersonInRun | None
    packet: str | None
    system: str | None
    step: str | None
    item: str | None = Field(description="The ID of a gate, task or exception")
    version: int = Field(description="Its position in its stream")
    hash: str = Field(description="The event's leaf hash, hex")
    position: int | None = Field(description="Always null: gaps between positions would reveal hidden runs")
    title: str | None = Field(None, description="The title of the step or of the gate")
    outcome: str | None = Field(
        None,
        description="A verdict, the code with which it was refused, a gate's outcome, how a task ended, or how an "
        "exception was closed",
    )
    caused_by: list[str] = Field([], description="The accounts on whose permission a step ran; also in `by`")
    reason: str | None = Field(None, description="Why roles, a token, sessions or a webhook were revoked, if given")


class HistoryPage(ResponseModel):
    events: list[EventInHistory] = Field(description="Newest first")
    after: str | None = Field(description="The value of `after` for the next page, which is older; null on the last")
    looked_back_to: datetime | None = Field(
        description="The search covers everything after this time; a page can have fewer entries than `limit`"
    )


@router.get("", summary="Size and last verification", responses=problems(403))
async def ledger(request: Request, caller: ApiCaller) -> LedgerStanding:
    web = state_of(request)
    found = History(web.database, web.services.keyring, EventCodec(RUN_EVENT_TYPES), web.queries)
    kept = await last_verification(web.database)
    return LedgerStanding(
        now=await web.queries.now(),
        events=await found.size(caller.viewer),
        last_verification=verified(kept) if kept is not None else None,
    )


@router.get("/history", summary="List events", responses=problems())
async def history(
    request: Request,
    caller: ApiCaller,
    run: Annotated[Word, Query(description="Only this run")] = None,
    system: Annotated[Word, Query(description="Only this system")] = None,
    actor: Annotated[Word, Query(description="Only events by or about this account")] = None,
    since: FromParameter = None,
    until: UntilParameter = None,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> HistoryPage:
    web = state_of(request)
    found = History(web.database, web.services.keyring, EventCodec(RUN_EVENT_TYPES), web.queries)
    wanted = HistoryFilter(run_id=run, system=system, actor=actor, since=since, until=until)
    page = await found.page(caller.viewer, wanted, after, limit)
    return HistoryPage(
        events=[_event(one) for one in page.happened], after=page.after, looked_back_to=page.looked_back_to
    )


@router.post(
    "/verifications",
    summary="Verify the ledger",
    status_code=202,
    responses={
        **problems_of_post(429),
        202: result_at_location("A worker is verifying every row; the result will be at `Location`"),
    },
)
async def verify(request: Request, caller: ApiCaller, response: Response, key: IdempotencyKey = None) -> InquiryWaiting:
    """A verification that is in progress is the response for every caller."""
    web = state_of(request)
    await require_reading(web, caller)
    inquiry_id = await web.inquiries.put(caller.actor.actor_id, VerifyLedger())
    return waiting(response, inquiry_id)


@router.get("/verifications/last", summary="Get the last verification", responses=problems(404))
async def last(request: Request, caller: ApiCaller) -> Verification:
    web = state_of(request)
    kept = await last_verification(web.database)
    if kept is None:
        raise Invalid("unknown_verification", "The ledger has not been verified yet.")
    return verified(kept)


def _event(one: HistoryEntry) -> EventInHistory:
    shown = person(one.person) if one.person is not None else None
    return EventInHistory(
        at=one.at,
        type=one.type,
        by=list(one.by),
        run_id=one.run_id,
        person=shown,
        packet=one.packet,
        system=one.system,
        step=one.step,
        item=one.item,
        version=one.version,
        hash=one.hash,
        position=None,
        title=one.title,
        outcome=one.outcome,
        caused_by=list(one.caused_by),
        reason=one.reason,
    )
