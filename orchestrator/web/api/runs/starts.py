"""Starting a run, and looking first what it would do. Both are a worker's: no system's
credential is here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, Field, StringConstraints

from orchestrator.documents.preview import Preview
from orchestrator.documents.shown_matches import Answered
from orchestrator.web import starts
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.inquiries import inquiry_address
from orchestrator.web.api.people import WITHIN, Wanted, may_prepare
from orchestrator.web.api.runs.command_responses import start_outcome
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, Id, Reason
from orchestrator.web.api.schema.run_answers import Receipt, RunStanding
from orchestrator.web.inquiries import InquiryFailed, NotAnswered, PreviewAsked, StartAsked
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=IdempotentRoute)

Local = Annotated[
    str,
    StringConstraints(max_length=100, pattern=TEXT),
    Field(
        description="When access ends: a local time as ISO 8601 without zone, or with the offset of its zone",
        examples=["2026-11-30T17:00"],
    ),
]
Zone = Annotated[
    str,
    StringConstraints(max_length=100, pattern=TEXT),
    Field(description="The IANA time zone in which it is said", examples=["Europe/Berlin"]),
]


class WantedEmbargo(RequestModel):
    """Until then the run exists for whoever asks for it and those named only."""

    until: AwareDatetime
    named: list[Id] = Field([], max_length=100, description="Accounts, by their ids; whoever asks is always one")


class AnswerGiven(RequestModel):
    """Whose account it is, as a preview asked. It counts where the run's own search finds the same candidates; else the
    question is asked as ever."""

    question: str = Field(
        min_length=1, max_length=200_000, pattern=TEXT, description="The question's `handle`, as the preview gave it"
    )
    accounts: list[Id] = Field(
        max_length=100, description="Those of the question's candidates that are theirs; none is an answer too"
    )
    reason: Reason | None = Field(None, description="How you know. Kept encrypted, for those who see the run")


class RunAsked(RequestModel):
    person: Wanted
    packet: Id = Field(examples=["standard-leaver"])
    cutoff: Local | None = Field(None, description="Left out with `urgent`: then access ends now")
    zone: Zone | None = Field(None, description="By default the person's own, as HR knows it")
    urgent: bool = Field(
        False, description="Begin at once with what cuts access and can be taken back. Takes a sign-in of minutes ago."
    )
    embargo: WantedEmbargo | None = None
    reason: Reason | None = Field(None, description="Kept encrypted, for those who see the run")
    answers: list[AnswerGiven] = Field(
        [], max_length=100,
        description="Answers to what a preview of the last quarter of an hour asked. For whoever may settle it in the "
        "run; where one is refused, nothing is started",
    )  # fmt: skip


class PreviewWanted(RequestModel):
    person: Wanted
    packet: Id = Field(examples=["standard-leaver"])
    cutoff: Local | None = Field(None, description="Left out with `urgent`: then access ends now")
    zone: Zone | None = Field(None, description="By default the person's own, as HR knows it")
    urgent: bool = False
    embargo: WantedEmbargo | None = None


class InquiryWaiting(ResponseModel):
    """Nobody has answered yet; ask again at `address`, which expires after a quarter of an hour."""

    inquiry_id: str
    state: Literal["waiting"] = "waiting"
    address: str


@router.post(
    "/runs",
    summary="Start a run",
    status_code=201,
    responses={
        **problems_of_post(),
        201: {"headers": {"Location": {"description": "The run", "schema": {"type": "string"}}}},
        202: {
            "model": RunStanding | Receipt,
            "description": "It stands in the ledger and is carried on once Temporal answers (with `Location`); or the "
            "request was received, and is put before those who look after it",
        },
    },
)
async def start(
    request: Request, caller: ApiCaller, asked: RunAsked, response: Response, key: IdempotencyKey = None
) -> RunStanding | Receipt:
    """409 names the run that is open for this person already, if the caller sees it."""
    web = state_of(request)
    if asked.urgent:
        caller.require_step_up(web.settings)
    await may_prepare(web, caller, asked.packet)
    settled = tuple(Answered(one.question, tuple(one.accounts), one.reason) for one in asked.answers)
    question = StartAsked(**_terms(asked), reason=asked.reason, answers=settled)
    done = await starts.start(web.services, web.inquiries, caller.actor, question)
    body, response.status_code, headers = start_outcome(done)
    response.headers.update(headers)
    return body


def _terms(asked: RunAsked | PreviewWanted) -> dict[str, Any]:
    """The fields of `RunTerms`."""
    return {
        "packet": asked.packet,
        "wanted": asked.person,
        "cutoff": None if asked.urgent else asked.cutoff,
        "zone": asked.zone,
        "urgent": asked.urgent,
        "embargo_until": asked.embargo.until if asked.embargo is not None else None,
        "named": tuple(asked.embargo.named) if asked.embargo is not None else (),
    }


@router.post(
    "/previews",
    summary="Look what a run would do",
    responses={
        **problems_of_post(),
        202: {
            "model": InquiryWaiting,
            "description": "No worker has answered yet; look at `Location` in a moment",
            "headers": {"Location": {"description": "Where the answer will be", "schema": {"type": "string"}}},
        },
    },
)
async def preview(
    request: Request, caller: ApiCaller, asked: PreviewWanted, response: Response, key: IdempotencyKey = None
) -> Preview | InquiryWaiting:
    """Nothing is written anywhere and nothing is changed in any system. It is refused exactly where the start would
    be."""
    web = state_of(request)
    await may_prepare(web, caller, asked.packet)
    question = PreviewAsked(**_terms(asked), actor_id=caller.actor.actor_id)
    try:
        return await web.inquiries.ask(caller.actor.actor_id, question, within=WITHIN)
    except InquiryFailed:
        raise
    except NotAnswered as late:
        response.status_code = 202
        response.headers["location"] = inquiry_address(late.inquiry_id)
        return InquiryWaiting(inquiry_id=late.inquiry_id, address=inquiry_address(late.inquiry_id))
