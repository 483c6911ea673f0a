"""Webhooks: programs elsewhere that are told of runs, gates and exceptions. For a safety owner."""

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
from orchestrator.web.api.schema.parameters import TEXT, Id
from orchestrator.web.state import state_of, webhooks_of

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=IdempotentRoute)

HookId = Annotated[str, Path(pattern="^w_[0-9a-f]{16}$", description="As the list has it")]


class NewWebhook(RequestModel):
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=TEXT)] = Field(
        description="Over https, to a host that the installation lists", examples=["https://hooks.example.com/offboard"]
    )
    types: list[Id] = Field(
        [],
        max_length=50,
        description=f"What it is told of, of {', '.join((*KINDS, *TYPES))}; none: all",
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
    last_status: str | None = Field(description="How the last delivery went: an HTTP status, or a code")
    last_at: datetime | None
    given_up: int = Field(description="How many events were never delivered")


class WebhookMade(WebhookShown):
    secret: str | None = Field(
        description="Signs every delivery, as Standard Webhooks say. Shown once: null where the answer is given again"
    )


class WebhookList(ResponseModel):
    webhooks: list[WebhookShown] = Field(description="The oldest first")


class WebhookSecret(ResponseModel):
    hook_id: str
    secret: str | None = Field(description="Shown once; the former one signs beside it for a day")


@router.get("", summary="List webhooks", responses=problems(403))
async def all_of_them(request: Request, caller: ApiCaller) -> WebhookList:
    web = state_of(request)
    found = await commands.list_webhooks(web.services, webhooks_of(web), caller.actor, await packet_names(web))
    return WebhookList(webhooks=[WebhookShown.model_validate(hook) for hook in found])


@router.post("", summary="Add a webhook", status_code=201, responses=problems_of_post())
async def add(request: Request, caller: ApiCaller, asked: NewWebhook, key: IdempotencyKey = None) -> WebhookMade:
    """It hears of what is recorded from now on, in the CloudEvents format."""
    web = state_of(request)
    hook, secret = await commands.add_webhook(
        web.services, webhooks_of(web), caller.actor, await packet_names(web),
        url=asked.url, hosts=web.settings.webhook_hosts, types=asked.types, only=asked.packets,
    )  # fmt: skip
    request.state.kept_body = _made(hook, None).model_dump_json()
    return _made(hook, secret)


@router.post("/{hook_id}/secret", summary="Give a webhook a new secret", responses=problems_of_post(404))
async def rotate(request: Request, caller: ApiCaller, hook_id: HookId, key: IdempotencyKey = None) -> WebhookSecret:
    web = state_of(request)
    secret = await commands.replace_webhook_secret(
        web.services, webhooks_of(web), caller.actor, await packet_names(web), hook_id
    )
    request.state.kept_body = WebhookSecret(hook_id=hook_id, secret=None).model_dump_json()
    return WebhookSecret(hook_id=hook_id, secret=secret)


@router.delete("/{hook_id}", summary="Disable a webhook", status_code=204, responses=problems(403, 404))
async def disable(request: Request, caller: ApiCaller, hook_id: HookId) -> Response:
    """For good: nothing is delivered any more, not even what is under way."""
    web = state_of(request)
    await commands.disable_webhook(web.services, webhooks_of(web), caller.actor, await packet_names(web), hook_id)
    return Response(status_code=204)


def _made(hook: Webhook, secret: str | None) -> WebhookMade:
    return WebhookMade(**WebhookShown.model_validate(hook).model_dump(), secret=secret)
