"""Limits on starts: which are reached, which starts are held, and releasing them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form
from orchestrator.web.access.starts import shown_starts
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()


@router.get("/starts")
async def starts(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.post("/starts/limits/{trip_id}/release")
async def release(request: Request, caller: PageCaller, form: Form, trip_id: str) -> Response:
    try:
        released = await commands.release_starts(state_of(request).services, caller.actor, trip_id)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = "Starts are released." if released else "Your approval is recorded. A second person has to approve as well."
    return await back_to(request, caller, "/starts", Flash("done", said))


@router.post("/starts/held/{held_id}/confirm")
async def confirm(request: Request, caller: PageCaller, form: Form, held_id: str) -> Response:
    try:
        await commands.confirm_start(state_of(request).services, caller.actor, held_id)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = "The start is confirmed. The requester can repeat it within an hour."
    return await back_to(request, caller, "/starts", Flash("done", said))


async def _page(request: Request, caller: Caller, flash: Flash | None = None, status: int = 200) -> Response:
    web = state_of(request)
    shown = await shown_starts(web, caller)
    staff = await web.queries.staff()
    for one in (*shown["reached"], *shown["held"], *shown["released"]):
        one["by"] = name_in(staff, one["by"])
    for one in (*shown["reached"], *shown["released"]):
        one["released_by"] = [name_in(staff, by) for by in one["released_by"]]
    return await page(
        request,
        "admin/starts.html",
        title="Limits on starts",
        caller=caller,
        current="exceptions",
        status=status,
        flashes=(flash,) if flash is not None else (),
        **shown,
    )
