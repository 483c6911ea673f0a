"""AI assistants: what they requested, and their stop."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.domain.organisation.organisation import ALL_ASSISTANTS
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.assistants import assistants as shown_assistants
from orchestrator.web.access.assistants import calls_of
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.packets import packet_names
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.state import state_of

router = APIRouter()


@router.get("/assistants")
async def assistants(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.get("/assistants/{account}")
async def calls(request: Request, caller: PageCaller, account: str, on: date | None = None) -> Response:
    """What one assistant requested on a day (UTC)."""
    web = state_of(request)
    day, found = await calls_of(web, caller, account, on)
    return await page(
        request,
        "admin/assistant.html",
        title="Requests of an assistant",
        caller=caller,
        account=account,
        name=next((token.label for token in await web.tokens.made_by() if token.actor_id == account), account),
        day=day,
        today=await web.assistant_calls.today(),
        calls=found,
    )


@router.post("/assistants/stop")
async def stop(request: Request, caller: PageCaller, form: Form) -> Response:
    """The one that the form names, or all."""
    web = state_of(request)
    account = text(form, "account")[:200]
    try:
        names, reason = await packet_names(web), text(form, "reason") or None
        await commands.stop_assistant(web.services, caller.actor, names, account, reason=reason)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    who = "All assistants are" if account == ALL_ASSISTANTS else "The assistant is"
    return await back_to(request, caller, "/assistants", Flash("done", f"{who} stopped from the next request on."))


@router.post("/assistants/resume")
async def resume(request: Request, caller: PageCaller, form: Form) -> Response:
    """The one that the form names, or those that were stopped together."""
    web = state_of(request)
    account = text(form, "account")[:200]
    try:
        caller.require_fresh_sign_in(web.settings, "Resuming an assistant")
        await commands.resume_assistant(web.services, caller.actor, await packet_names(web), account)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    return await back_to(request, caller, "/assistants", Flash("done", "Resumed."))


async def _page(request: Request, caller: Caller, flash: Flash | None = None, status: int = 200) -> Response:
    web = state_of(request)
    return await page(
        request,
        "admin/assistants.html",
        title="Assistants",
        caller=caller,
        status=status,
        flashes=(flash,) if flash is not None else (),
        found=await shown_assistants(web, caller),
        everyone=ALL_ASSISTANTS,
    )
