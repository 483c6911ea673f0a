"""The page on which a restore is previewed and requested."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.documents.document import Document
from orchestrator.documents.runs.previews.restore import restore_document
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.vocabulary.states import in_sentence
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.run.flashes import FlashNotice, done, on_page
from orchestrator.web.pages.run.form_responses import refused
from orchestrator.web.pages.run.run_access import as_unknown, load_run
from orchestrator.web.rendering import person_label
from orchestrator.web.state import state_of
from orchestrator.web.words import words

router = APIRouter()


@router.get("/runs/{run_id}/restore")
async def show_restore(request: Request, caller: PageCaller, run_id: str) -> Response:
    with as_unknown():
        seen = await load_run(state_of(request), caller, run_id)
    preview: Document | None = None
    problem: FlashNotice | None = None
    try:
        preview = restore_document(seen.state, caller.actor, seen.world)
        problem = on_page(seen.permissions.restore().refused)
    except Refusal as refusal:
        problem = on_page(refusal)
    systems = {step.system for step in seen.state.plan.steps.values() if step.system}
    systems.add(seen.world.pinned.platform.hr.system)
    return await page(
        request,
        "run/restore.html",
        title=f"Restore access: {person_label(seen.person)}",
        caller=caller,
        current="runs",
        run_id=seen.state.run_id,
        person=seen.person,
        preview=preview,
        systems={name: seen.system(name) for name in systems},
        approved_by=" or ".join(in_sentence(words(role, "role")) for role in (preview or {}).get("approved_by", ())),
        problem=problem,
    )


@router.post("/runs/{run_id}/restore")
async def restore(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """`version` is the one of the preview. What follows is the page of the run that restores."""
    try:
        came_of_it = await commands.restore_access(
            state_of(request).services, caller.actor, run_id, text(form, "reason"), seen=_version(text(form, "version"))
        )
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = done("Access is restored by this run, after approval.", came_of_it)
    return await back_to(request, caller, f"/runs/{came_of_it.run_id}", said)


def _version(given: str) -> int | None:
    if not given:
        return None
    if not given.isdecimal() or len(given) > 9:
        raise Invalid("unknown_item", f"{given!r} is not a version of this run.")
    return int(given)
