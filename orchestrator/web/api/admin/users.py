"""Revoking roles and sessions of users. For a safety owner."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import packet_names
from orchestrator.web.api.admin.tokens import RoleName
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import ID, MAX_ID_CHARACTERS, Id, Reason
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=IdempotentRoute)

ActorId = Annotated[
    str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID, description="The account's ID from the list")
]


class RolesToRevoke(RequestModel):
    packet: Id = Field(description="A packet in use that names the roles; its safety owner can revoke them")
    roles: list[RoleName] = Field(min_length=1, max_length=20)
    reason: Reason | None = Field(None, description="Recorded with the event, encrypted")


class SessionsToEnd(RequestModel):
    reason: Reason | None = Field(None, description="Recorded with the event, encrypted")


class RevokedRoles(ResponseModel):
    actor_id: str
    changed: bool = Field(description="False if the account had none of the roles")


class SessionShown(ResponseModel):
    actor_id: str
    created_at: datetime
    seen_at: datetime = Field(description="The last request, to the minute")
    expires_at: datetime


class SessionList(ResponseModel):
    sessions: list[SessionShown] = Field(description="Open sessions in browsers, the most recently used first")


@router.post("/staff/{actor_id}/roles/revoke", summary="Revoke roles of a user", responses=problems_of_post())
async def revoke_roles(
    request: Request, caller: ApiCaller, actor_id: ActorId, asked: RolesToRevoke, key: IdempotencyKey = None
) -> RevokedRoles:
    """Takes effect immediately, in every session and for steps that the account caused. A new sign-in does not restore
    a role; it can return only after a sign-in without it."""
    services = state_of(request).services
    changed = await commands.revoke_roles(
        services, caller.actor, asked.packet, actor_id, asked.roles, reason=asked.reason
    )
    return RevokedRoles(actor_id=actor_id, changed=changed)


@router.get("/sessions", summary="List sessions", responses=problems(403))
async def sessions(request: Request, caller: ApiCaller) -> SessionList:
    """For the safety owner of a packet that is in use."""
    web = state_of(request)
    found = await commands.list_sessions(web.services, web.sessions, caller.actor, await packet_names(web))
    return SessionList(sessions=[SessionShown.model_validate(one) for one in found])


@router.post(
    "/staff/{actor_id}/sessions/end",
    summary="End the sessions of a user",
    status_code=204,
    responses=problems_of_post(),
)
async def end_sessions(
    request: Request,
    caller: ApiCaller,
    actor_id: ActorId,
    asked: SessionsToEnd | None = None,
    key: IdempotencyKey = None,
) -> Response:
    """Ends all sessions in browsers and all sign-ins of command lines immediately. The user can sign in again. For the
    safety owner of a packet that is in use."""
    web = state_of(request)
    names = await packet_names(web)
    reason = asked.reason if asked is not None else None
    await commands.end_sessions(web.services, web.sessions, web.tokens, caller.actor, names, actor_id, reason=reason)
    return Response(status_code=204)
