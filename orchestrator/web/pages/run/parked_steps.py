"""The form that retries the steps that failed on one system, in all runs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.access.forms import Form, text, texts
from orchestrator.web.pages.remedies import remedy_of
from orchestrator.web.pages.run.form_responses import again, carried_out
from orchestrator.web.requests.problems import refused as problem_of
from orchestrator.web.state import state_of

router = APIRouter()


@router.post("/exceptions/retry")
async def retry(request: Request, caller: PageCaller, form: Form) -> Response:
    """Retries each `step` (RUN/STEP) on `system` separately, and shows how many and which not."""
    selection = [(run_id, step_id) for run_id, _, step_id in (one.partition("/") for one in texts(form, "step"))]
    if not selection:
        nothing = Flash("refused", "No step was selected.", "Select the steps first.")
        return await again(request, caller, form, 422, nothing)
    services, reason = state_of(request).services, text(form, "reason") or None
    try:
        outcomes = await commands.retry_parked_steps(services, caller.actor, text(form, "system"), selection, reason)
    except Refusal as error:
        flash = Flash("refused", error.message, remedy_of(error))
        return await again(request, caller, form, problem_of(error, request.path_params).status, flash)
    done = sum(one.done is not None for one in outcomes)
    flashes = [Flash("done", f"{done} step{'s' if done != 1 else ''}: retrying now.")] if done else []
    statuses = []
    for one in outcomes:
        if one.refused is not None:
            message = f"Run {one.run_id}: {one.refused.message}"
            flashes.append(Flash("refused", message, remedy_of(one.refused)))
            statuses.append(problem_of(one.refused, {"run_id": one.run_id, "step": one.step_id}).status)
    if done:
        return await carried_out(request, caller, form, *flashes)
    return await again(request, caller, form, max(set(statuses), key=statuses.count), *flashes)
