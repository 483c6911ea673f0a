"""Restores of what a run removed, with their previews."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.documents.runs.previews.restore import restore_document
from orchestrator.domain.planning.restoration import RestoreAct, RestoreWhy
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.schema.account_answers import AccountInRun
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import Reason, RunId
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}", tags=["runs"], route_class=IdempotentRoute)


class StepInRestore(ResponseModel):
    step_id: str | None = Field(description="The step of the run; null for HR's own record of the leaving")
    name: str | None
    title: str
    system: str | None
    account: AccountInRun | None
    act: RestoreAct = Field(
        description="`restore`: Offboard restores what the step took; `task`: a person does that by hand; `none`"
    )
    why: RestoreWhy | None = Field(description="Why Offboard does not restore it")
    ability: str | None = Field(description="The ability of the system's connector that restores it")
    given: list[str] = Field(description="Names of what is restored, such as groups; empty for an account's state")
    approval: bool = Field(description="Whether people approve it")


class RestorePreviewed(ResponseModel):
    run_id: str
    version: int = Field(description="The version of the run; give it to the restore")
    cancels: bool = Field(description="Whether the restore cancels the run, which is open")
    anything: bool = Field(description="Whether there is anything to restore")
    approved_by: list[str] = Field(description="The roles that approve what gives access; empty where nothing does")
    quorum: int = Field(description="How many different people have to approve it")
    steps: list[StepInRestore] = Field(description="In the order of the plan")


class Restoring(RequestModel):
    reason: Reason = Field(description="Encrypted; visible to everyone who can see the runs")
    version: int | None = Field(
        None, ge=1, le=2**31 - 1, description="The version that was previewed. If the run has changed since: 409"
    )


@router.get("/restore", summary="Preview a restore", responses=problems(403, 404, 409))
async def preview(request: Request, caller: ApiCaller, run_id: RunId) -> RestorePreviewed:
    """Nothing is changed. For accounts that can read every system of the packet."""
    found = (await state_of(request).queries.run_page(caller.viewer, run_id)).snapshot
    return RestorePreviewed.model_validate(restore_document(found.state, caller.actor, found.world))


@router.post("/restore", summary="Restore what a run removed", responses={**problems_of_post(404), **LATER})
async def restore(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: Restoring,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """Opens a run that restores what this run removed, and cancels this run if it is open. The response names the new
    run. Only what is recorded as removed is restored, after approval."""
    done = await commands.restore_access(
        state_of(request).services, caller.actor, run_id, asked.reason, seen=asked.version
    )
    return run_outcome(done, response)
