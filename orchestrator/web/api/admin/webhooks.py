"""Webhooks: other programs that get events of runs, gates and exceptions. For a safety owner."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, StringConstraints

from orchestrator import commands
from orchestrator.ledger.engine.webhooks import Webhook
from orchestrator.notifications.hook_events import KINDS, TYPES
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import packet_names
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, Id, Reason
from orchestrator.web.state import state_of, webhooks_of

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=IdempotentRoute)

HookId = Annotated[str, Path(pattern="^w_[0-9a-f]{16}$", description="The webhook's ID from the list")]


class NewWebhook(RequestModel):
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=TEXT)] = Field(
        description="An https address on a host that the installation allows",
        examples=["https://hooks.example.com/offboard"],
    )
    types: list[Id] = Field(
        [],
        max_length=50,
        description=f"The events to deliver, of {', '.join((*KINDS, *TYPES))}; empty: all",
    )
    packets: list[Id] | None = Field(None, max_length=50, description="Whose runs; null for all")


class WebhookShown(ResponseModel):
    hook_id: str
    url: str
    types: list[str]
    packets: list[str] | None
    made_by: str
    created_at: datetime
    disabled_at: datetime | None
    last_status: str | None = Field(description="The result of the last delivery: an HTTP status, or a code")
    last_at: datetime | None
    given_up: int = Field(description="The number of events whose delivery failed permanently")


class WebhookMade(WebhookShown):
    secret: str | None = Field(
        description="Signs every delivery (Standard Webhooks). Shown once: null if the response is repeated"
    )


class WebhookList(ResponseModel):
    webhooks: list[WebhookShown] = Field(description="Oldest first")


class WebhookSecret(ResponseModel):
    hook_id: str
    secret: str | None = Field(description="Shown once; the previous secret stays valid for one day")


class WebhookToDisable(RequestModel):
    reason: Reason | None = Field(None, description="Recorded with the event, encrypted")


@router.get("", summary="List webhooks", responses=problems(403))
async def all_of_them(request: Request, caller: ApiCaller) -> WebhookList:
    web = state_of(request)
    found = await commands.list_webhooks(web.services, webhooks_of(web), caller.actor, await packet_names(web))
    return WebhookList(webhooks=[WebhookShown.model_validate(hook) for hook in found])


@router.post("", summary="Add a webhook", status_code=201, responses=problems_of_post())
async def add(request: Request, caller: ApiCaller, asked: NewWebhook, key: IdempotencyKey = None) -> WebhookMade:
    """It receives events recorded from now on, in the CloudEvents format."""
    web = state_of(request)
    caller.require_fresh_sign_in(web.settings, "Adding a webhook")
    hook, secret = await commands.add_webhook(
        web.services,
        webhooks_of(web),
        caller.actor,
        await packet_names(web),
        url=asked.url,
        hosts=web.settings.webhook_hosts,
        types=asked.types,
        only=asked.packets,
    )
    request.state.kept_body = _made(hook, None).model_dump_json()
    return _made(hook, secret)


@router.post("/{hook_id}/secret", summary="Create a new secret for a webhook", responses=problems_of_post(404))
async def rotate(request: Request, caller: ApiCaller, hook_id: HookId, key: IdempotencyKey = None) -> WebhookSecret:
    web = state_of(request)
    caller.require_fresh_sign_in(web.settings, "Creating a webhook secret")
    secret = await commands.replace_webhook_secret(
        web.services, webhooks_of(web), caller.actor, await packet_names(web), hook_id
    )
    request.state.kept_body = WebhookSecret(hook_id=hook_id, secret=None).model_dump_json()
    return WebhookSecret(hook_id=hook_id, secret=secret)


@router.delete("/{hook_id}", summary="Disable a webhook", status_code=204, responses=problems(403, 404, 413))
async def disable(
    request: Request, caller: ApiCaller, hook_id: HookId, asked: WebhookToDisable | None = None
) -> Response:
    """Permanently: nothing is delivered any more, including pending deliveries. The body is optional."""
    web = state_of(request)
    reason = asked.reason if asked is not None else None
    names = await packet_names(web)
    await commands.disable_webhook(web.services, webhooks_of(web), caller.actor, names, hook_id, reason=reason)
    return Response(status_code=204)


def _made(hook: Webhook, secret: str | None) -> WebhookMade:
    return WebhookMade(**WebhookShown.model_validate(hook).model_dump(), secret=secret)
