"""AI assistants: what they called, and their stop."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from orchestrator import commands
from orchestrator.domain.organisation.organisation import ALL_ASSISTANTS
from orchestrator.domain.permissions.levels import Level
from orchestrator.web.access.assistants import assistants as shown_assistants
from orchestrator.web.access.assistants import calls_of
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import packet_names
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import ID, MAX_ID_CHARACTERS, Reason
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/assistants", tags=["access"], route_class=IdempotentRoute)

AssistantAccount = Annotated[
    str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID, description="The assistant's account")
]


class AssistantShown(ResponseModel):
    actor_id: str
    token_id: str
    name: str
    made_by: str
    up_to: Level
    expires_at: datetime
    works: bool = Field(description="Whether its token is valid")
    stopped: bool = Field(description="Whether its requests are refused until it is resumed")
    calls_today: int = Field(description="Requests today (UTC), refused ones too")
    refused_today: int
    last_call_at: datetime | None


class AssistantList(ResponseModel):
    assistants: list[AssistantShown] = Field(description="Those that the caller can stop, newest first")
    all_stopped: bool = Field(description="Whether all assistants are stopped, also those that are created later")


class AssistantCall(ResponseModel):
    at: datetime
    operation: str = Field(description="Method and route; empty where requests were refused for their number")
    run_id: str | None = Field(description="The run that the address names, if the caller can see it")
    status: int | None
    code: str | None = Field(description="The code of the refusal")


class AssistantDay(ResponseModel):
    actor_id: str
    date: date
    calls: list[AssistantCall] = Field(description="Newest first")


class AssistantToStop(RequestModel):
    reason: Reason | None = Field(None, description="Recorded with the event, encrypted")


class AssistantChanged(ResponseModel):
    actor_id: str = Field(description="The assistant's account, `*` for all")
    stopped: bool
    changed: bool = Field(description="False if it was so already")


@router.get("", summary="List AI assistants", responses=problems())
async def all_of_them(request: Request, caller: ApiCaller) -> AssistantList:
    """For the owners of packets in use, and for the people who created the tokens."""
    found = await shown_assistants(state_of(request), caller)
    return AssistantList(
        assistants=[
            AssistantShown(
                actor_id=one.token.actor_id,
                token_id=one.token.token_id,
                name=one.token.label,
                made_by=one.token.made_by,
                up_to=one.token.up_to,
                expires_at=one.token.expires_at,
                works=one.token.works,
                stopped=one.stopped,
                calls_today=one.calls,
                refused_today=one.refused,
                last_call_at=one.last_at,
            )
            for one in found.assistants
        ],
        all_stopped=found.all_stopped,
    )


@router.get("/{actor_id}/calls", summary="List the requests of an AI assistant on one day", responses=problems(404))
async def calls(
    request: Request,
    caller: ApiCaller,
    actor_id: AssistantAccount,
    on: Annotated[date | None, Query(alias="date", description="The day (UTC); default: today")] = None,
) -> AssistantDay:
    """Every request is recorded before it is answered, refused ones too. Addresses are not recorded, only routes."""
    day, found = await calls_of(state_of(request), caller, actor_id, on)
    return AssistantDay(
        actor_id=actor_id, date=day, calls=[AssistantCall.model_validate(call, from_attributes=True) for call in found]
    )


@router.post("/stop", summary="Stop all AI assistants", responses=problems_of_post())
async def stop_all(
    request: Request, caller: ApiCaller, asked: AssistantToStop | None = None, key: IdempotencyKey = None
) -> AssistantChanged:
    """For the owners of packets in use. It takes effect at the next request of each, and for those that are created
    later. The body is optional."""
    return await _stop(request, caller, ALL_ASSISTANTS, asked)


@router.post("/resume", summary="Resume AI assistants that were stopped together", responses=problems_of_post())
async def resume_all(request: Request, caller: ApiCaller, key: IdempotencyKey = None) -> AssistantChanged:
    """For the safety owner of a packet in use. An assistant that was also stopped alone stays stopped."""
    return await _resume(request, caller, ALL_ASSISTANTS)


@router.post("/{actor_id}/stop", summary="Stop an AI assistant", responses=problems_of_post(404))
async def stop(
    request: Request,
    caller: ApiCaller,
    actor_id: AssistantAccount,
    asked: AssistantToStop | None = None,
    key: IdempotencyKey = None,
) -> AssistantChanged:
    """For the owners of packets in use, and for the person who created its token. It takes effect at the next request
    of the assistant; its open event streams end. The body is optional."""
    return await _stop(request, caller, actor_id, asked)


@router.post("/{actor_id}/resume", summary="Resume an AI assistant", responses=problems_of_post(404))
async def resume(
    request: Request, caller: ApiCaller, actor_id: AssistantAccount, key: IdempotencyKey = None
) -> AssistantChanged:
    """For the safety owner of a packet in use."""
    return await _resume(request, caller, actor_id)


async def _stop(request: Request, caller: ApiCaller, account: str, asked: AssistantToStop | None) -> AssistantChanged:
    web = state_of(request)
    reason = asked.reason if asked is not None else None
    names = await packet_names(web)
    changed = await commands.stop_assistant(web.services, caller.actor, names, account, reason=reason)
    return AssistantChanged(actor_id=account, stopped=True, changed=changed)


async def _resume(request: Request, caller: ApiCaller, account: str) -> AssistantChanged:
    web = state_of(request)
    caller.require_fresh_sign_in(web.settings, "Resuming an assistant")
    changed = await commands.resume_assistant(web.services, caller.actor, await packet_names(web), account)
    return AssistantChanged(actor_id=account, stopped=False, changed=changed)
