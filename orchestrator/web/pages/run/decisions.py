"""Forms that decide gates, one or several at once, and complete tasks with evidence."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from orchestrator import commands
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.ledger.persons.files import MAX_FILE_BYTES, Attachment
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text, texts
from orchestrator.web.pages.remedies import remedy_of
from orchestrator.web.pages.run.flashes import decision, done
from orchestrator.web.pages.run.form_responses import again, carried_out, refusal_of, refused
from orchestrator.web.pages.run.run_access import load_answered_run, load_run
from orchestrator.web.requests.problems import refused as problem_of
from orchestrator.web.state import WebState, state_of

router = APIRouter()


@router.post("/runs/{run_id}/gates/{gate_id}")
async def decide(request: Request, caller: PageCaller, form: Form, run_id: str, gate_id: str) -> Response:
    """`verdict` is `approve` or `reject`, with a `reason`. With `selecting`, only the steps that `include` names are
    approved; a page of an earlier version names those to `exclude`."""
    web, reason = state_of(request), text(form, "reason")
    try:
        match text(form, "verdict"):
            case "approve":
                excluded = texts(form, "exclude")
                if text(form, "selecting"):
                    excluded += await _unticked(web, caller, run_id, gate_id, texts(form, "include"))
                came_of_it = await commands.approve_gate(
                    web.services, caller.actor, run_id, gate_id, excluded, reason or None
                )
            case "reject":
                came_of_it = await commands.reject_gate(web.services, caller.actor, run_id, gate_id, reason)
            case _:
                raise Invalid("verdict_missing", "Choose Approve or Reject.")
    except Refusal as error:
        return await refused(request, caller, form, error, run_id, gate_id)
    seen = await load_answered_run(web, caller, run_id)
    return await carried_out(request, caller, form, decision(seen, gate_id, came_of_it))


async def _unticked(web: WebState, caller: Caller, run_id: str, gate_id: str, ticked: list[str]) -> list[str]:
    """The steps of the gate that are not ticked. A gate's steps do not change. Raises `Invalid` if none is ticked."""
    state = (await load_run(web, caller, run_id)).state
    gate = state.decisions.gates.get(gate_id)
    digests = set(gate.opened.digests) if gate is not None else set()
    asked = [id_ for id_, step in state.plan.steps.items() if step.digest in digests]
    if asked and not set(ticked) & set(asked):
        raise Invalid("no_step_chosen", "No step is ticked.")
    return [id_ for id_ in asked if id_ not in ticked]


@router.post("/decisions")
async def decide_together(request: Request, caller: PageCaller, form: Form) -> Response:
    """Approves each `gate` (RUN/GATE) of a selection separately, and shows the result of each."""
    web = state_of(request)
    selection = [(run_id, gate_id) for run_id, _, gate_id in (one.partition("/") for one in texts(form, "gate"))]
    if not selection:
        return await again(
            request, caller, form, 422, Flash("refused", "No approval was selected.", "Select the approvals first.")
        )
    try:
        outcomes = await commands.approve_gates(web.services, caller.actor, selection, text(form, "reason") or None)
    except Refusal as error:
        return await again(
            request,
            caller,
            form,
            problem_of(error, request.path_params).status,
            Flash("refused", error.message, remedy_of(error)),
        )
    flashes, statuses = [], []
    for outcome in outcomes:
        if outcome.refused is not None:
            flashes.append(await refusal_of(request, caller, outcome.refused, outcome.run_id, outcome.gate_id))
            statuses.append(problem_of(outcome.refused, {"run_id": outcome.run_id, "gate_id": outcome.gate_id}).status)
        elif outcome.done is not None:
            seen = await load_answered_run(web, caller, outcome.run_id)
            flashes.append(decision(seen, outcome.gate_id, outcome.done))
    if len(statuses) < len(outcomes):
        return await carried_out(request, caller, form, *flashes)
    return await again(request, caller, form, max(set(statuses), key=statuses.count), *flashes)


@router.post("/runs/{run_id}/tasks/{task_id}")
async def answer_task(request: Request, caller: PageCaller, form: Form, run_id: str, task_id: str) -> Response:
    """`outcome` is `done` or `not_done`; `note` and `files` show it."""
    web, note = state_of(request), text(form, "note")
    said = {"note": note} if note else None
    try:
        files = await _files(form)
        came_of_it = await commands.complete_task(
            web.services, caller.actor, run_id, task_id, text(form, "outcome"), said, files
        )
    except Refusal as error:
        return await refused(request, caller, form, error, run_id, task_id)
    seen = await load_answered_run(web, caller, run_id)
    task = seen.state.work.tasks[task_id]
    step = seen.state.plan.steps.get(task.opened.step_id)
    what = f"{step.title if step is not None else 'The task'}: {'done' if task.outcome == 'done' else 'not done'}."
    kept = {0: "", 1: " One file was attached."}.get(len(files), f" {len(files)} files were attached.")
    return await carried_out(request, caller, form, done(f"{what}{kept}", came_of_it))


async def _files(form: FormData) -> list[Attachment]:
    """Browsers send an empty file without a name where none was chosen."""
    return [
        Attachment(upload.filename or "file", await upload.read(MAX_FILE_BYTES + 1))
        for upload in form.getlist("files")
        if isinstance(upload, UploadFile) and (upload.filename or upload.size)
    ]
