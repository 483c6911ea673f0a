"""The page of a system's accounts that no person who works here owns. A worker reads the lists; the page waits."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from orchestrator.documents.account_owners import AccountOwners
from orchestrator.documents.runs.questions import ListAccountOwners
from orchestrator.domain.commands.systems import require_listing
from orchestrator.domain.errors import Invalid
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.access.forms import Form
from orchestrator.web.access.packets import readable
from orchestrator.web.pages.page import page
from orchestrator.web.state import state_of

router = APIRouter()

FIRST_WAIT_SECONDS, LONG_POLL_SECONDS, MAX_POLLS = 0.8, 8.0, 16
"""Seconds for which the page waits before it says so, then again and again; and how often."""


@router.post("/systems/{packet}/{system}/orphans")
async def ask(request: Request, caller: PageCaller, form: Form, packet: str, system: str) -> Response:
    web = state_of(request)
    current = await readable(web, caller, packet)
    require_listing(system, caller.actor, current)
    question = ListAccountOwners(packet=current.name, system=system)
    inquiry_id = await web.inquiries.put(caller.actor.actor_id, question)
    return RedirectResponse(f"/systems/{current.name}/{system}/orphans/{inquiry_id}", 303)


@router.get("/systems/{packet}/{system}/orphans/{inquiry_id}")
async def orphans(
    request: Request, caller: PageCaller, packet: str, system: str, inquiry_id: str, look: int = 0
) -> Response:
    """`look` counts how often the page was loaded to wait. Raises `Invalid` for a list that the caller never asked for
    or that has expired."""
    web = state_of(request)
    current = await readable(web, caller, packet)
    answer = await web.inquiries.wait(
        inquiry_id, caller.actor.actor_id, within=LONG_POLL_SECONDS if look else FIRST_WAIT_SECONDS
    )
    if not isinstance(answer, AccountOwners | None):
        raise Invalid("unknown_inquiry", "This request was not found, or it has expired.")
    here = f"/systems/{current.name}/{system}/orphans/{inquiry_id}"
    spec = current.platform.systems.get(system)
    return await page(
        request,
        "admin/orphans.html",
        title=f"Accounts without an owner: {spec.title if spec else system}",
        caller=caller,
        current="systems",
        found=answer,
        packet=current,
        system=system,
        next_look=f"{here}?look={look + 1}" if answer is None and look < MAX_POLLS else None,
        again=here,
    )
