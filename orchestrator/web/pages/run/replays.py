"""The page on which a run is replayed: a preview of what is done again and what is not, then the replay."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.documents.document import Document
from orchestrator.documents.runs.previews.replay import decided_again_document, replay_document
from orchestrator.domain.commands.replaying import Scope
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.pages.page import page
from orchestrator.web.pages.run.flashes import FlashNotice, done, on_page
from orchestrator.web.pages.run.form_responses import carried_out, refused
from orchestrator.web.pages.run.run_access import RunAccess, as_unknown, load_run
from orchestrator.web.rendering import person_label
from orchestrator.web.state import state_of

router = APIRouter()

_STEP, _SYSTEM = "step:", "system:"


@router.get("/runs/{run_id}/replay")
async def show_replay(
    request: Request,
    caller: PageCaller,
    run_id: str,
    of: Annotated[str, Query(max_length=300)] = "",
    differences: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """`of` is what the replay includes: `step:ID`, `system:NAME`, or empty for the whole run. With `differences`, the
    run is decided again from recorded facts instead."""
    with as_unknown():
        seen = await load_run(state_of(request), caller, run_id)
    preview: Document | None = None
    decided: Document | None = None
    problem: FlashNotice | None = None
    scope = _scope(of)
    try:
        if differences:
            decided = decided_again_document(seen.state, caller.actor, seen.world)
        else:
            preview = replay_document(seen.state, scope, seen.world)
            problem = on_page(seen.permissions.replay(scope).refused)
    except Refusal as refusal:
        problem = on_page(refusal)
    steps = seen.state.plan.steps
    return await page(
        request,
        "run/replay.html",
        title=f"Replay: {person_label(seen.person)}",
        caller=caller,
        current="runs",
        run_id=seen.state.run_id,
        person=seen.person,
        of=of,
        scopes=[
            ("", "The whole run: read again, repeat nothing"),
            *((f"{_SYSTEM}{name}", f"All steps of {seen.system(name)}") for name in _systems(seen)),
            *((f"{_STEP}{id_}", f"From step: {steps[id_].title}") for id_ in steps),
        ],
        from_step=scope.from_step,
        system=scope.system,
        preview=preview,
        systems={name: seen.system(name) for name in _systems(seen)},
        decided=decided,
        problem=problem,
    )


@router.post("/runs/{run_id}/replay")
async def replay(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """`from_step` or `system`, if it is not the whole run; `version` is the one of the preview."""
    try:
        came_of_it = await commands.replay_run(
            state_of(request).services,
            caller.actor,
            run_id,
            Scope(text(form, "from_step"), text(form, "system")),
            text(form, "reason") or None,
            _version(text(form, "version")),
        )
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = "The run is being replayed." if came_of_it.events else "The run is being replayed already."
    return await carried_out(request, caller, form, done(said, came_of_it))


def _scope(of: str) -> Scope:
    if of.startswith(_STEP):
        return Scope(from_step=of.removeprefix(_STEP))
    return Scope(system=of.removeprefix(_SYSTEM)) if of.startswith(_SYSTEM) else Scope()


def _systems(seen: RunAccess) -> list[str]:
    return list(dict.fromkeys(step.system for step in seen.state.plan.steps.values() if step.system))


def _version(given: str) -> int | None:
    if not given:
        return None
    if not given.isdecimal() or len(given) > 9:
        raise Invalid("unknown_item", f"{given!r} is not a version of this run.")
    return int(given)
