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
from orchestrator.web.pages.run.cards import Typed, anchor
from orchestrator.web.pages.run.flashes import refusal
from orchestrator.web.pages.run.run import show_run
from orchestrator.web.pages.run.run_access import as_unknown, load_run
from orchestrator.web.requests.problems import refused as problem_of
from orchestrator.web.state import state_of

IN_THE_NOTE = ("reason_missing", "evidence_missing")
BACK = "back"
"""A form's field: the path of its page, with its query and the place on it."""


def place_of(form: FormData) -> str:
    return safe_path(text(form, BACK) or "/")


async def carried_out(request: Request, caller: Caller, form: FormData, *flashes: Flash) -> Response:
    return await back_to(request, caller, place_of(form), *flashes)


async def refused(
    request: Request, caller: Caller, form: FormData, refusing: Refusal, run_id: str, item_id: str = ""
) -> Response:
    """Raises the refusal itself where it must look like a run that does not exist."""
    if isinstance(refusing, Invalid) and refusing.code == "unknown_run":
        with as_unknown():
            raise refusing
    seen = await load_run(state_of(request), caller, run_id)
    status = problem_of(refusing, request.path_params).status
    flash = refusal(seen, refusing, item_id)
    wrong = flash.text if refusing.code in IN_THE_NOTE else ""
    typed = Typed(anchor(seen.state.run_id, item_id), text(form, "note"), wrong)
    return await again(request, caller, form, status, flash, typed=typed)


async def again(
    request: Request, caller: Caller, form: FormData, status: int, *flashes: Flash, typed: Typed | None = None
) -> Response:
    """The page that a form was sent from, as it is now, and what there is to say."""
    request.state.form_place = place_of(form)
    place = urlsplit(place_of(form))
    query = QueryParams(place.query)
    if place.path == "/exceptions":
        return await show_exceptions(request, caller, query, status, flashes)
    if place.path.startswith("/runs/"):
        return await show_run(request, caller, place.path.split("/")[2], query, status, flashes, typed)
    return await show_inbox(request, caller, query, status, flashes, typed)
