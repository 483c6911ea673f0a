"""The caller, and tokens for services and assistants. A token is shown once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, StringConstraints

from orchestrator import commands
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import ActorKind, Level
from orchestrator.ledger.access.tokens import MAX_TOKEN_LIFETIME, Token
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import packet_names
from orchestrator.web.access.service_owners import ShownOwners, service_owners
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, Reason
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=IdempotentRoute)

TokenId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The token's ID from the list")]
AccountId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT)]
RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class Granted(ResponseModel):
    packet: str
    system: str
    level: Level


class Me(ResponseModel):
    actor_id: str
    kind: ActorKind
    name: str | None
    roles: list[str]
    up_to: Level | None = Field(description="The maximum permission of this token")
    known_to_hr: bool = Field(description="Whether the account is linked to a person in HR, as approvals require")
    decides_for: list[str] = Field(description="Accounts for which this one is a delegate now")
    levels: list[Granted] = Field(description="Permissions that packets in use grant, up to the token's maximum")
    token_expires_at: datetime | None


class NewToken(RequestModel):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=TEXT)] = Field(
        description="The token's name", examples=["Card provider's nightly report"]
    )
    kind: Literal["service", "assistant"]
    roles: list[RoleName] = Field([], max_length=20, description="Roles with a permission in platform.yaml, by kind")
    up_to: Level = Field(description="The maximum permission")
    lasts_days: int = Field(description="Days until it expires", ge=1, le=MAX_TOKEN_LIFETIME.days)
    deputy: AccountId | None = Field(None, description="The account to which a service passes when its owner leaves")


class ServiceOwners(RequestModel):
    owner: AccountId = Field(description="The account that answers for the service", examples=["safety-owner"])
    deputy: AccountId | None = Field(None, description="The account to which it passes when the owner leaves")


class TokenToRevoke(RequestModel):
    reason: Reason | None = Field(None, description="Recorded with the event, encrypted; not when you sign out")


class TokenShown(ResponseModel):
    token_id: str
    actor_id: str = Field(description="The account of the token")
    name: str
    made_by: str
    owner: str | None = Field(None, description="The account that answers for a service")
    deputy: str | None = Field(None, description="The account to which the service passes")
    has_owner: bool | None = Field(None, description="For a service: whether its owner or its deputy can act today")
    up_to: Level
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    works: bool


class TokenCreated(TokenShown):
    token: str | None = Field(description="Shown once: null if the response is repeated for the same idempotency key")


class TokenList(ResponseModel):
    tokens: list[TokenShown] = Field(description="Tokens that the caller created, or all of them; newest first")


@router.get("/me", summary="Get the caller and their permissions", responses=problems())
async def me(request: Request, caller: ApiCaller) -> Me:
    web = state_of(request)
    actor = caller.actor
    levels = []
    for packet in await web.queries.readable_packets(caller.viewer):
        for system in packet.platform.systems:
            granted = granted_level(packet.platform.levels, actor, system, packet.name)
            if granted is not None:
                levels.append(Granted(packet=packet.name, system=system, level=granted))
    known = (await web.queries.staff()).get(actor.actor_id)
    return Me(
        actor_id=actor.actor_id,
        kind=actor.kind,
        name=known.name if known is not None else None,
        roles=sorted(actor.roles),
        up_to=actor.up_to,
        known_to_hr=actor.human is not None,
        decides_for=[absent.actor_id for absent in await web.queries.absent(caller.viewer)],
        levels=levels,
        token_expires_at=caller.token.expires_at if caller.token is not None else None,
    )


@router.get("/tokens", summary="List tokens", responses=problems(403))
async def tokens(
    request: Request,
    caller: ApiCaller,
    everyone: Annotated[
        bool, Query(alias="all", description="Tokens of all accounts; for the safety owner of a packet in use")
    ] = False,
) -> TokenList:
    web = state_of(request)
    if everyone:
        found = await commands.list_tokens(web.services, web.tokens, caller.actor, await packet_names(web))
    else:
        found = await web.tokens.made_by(caller.actor.actor_id)
    owned = await service_owners(web)
    return TokenList(tokens=[_shown(token, owned.get(token.token_id)) for token in found])


@router.post(
    "/tokens", summary="Create a token for a service or an AI assistant", status_code=201, responses=problems_of_post()
)
async def make(request: Request, caller: ApiCaller, asked: NewToken, key: IdempotencyKey = None) -> TokenCreated:
    """For the safety owner of a packet that is in use. The token has the permissions that `platform.yaml` grants to its
    kind and roles, up to `up_to`. It cannot approve. An assistant ends when its creator leaves; a service then passes
    to its deputy, and ends if it has none."""
    web = state_of(request)
    caller.require_fresh_sign_in(web.settings, "Creating a token")
    text, token = await commands.make_token(
        web.services,
        web.tokens,
        caller.actor,
        await packet_names(web),
        name=asked.name,
        kind=asked.kind,
        roles=asked.roles,
        up_to=asked.up_to,
        lasts=timedelta(days=asked.lasts_days),
        deputy=asked.deputy,
    )
    shown = _shown(token, (await service_owners(web)).get(token.token_id)).model_dump()
    # What is kept of the answer, to be given again under the same key, has no secret in it.
    request.state.kept_body = TokenCreated(**shown, token=None).model_dump_json()
    return TokenCreated(**shown, token=text)


@router.post(
    "/tokens/{token_id}/owners",
    summary="Change who answers for a service",
    status_code=204,
    responses=problems_of_post(404),
)
async def change_owners(
    request: Request, caller: ApiCaller, token_id: TokenId, asked: ServiceOwners, key: IdempotencyKey = None
) -> Response:
    """For the safety owner of a packet that is in use. The owner and the deputy are different people with a record in
    HR and a role. The service keeps its token; it acts for the new owner from now on."""
    web = state_of(request)
    caller.require_fresh_sign_in(web.settings, "Changing who answers for a service")
    await commands.change_service_owners(
        web.services, web.tokens, caller.actor, await packet_names(web), token_id, asked.owner, asked.deputy
    )
    return Response(status_code=204)


@router.delete("/tokens/{token_id}", summary="Revoke a token", status_code=204, responses=problems(403, 404, 413))
async def revoke(
    request: Request, caller: ApiCaller, token_id: TokenId, asked: TokenToRevoke | None = None
) -> Response:
    """Takes effect immediately and cannot be reversed. For the account that created it, and for the safety owner of a
    packet that is in use. The body is optional."""
    web = state_of(request)
    reason = asked.reason if asked is not None else None
    names = await packet_names(web)
    await commands.revoke_token(web.services, web.tokens, caller.actor, names, token_id, reason=reason)
    return Response(status_code=204)


def _shown(token: Token, owned: ShownOwners | None) -> TokenShown:
    return TokenShown(
        token_id=token.token_id,
        actor_id=token.actor_id,
        name=token.label,
        made_by=token.made_by,
        up_to=token.up_to,
        owner=owned.owner if owned is not None else None,
        deputy=owned.deputy if owned is not None else None,
        has_owner=owned.answered if owned is not None else None,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        works=token.works,
    )
