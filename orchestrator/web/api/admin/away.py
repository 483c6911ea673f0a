"""Delegation to a colleague, and the colleagues to choose from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field

from orchestrator import commands
from orchestrator.domain.organisation.organisation import DelegationState as Held
from orchestrator.domain.permissions.levels import ActorKind
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import ID, MAX_ID_CHARACTERS, GivenInstant, Id, Reason
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["away"], route_class=IdempotentRoute)

DelegationId = Annotated[str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]


class Delegation(ResponseModel):
    delegation_id: str
    by: str = Field(description="The delegator's account")
    to: str = Field(description="The delegate's account")
    since: datetime
    until: datetime = Field(description="Before this instant")
    reason: str | None


class Delegations(ResponseModel):
    delegations: list[Delegation] = Field(description="Delegations of or to the caller that have not ended")


class NewDelegation(RequestModel):
    to: Id = Field(description="A colleague's account", examples=["finance"])
    since: GivenInstant | None = Field(None, description="Default: now")
    until: GivenInstant = Field(description="The end, exclusive; at most 90 days after the start")
    reason: Reason | None = None


class Made(ResponseModel):
    delegation_id: str


class EndedDelegation(ResponseModel):
    delegation_id: str
    changed: bool = Field(description="False if it had already ended")


class Member(ResponseModel):
    actor_id: str
    kind: ActorKind
    name: str | None = Field(description="Null if sign-in did not give a name, and for programs")
    roles: list[str]


class Staff(ResponseModel):
    members: list[Member]


@router.get("/staff", summary="List users", responses=problems())
async def staff(request: Request, caller: ApiCaller) -> Staff:
    """The users that have signed in, to select a delegate or the people who can see a run under embargo. Names are
    visible to people only. An account without a role sees only itself."""
    members = await state_of(request).queries.colleagues(caller.viewer)
    with_names = caller.actor.kind == "person"
    return Staff(
        members=[
            Member(
                actor_id=actor_id,
                kind=member.actor.kind,
                name=member.name if with_names else None,
                roles=sorted(member.actor.roles),
            )
            for actor_id, member in sorted(members.items())
        ]
    )


@router.get("/delegations", summary="List the caller's delegations", responses=problems())
async def delegations(request: Request, caller: ApiCaller) -> Delegations:
    found = await state_of(request).queries.delegations(caller.viewer)
    return Delegations(delegations=[_delegation(held) for held in found])


@router.post("/delegations", summary="Create a delegation", status_code=201, responses=problems_of_post())
async def delegate(request: Request, caller: ApiCaller, asked: NewDelegation, key: IdempotencyKey = None) -> Made:
    """The delegate acts with the caller's permissions, and not where one of the two has a conflict of interest."""
    services = state_of(request).services
    made = await commands.delegate(services, caller.actor, asked.to, asked.since, asked.until, asked.reason)
    return Made(delegation_id=made)


@router.post("/delegations/{delegation_id}/end", summary="End a delegation early", responses=problems_of_post(404))
async def end(
    request: Request, caller: ApiCaller, delegation_id: DelegationId, key: IdempotencyKey = None
) -> EndedDelegation:
    """The delegator and the delegate can both do this."""
    changed = await commands.end_delegation(state_of(request).services, caller.actor, delegation_id)
    return EndedDelegation(delegation_id=delegation_id, changed=changed)


def _delegation(held: Held) -> Delegation:
    return Delegation.model_validate(held.said)
