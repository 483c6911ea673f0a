"""The steps that failed on one system, in all runs, and their retries."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.reading.exception_lists import ExceptionLists
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import run_outcome
from orchestrator.web.api.schema.description import (
    ProblemDocument,
    RequestModel,
    ResponseModel,
    problems,
    problems_of_post,
)
from orchestrator.web.api.schema.parameters import Id, Reason, SystemName
from orchestrator.web.api.schema.run_answers import PersonInRun, RunStanding
from orchestrator.web.requests.problems import refused
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/systems/{system}/parked-steps", tags=["steps"], route_class=IdempotentRoute)


class ParkedStepInRun(ResponseModel):
    run_id: str
    person: PersonInRun | None
    step_id: str
    step: str
    title: str
    status: str = Field(description="`failed` or `unknown`")
    code: str | None = Field(description="Why it failed; null if the caller does not read the system")
    refused: ProblemDocument | None = Field(description="Why the caller can't retry it; null if they can")


class ParkedSteps(ResponseModel):
    steps: list[ParkedStepInRun] = Field(description="Of at most 100 runs, those that are due first")
    more: bool = Field(description="Whether there are more runs")


class SelectedStep(RequestModel):
    run_id: Id
    step_id: Id


class RetrySelection(RequestModel):
    steps: list[SelectedStep] = Field(min_length=1, max_length=commands.MAX_BATCH_RETRIES)
    reason: Reason | None = None


class RetryResult(ResponseModel):
    """The result for one step of a selection: `done`, or the problem."""

    run_id: str
    step_id: str
    done: RunStanding | None = None
    refused: ProblemDocument | None = None


class RetryResults(ResponseModel):
    outcomes: list[RetryResult] = Field(description="In the order of the selection")


@router.get("", summary="List steps that failed on a system", responses=problems())
async def parked(request: Request, caller: ApiCaller, system: SystemName) -> ParkedSteps:
    """Steps that failed, or whose outcome is unknown, in the runs that the caller can see, and which of them the caller
    can retry."""
    web = state_of(request)
    lists = ExceptionLists(web.database, web.queries)
    run_ids, more = await lists.parked_on(caller.viewer, system, commands.MAX_BATCH_RETRIES)
    found = await commands.parked_steps(web.services, caller.actor, system, run_ids)
    shown = await web.queries.snapshots(caller.viewer, list(dict.fromkeys(one.run_id for one in found)))
    names = await web.queries.names(list(shown))
    steps = []
    for one in found:
        state, name = shown[one.run_id].state, names.get(one.run_id)
        step, known = state.plan.steps[one.step_id], state.work.steps[one.step_id]
        steps.append(
            ParkedStepInRun(
                run_id=one.run_id,
                person=PersonInRun.model_validate(name) if name is not None and name.name is not None else None,
                step_id=one.step_id,
                step=step.name,
                title=step.title,
                status=known.status,
                code=known.code or None,
                refused=_problem(one.refused, one.run_id, one.step_id) if one.refused is not None else None,
            )
        )
    return ParkedSteps(steps=steps, more=more)


@router.post("/retry", summary="Retry steps that failed on a system", responses=problems_of_post())
async def retry(
    request: Request, caller: ApiCaller, system: SystemName, asked: RetrySelection, key: IdempotencyKey = None
) -> RetryResults:
    """Each step is retried and recorded separately, with the same idempotency key as before. A step that is not parked
    any more is refused."""
    selection = [(one.run_id, one.step_id) for one in asked.steps]
    services = state_of(request).services
    outcomes = await commands.retry_parked_steps(services, caller.actor, system, selection, asked.reason)
    return RetryResults(
        outcomes=[
            RetryResult(
                run_id=one.run_id,
                step_id=one.step_id,
                done=run_outcome(one.done, Response()) if one.done is not None else None,
                refused=_problem(one.refused, one.run_id, one.step_id) if one.refused is not None else None,
            )
            for one in outcomes
        ]
    )


def _problem(refusal: Refusal, run_id: str, step_id: str) -> ProblemDocument:
    """As the step's own address would answer."""
    return ProblemDocument(**refused(refusal, {"run_id": run_id, "step": step_id}).document())
