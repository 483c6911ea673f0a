"""Starts a run, or previews it. A worker does both: the web process has no credentials of systems."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from orchestrator.documents.runs.previews.preview import Preview
from orchestrator.documents.runs.previews.shown_matches import Answered
from orchestrator.documents.runs.questions import PreviewAsked, StartAsked
from orchestrator.web import starts
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.inquiries import InquiryWaiting, answered_or_waiting, result_at_location
from orchestrator.web.api.people import PersonReference, may_prepare
from orchestrator.web.api.runs.command_responses import start_outcome
from orchestrator.web.api.schema.description import RequestModel, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, GivenInstant, Id, Reason
from orchestrator.web.api.schema.run_answers import Receipt, RunStanding
from orchestrator.web.requests.run_spans import name_trace
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
    Field(description="The IANA time zone of the cutoff", examples=["Europe/Berlin"]),
]


class WantedEmbargo(RequestModel):
    """Until then the run is visible only to the requester and the accounts named."""

    until: GivenInstant
    named: list[Id] = Field([], max_length=100, description="Account IDs; the requester is always included")


class AnswerGiven(RequestModel):
    """The answer to a question of a preview. It is used if the run's search finds the same accounts; otherwise an
    exception opens."""

    question: str = Field(
        min_length=1, max_length=200_000, pattern=TEXT, description="The question's `handle` from the preview"
    )
    accounts: list[Id] = Field(max_length=100, description="The candidates that belong to the person; empty if none")
    reason: Reason | None = Field(
        None, description="The justification. Encrypted; visible to everyone who can see the run"
    )


class RunAsked(RequestModel):
    person: PersonReference
    packet: Id = Field(examples=["standard-leaver"])
    cutoff: Local | None = Field(None, description="Omit with `urgent`: access then ends now")
    zone: Zone | None = Field(None, description="Default: the person's time zone in HR")
    urgent: bool = Field(
        False,
        description="Immediately run the reversible steps that remove access, before approval. Needs a recent sign-in. "
        "A start with a cutoff in the past is urgent as well, from the packet's limit on (`late_after`)",
    )
    shadow: bool = Field(
        False,
        description="Start a dry run with the packet's newest version in phase `shadow`, beside the version in use. It "
        "searches accounts and makes a plan, changes nothing in any system, and does not replace the person's own run. "
        "Not with `urgent` or `legal_hold`",
    )
    embargo: WantedEmbargo | None = None
    reason: Reason | None = Field(None, description="Encrypted; visible to everyone who can see the run")
    legal_hold: Reason | None = Field(
        None,
        description="Start under a legal hold, for this reason: nothing that destroys data runs until a second person "
        "lifts it. Needs a role that can place legal holds. Encrypted; visible to everyone who can see the run",
    )
    answers: list[AnswerGiven] = Field(
        [],
        max_length=100,
        description="Answers to the questions of a preview that is at most 15 minutes old, from a "
        "caller who can confirm the match. If one answer is refused, no run starts",
    )


class PreviewWanted(RequestModel):
    person: PersonReference
    packet: Id = Field(examples=["standard-leaver"])
    cutoff: Local | None = Field(None, description="Omit with `urgent`: access then ends now")
    zone: Zone | None = Field(None, description="Default: the person's time zone in HR")
    urgent: bool = False
    shadow: bool = Field(False, description="Preview a dry run, as `shadow` of a start")
    embargo: WantedEmbargo | None = None


@router.post(
    "/runs",
    summary="Start a run",
    status_code=201,
    responses={
        **problems_of_post(429),
        201: {"headers": {"Location": {"description": "The run", "schema": {"type": "string"}}}},
        202: {
            "model": RunStanding | Receipt,
            "description": "The run is recorded and continues once Temporal responds (with `Location`); or the "
            "request was received and will be reviewed",
        },
    },
)
async def start(
    request: Request, caller: ApiCaller, asked: RunAsked, response: Response, key: IdempotencyKey = None
) -> RunStanding | Receipt:
    """409 names the person's open run if the caller can see it."""
    web = state_of(request)
    if asked.urgent:
        caller.require_step_up(web.settings)
    await may_prepare(web, caller, asked.packet)
    settled = tuple(Answered(one.question, tuple(one.accounts), one.reason) for one in asked.answers)
    question = StartAsked(**_terms(asked), reason=asked.reason, legal_hold=asked.legal_hold, answers=settled)
    done = await starts.start(
        web.services,
        web.inquiries,
        caller.actor,
        question,
        sign_in=caller.sign_in(web.settings),
        start_id=getattr(request.state, "request_id", None),
    )
    if done.run_id is not None:
        await name_trace(request, done.run_id)
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
        "shadow": asked.shadow,
        "embargo_until": asked.embargo.until if asked.embargo is not None else None,
        "named": tuple(asked.embargo.named) if asked.embargo is not None else (),
    }


@router.post(
    "/previews",
    summary="Preview a run",
    responses={
        **problems_of_post(429),
        202: {"model": InquiryWaiting} | result_at_location("No worker has responded yet; poll `Location`"),
    },
)
async def preview(
    request: Request, caller: ApiCaller, asked: PreviewWanted, response: Response, key: IdempotencyKey = None
) -> Preview | InquiryWaiting:
    """Saves nothing and changes nothing in any system. It is refused in the same cases as the start of the run."""
    web = state_of(request)
    await may_prepare(web, caller, asked.packet)
    question = PreviewAsked(**_terms(asked), actor_id=caller.actor.actor_id)
    return await answered_or_waiting(web, caller, question, response)
