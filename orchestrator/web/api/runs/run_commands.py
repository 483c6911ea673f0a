"""Moving a run's cutoff, calling it off, holding it back, looking everything up again, and its embargo."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, Field

from orchestrator import commands
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.runs.starts import Local, Zone
from orchestrator.web.api.schema.description import RequestModel, problems_of_post
from orchestrator.web.api.schema.parameters import Id, Reason, RunId
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}", tags=["runs"], route_class=IdempotentRoute)

REFUSED = {**problems_of_post(404), **LATER}


class Rescheduling(RequestModel):
    cutoff: Local
    zone: Zone


class Ending(RequestModel):
    reason: Reason = Field(description="Why the leaving is called off", examples=["They stay after all."])


class WithReason(RequestModel):
    reason: Reason | None = Field(None, description="Kept encrypted, for those who see the run")


class EmbargoChange(RequestModel):
    until: AwareDatetime | None = Field(description="The new end; null ends it, and the whole record is readable")
    named: list[Id] = Field(
        [], max_length=100, description="For whom the run exists until then; as it was, where none are given"
    )


@router.post("/reschedule", summary="Move the cutoff", responses=REFUSED)
async def reschedule(
    request: Request, caller: ApiCaller, run_id: RunId, asked: Rescheduling, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    """What was decided stays decided, unless the new cutoff lies beyond what the decision is valid for."""
    cutoff = parse_cutoff(asked.cutoff, asked.zone)
    return run_outcome(
        await commands.reschedule_run(state_of(request).services, caller.actor, run_id, cutoff), response
    )


@router.post("/end", summary="Call the leaving off", responses=REFUSED)
async def end(
    request: Request, caller: ApiCaller, run_id: RunId, asked: Ending, response: Response, key: IdempotencyKey = None
) -> RunStanding:
    """What is done stays done; nothing further is."""
    return run_outcome(await commands.end_run(state_of(request).services, caller.actor, run_id, asked.reason), response)


@router.post("/hold", summary="Hold a run back", responses=REFUSED)
async def hold(
    request: Request, caller: ApiCaller, run_id: RunId, asked: WithReason, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    """Nothing is begun in it until it is released."""
    return run_outcome(
        await commands.hold_run(state_of(request).services, caller.actor, run_id, asked.reason), response
    )


@router.post("/release", summary="Let a run go on", responses=REFUSED)
async def release(
    request: Request, caller: ApiCaller, run_id: RunId, response: Response, key: IdempotencyKey = None
) -> RunStanding:
    return run_outcome(await commands.release_run(state_of(request).services, caller.actor, run_id), response)


@router.post("/replan", summary="Look everything up again", responses=REFUSED)
async def replan(
    request: Request, caller: ApiCaller, run_id: RunId, asked: WithReason, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    """And plan anew. What did not change stays decided; what was refused is asked again."""
    return run_outcome(
        await commands.replan_run(state_of(request).services, caller.actor, run_id, asked.reason), response
    )


@router.post("/embargo", summary="Move or end the embargo", responses=REFUSED)
async def embargo(
    request: Request, caller: ApiCaller, run_id: RunId, asked: EmbargoChange, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    services = state_of(request).services
    return run_outcome(await commands.set_embargo(services, caller.actor, run_id, asked.until, asked.named), response)
