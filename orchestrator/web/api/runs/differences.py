"""Judges a difference between a dry run and what people did."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.domain.events import JudgedDifference
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.schema.description import RequestModel, problems_of_post
from orchestrator.web.api.schema.parameters import DifferenceId, Reason, RunId
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}/differences/{about}", tags=["runs"], route_class=IdempotentRoute)


class NewJudgement(RequestModel):
    verdict: JudgedDifference = Field(
        description="Of a step: `plan_wrong`, `wrong_account` or `people_missed`; of a change without a step: "
        "`plan_missed` or `out_of_scope`"
    )
    reason: Reason = Field(examples=["The account is used by the team."])


@router.post("/judgement", summary="Judge a difference", responses={**problems_of_post(404), **LATER})
async def judge(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    about: DifferenceId,
    asked: NewJudgement,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """With a role of HR, or as the role that owns the packet or its exceptions. The last judgement counts; each stays
    in the record. `run_id` is that of the dry run."""
    services = state_of(request).services
    done = await commands.judge_difference(services, caller.actor, run_id, about, asked.verdict, asked.reason)
    return run_outcome(done, response)
