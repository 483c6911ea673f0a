"""Search of runs and their open exceptions, from the field in every page's header. The text is sent as a form:
addresses are kept in logs and histories, where a name does not belong."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.domain.errors import Refusal
from orchestrator.domain.run.search_terms import MAX_SEARCH_CHARACTERS
from orchestrator.ledger.access.sessions import Flash
from orchestrator.reading.search import SearchResult
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.pages.lists.choices import choices
from orchestrator.web.pages.lists.runs import waits
from orchestrator.web.pages.page import page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.cards import anchor
from orchestrator.web.state import state_of

router = APIRouter()


@router.get("/search")
async def empty(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.post("/search")
async def search(request: Request, caller: PageCaller, form: Form) -> Response:
    web, wanted = state_of(request), text(form, "text")[:MAX_SEARCH_CHARACTERS]
    if not wanted:
        return await _page(request, caller)
    try:
        found = await web.searches.find(web.queries, caller.viewer, wanted)
    except Refusal as refusal:
        return await _page(request, caller, wanted, refusal=refusal)
    return await _page(request, caller, wanted, found)


async def _page(
    request: Request,
    caller: Caller,
    wanted: str = "",
    found: SearchResult | None = None,
    refusal: Refusal | None = None,
) -> Response:
    web = state_of(request)
    choice = await choices(web, caller)
    flashes: tuple[Flash, ...] = ()
    status = 200
    if refusal is not None:
        flash, status = refusal_flash(request, refusal)
        flashes = (flash,)
    return await page(
        request,
        "lists/search.html",
        title="Search",
        caller=caller,
        current="search",
        status=status,
        flashes=flashes,
        text=wanted,
        found=found,
        lines=[
            (one, waits(one.run), [(line, anchor(line.run_id, line.id)) for line in one.exceptions])
            for one in (found.runs if found is not None else ())
        ],
        titles=dict(choice.packets),
        systems=dict(choice.systems),
    )
