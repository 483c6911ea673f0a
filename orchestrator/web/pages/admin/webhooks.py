"""Webhooks: other programs that get events of runs, gates and exceptions. For a safety owner."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.ledger.engine.webhooks import Webhook
from orchestrator.notifications.hook_addresses import MAX_URL_CHARACTERS
from orchestrator.notifications.hook_events import KINDS, TYPES
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text, texts
from orchestrator.web.access.packets import packet_names
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of, webhooks_of

router = APIRouter()


@router.get("/webhooks")
async def webhooks(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.post("/webhooks")
async def add(request: Request, caller: PageCaller, form: Form) -> Response:
    """The secret is in this response only."""
    web = state_of(request)
    url = text(form, "url")[:MAX_URL_CHARACTERS]
    types, only = texts(form, "types")[:50], texts(form, "packets")[:50]
    try:
        caller.require_fresh_sign_in(web.settings, "Adding a webhook")
        hook, secret = await commands.add_webhook(
            web.services,
            webhooks_of(web),
            caller.actor,
            await packet_names(web),
            url=url,
            hosts=web.settings.webhook_hosts,
            types=types,
            only=only or None,
        )
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused), url=url, types=types, only=only)
    return await _page(request, caller, secret=secret, secret_of=hook.hook_id)


@router.post("/webhooks/{hook_id}/secret")
async def rotate(request: Request, caller: PageCaller, form: Form, hook_id: str) -> Response:
    """A new secret, shown once; the former one signs beside it for a day."""
    web = state_of(request)
    try:
        caller.require_fresh_sign_in(web.settings, "Creating a webhook secret")
        secret = await commands.replace_webhook_secret(
            web.services, webhooks_of(web), caller.actor, await packet_names(web), hook_id
        )
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    return await _page(request, caller, secret=secret, secret_of=hook_id)


@router.post("/webhooks/{hook_id}/disable")
async def disable(request: Request, caller: PageCaller, form: Form, hook_id: str) -> Response:
    web = state_of(request)
    names = await packet_names(web)
    try:
        reason = text(form, "reason") or None
        await commands.disable_webhook(web.services, webhooks_of(web), caller.actor, names, hook_id, reason=reason)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = Flash("done", "The webhook is disabled. It receives no further events.")
    return await back_to(request, caller, "/webhooks", said)


async def _page(
    request: Request,
    caller: Caller,
    flash: Flash | None = None,
    status: int = 200,
    *,
    secret: str | None = None,
    secret_of: str = "",
    url: str = "",
    types: list[str] | None = None,
    only: list[str] | None = None,
) -> Response:
    web = state_of(request)
    names = await packet_names(web)
    hooks = await commands.list_webhooks(web.services, webhooks_of(web), caller.actor, names)
    staff = await web.queries.staff()
    return await page(
        request,
        "admin/webhooks.html",
        title="Webhooks",
        caller=caller,
        status=status,
        flashes=(flash,) if flash is not None else (),
        hooks=[(hook, _standing(hook)) for hook in hooks],
        makers={hook.hook_id: name_in(staff, hook.made_by) for hook in hooks},
        secret=secret,
        secret_of=secret_of,
        url=url,
        types=types or [],
        only=only or [],
        kinds=_kinds(),
        packets=names,
        hosts=web.settings.webhook_hosts,
        longest_url=MAX_URL_CHARACTERS,
    )


def _standing(hook: Webhook) -> tuple[str, str, str]:
    """Shape, tone and words of how the last delivery went."""
    if hook.disabled_at is not None:
        return "minus", "quiet", "Disabled"
    if hook.last_status is None:
        return "clock", "quiet", "No delivery yet"
    if hook.last_status.startswith("2"):
        return "check", "good", f"Delivered ({hook.last_status})"
    return "cross", "bad", f"Failed ({hook.last_status})" if hook.last_status.isdigit() else hook.last_status


def _kinds() -> list[tuple[str, list[str]]]:
    return [(kind, [type_ for type_ in TYPES if type_.partition(".")[0] == kind]) for kind in KINDS]
