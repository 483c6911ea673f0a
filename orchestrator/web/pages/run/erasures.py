"""The page on which a person is erased: what is erased and what is kept, then the request or its confirmation."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.deciding.erasures import person_of
from orchestrator.documents.runs.previews.erasure import erasure_document, refusal_of
from orchestrator.domain.errors import Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.run.flashes import on_page
from orchestrator.web.pages.run.form_responses import refused
from orchestrator.web.pages.run.run_access import as_unknown, load_run, name_in
from orchestrator.web.rendering import person_label
from orchestrator.web.state import state_of

router = APIRouter()


@router.get("/runs/{run_id}/erasure")
async def show_erasure(request: Request, caller: PageCaller, run_id: str) -> Response:
    web = state_of(request)
    with as_unknown():
        seen = await load_run(web, caller, run_id)
    about = await person_of(web.services.runs, seen.state.run_id)
    document = erasure_document(about, caller.actor)
    staff = await web.queries.staff()
    for field in ("requested_by", "erased_by"):
        document[field] = name_in(staff, document[field]) if document[field] is not None else None
    problem = refusal_of(about, caller.actor) if document["erased_at"] is None else None
    return await page(
        request,
        "run/erasure.html",
        title=f"Erase personal data: {person_label(seen.person)}",
        caller=caller,
        current="runs",
        person=seen.person,
        erasure=document,
        problem=on_page(problem) if problem is not None and problem.code != "person_in_use" else None,
    )


@router.post("/runs/{run_id}/erasure")
async def erase(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """The first person gives a `reason`; the second confirms."""
    try:
        done = await commands.erase_person(
            state_of(request).services, caller.actor, run_id, text(form, "reason") or None
        )
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = (
        "The personal data is erased."
        if done.erased
        else "The erasure is requested. A second person has to confirm it within 7 days."
    )
    return await back_to(request, caller, f"/runs/{done.run_id}/erasure", Flash("done", said))
