"""Retries or skips a step, or reports that it was done by hand."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.schema.description import RequestModel, problems_of_post
from orchestrator.web.api.schema.parameters import Reason, RunId, StepId, Text
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}/steps/{step}", tags=["steps"], route_class=IdempotentRoute)


class Retry(RequestModel):
    again: bool = Field(
        False, description="Run it again with a new idempotency key, even if the first attempt may have taken effect"
    )
    reason: Reason | None = None


class Skip(RequestModel):
    reason: Reason = Field(examples=["Done by hand this morning."])


class DoneByHand(RequestModel):
    evidence: Text = Field(
        description="What shows that it was done. Encrypted; visible to everyone who can see the run",
        examples=["Disabled in the console; ticket 4711 has the picture."],
    )


@router.post("/retry", summary="Retry a step", responses={**problems_of_post(404), **LATER})
async def retry(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    step: StepId,
    asked: Retry,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    services = state_of(request).services
    done = await commands.retry_step(services, caller.actor, run_id, step, again=asked.again, reason=asked.reason)
    return run_outcome(done, response)


@router.post("/skip", summary="Skip a step", responses={**problems_of_post(404), **LATER})
async def skip(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    step: StepId,
    asked: Skip,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """The step never runs; steps that depend on it continue."""
    done = await commands.skip_step(state_of(request).services, caller.actor, run_id, step, asked.reason)
    return run_outcome(done, response)


@router.post("/done-by-hand", summary="Report a step as done by hand", responses={**problems_of_post(404), **LATER})
async def done_by_hand(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    step: StepId,
    asked: DoneByHand,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """For a step that failed. Where its system can be read, it is read first; if it shows that the step was not done,
    the step stays failed. Otherwise the step is attested. If it removes access, or the packet asks for it, an exception
    (`done_by_hand`) is open until a second person has confirmed the report."""
    done = await commands.do_step_by_hand(state_of(request).services, caller.actor, run_id, step, asked.evidence)
    return run_outcome(done, response)
