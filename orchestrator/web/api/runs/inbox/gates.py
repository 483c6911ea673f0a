"""Decisions at one gate, or at several in one request, each recorded separately."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.schema.description import ProblemDocument, RequestModel, ResponseModel, problems_of_post
from orchestrator.web.api.schema.parameters import GateId, Id, Reason, RunId
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.requests.problems import refused
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["gates"], route_class=IdempotentRoute)


class Decision(RequestModel):
    verdict: Literal["approve", "reject"]
    excluded: list[Id] = Field([], max_length=500, description="Steps to exclude from an approval, by ID or name")
    reason: Reason | None = Field(
        None, description="Required for a rejection. Encrypted; visible to everyone who can see the run"
    )


class Selected(RequestModel):
    run_id: Id
    gate_id: Id


class Selection(RequestModel):
    gates: list[Selected] = Field(min_length=1, max_length=commands.MAX_BATCH_APPROVALS)
    reason: Reason | None = None


class DecisionOutcome(ResponseModel):
    """The result for one gate of a selection: `done`, or the problem."""

    run_id: str
    gate_id: str
    done: RunStanding | None = None
    refused: ProblemDocument | None = None


class Decisions(ResponseModel):
    outcomes: list[DecisionOutcome] = Field(description="In the order of the selection")


@router.post(
    "/runs/{run_id}/gates/{gate_id}/decision", summary="Decide at a gate", responses={**problems_of_post(404), **LATER}
)
async def decide(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    gate_id: GateId,
    asked: Decision,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """After the gate is decided, further requests get 409 with the decision, its time and who made it."""
    services = state_of(request).services
    if asked.verdict == "approve":
        done = await commands.approve_gate(services, caller.actor, run_id, gate_id, asked.excluded, asked.reason)
    elif asked.excluded:
        raise Invalid("excluded_from_rejection", "A rejection covers the whole gate, so no step can be excluded.")
    else:
        done = await commands.reject_gate(services, caller.actor, run_id, gate_id, asked.reason or "")
    return run_outcome(done, response)


@router.post("/decisions", summary="Approve several gates", responses=problems_of_post())
async def decide_together(
    request: Request, caller: ApiCaller, asked: Selection, key: IdempotencyKey = None
) -> Decisions:
    """Each gate is decided and recorded separately. Only gates whose packet sets `decide_together` can be
    approved together."""
    selection = [(one.run_id, one.gate_id) for one in asked.gates]
    outcomes = await commands.approve_gates(state_of(request).services, caller.actor, selection, asked.reason)
    return Decisions(
        outcomes=[
            DecisionOutcome(
                run_id=one.run_id,
                gate_id=one.gate_id,
                done=run_outcome(one.done, Response()) if one.done is not None else None,
                refused=_refused(one.refused, one.run_id, one.gate_id) if one.refused is not None else None,
            )
            for one in outcomes
        ]
    )


def _refused(refusal: Refusal, run_id: str, gate_id: str) -> ProblemDocument:
    """As that gate's own address would answer."""
    return ProblemDocument(**refused(refusal, {"run_id": run_id, "gate_id": gate_id}).document())
