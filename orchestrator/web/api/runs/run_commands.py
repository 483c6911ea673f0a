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
    reason: Reason = Field(description="Why the run is cancelled", examples=["The person stays with the company."])


class WithReason(RequestModel):
    reason: Reason | None = Field(None, description="Encrypted; visible to everyone who can see the run")


class EmbargoChange(RequestModel):
    until: AwareDatetime | None = Field(
        description="The new end; null ends the embargo now, and the complete record becomes visible"
    )
    named: list[Id] = Field(
        [], max_length=100, description="The accounts that can see the run until then; unchanged if empty"
    )


@router.post("/reschedule", summary="Change the cutoff", responses=REFUSED)
async def reschedule(
    request: Request, caller: ApiCaller, run_id: RunId, asked: Rescheduling, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    """Approvals stay valid unless the new cutoff is after they expire."""
    cutoff = parse_cutoff(asked.cutoff, asked.zone)
    return run_outcome(
        await commands.reschedule_run(state_of(request).services, caller.actor, run_id, cutoff), response
    )


@router.post("/end", summary="Cancel a run", responses=REFUSED)
async def end(
    request: Request, caller: ApiCaller, run_id: RunId, asked: Ending, response: Response, key: IdempotencyKey = None
) -> RunStanding:
    """Completed steps are not undone; no further step runs."""
    return run_outcome(await commands.end_run(state_of(request).services, caller.actor, run_id, asked.reason), response)


@router.post("/hold", summary="Pause a run", responses=REFUSED)
async def hold(
    request: Request, caller: ApiCaller, run_id: RunId, asked: WithReason, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    """No further step starts until it is resumed."""
    return run_outcome(
        await commands.hold_run(state_of(request).services, caller.actor, run_id, asked.reason), response
    )


@router.post("/release", summary="Resume a run", responses=REFUSED)
async def release(
    request: Request, caller: ApiCaller, run_id: RunId, response: Response, key: IdempotencyKey = None
) -> RunStanding:
    return run_outcome(await commands.release_run(state_of(request).services, caller.actor, run_id), response)


@router.post("/replan", summary="Re-plan a run", responses=REFUSED)
async def replan(
    request: Request, caller: ApiCaller, run_id: RunId, asked: WithReason, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    """Searches all systems again. Approvals of unchanged steps stay valid; rejected steps are submitted for
    approval again."""
    return run_outcome(
        await commands.replan_run(state_of(request).services, caller.actor, run_id, asked.reason), response
    )


@router.post("/embargo", summary="Change or end the embargo", responses=REFUSED)
async def embargo(
    request: Request, caller: ApiCaller, run_id: RunId, asked: EmbargoChange, response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:  # fmt: skip
    services = state_of(request).services
    return run_outcome(await commands.set_embargo(services, caller.actor, run_id, asked.until, asked.named), response)
