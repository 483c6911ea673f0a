"""The response to a form: back to the page that it was sent from; if it was refused, that page again with the refusal
and its status.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import FormData, QueryParams
from starlette.responses import Response

from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller
from orchestrator.web.access.forms import text
from orchestrator.web.access.routes import safe_path
from orchestrator.web.pages.lists.exceptions import show_exceptions
from orchestrator.web.pages.lists.inbox import show_inbox
from orchestrator.web.pages.page import back_to
from orchestrator.web.pages.remedies import remedy_of
from orchestrator.web.pages.run.cards import Typed, anchor
from orchestrator.web.pages.run.flashes import refusal
from orchestrator.web.pages.run.run import show_run
from orchestrator.web.pages.run.run_access import as_unknown, load_answered_run
from orchestrator.web.requests.problems import refused as problem_of
from orchestrator.web.state import state_of

IN_THE_NOTE = ("reason_missing", "evidence_missing")
BACK = "back"
"""A form's field: the path of its page, with its query and the place on it."""

INBOX, RUNS = "/", "/runs/"


def _run_of(path: str) -> str:
    return path.split("/")[2]


def place_of(form: FormData) -> str:
    return safe_path(text(form, BACK) or INBOX)


async def _shown_place(request: Request, caller: Caller, form: FormData) -> str:
    """The place of the form. The inbox, if it is a run that the caller saw only because of an item that is resolved."""
    place = place_of(form)
    path = urlsplit(place).path
    if path.startswith(RUNS):
        try:
            await state_of(request).queries.find_run(caller.viewer, _run_of(path))
        except Invalid:
            return INBOX
    return place


async def carried_out(request: Request, caller: Caller, form: FormData, *flashes: Flash) -> Response:
    return await back_to(request, caller, await _shown_place(request, caller, form), *flashes)


async def refused(
    request: Request, caller: Caller, form: FormData, refusing: Refusal, run_id: str, item_id: str = ""
) -> Response:
    """Raises the refusal itself where it must look like a run that does not exist."""
    if isinstance(refusing, Invalid) and refusing.code == "unknown_run":
        with as_unknown():
            raise refusing
    status = problem_of(refusing, request.path_params).status
    flash = await refusal_of(request, caller, refusing, run_id, item_id)
    wrong = flash.text if refusing.code in IN_THE_NOTE else ""
    typed = Typed(anchor(run_id, item_id), text(form, "note"), wrong)
    return await again(request, caller, form, status, flash, typed=typed)


async def refusal_of(request: Request, caller: Caller, refusing: Refusal, run_id: str, item_id: str) -> Flash:
    """In the refusal's own words, if there is no such run for the caller."""
    try:
        seen = await load_answered_run(state_of(request), caller, run_id)
    except Invalid:
        return Flash("refused", refusing.message, remedy_of(refusing))
    return refusal(seen, refusing, item_id)


async def again(
    request: Request, caller: Caller, form: FormData, status: int, *flashes: Flash, typed: Typed | None = None
) -> Response:
    """The page that a form was sent from, as it is now, and what there is to say."""
    shown = await _shown_place(request, caller, form)
    request.state.form_place = shown
    place = urlsplit(shown)
    query = QueryParams(place.query)
    if place.path == "/exceptions":
        return await show_exceptions(request, caller, query, status, flashes)
    if place.path.startswith(RUNS):
        return await show_run(request, caller, _run_of(place.path), query, status, flashes, typed)
    return await show_inbox(request, caller, query, status, flashes, typed)
