"""What the dry runs of a packet version show, compared with what people did."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from orchestrator.domain.events import JudgedDifference
from orchestrator.domain.packet.history.packet_events import Phase
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import shadow_of
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import PacketName, Version
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/packets", tags=["packets"], route_class=IdempotentRoute)


class ShareOf(ResponseModel):
    part: int
    whole: int
    value: float | None = Field(description="`part` divided by `whole`; null if `whole` is 0")


class ComparedSteps(ResponseModel):
    agreed: int
    people_missed: int
    plan_wrong: int
    unjudged: int
    done_before: int
    not_compared: int
    not_read: int


class ComparedChanges(ResponseModel):
    plan_missed: int
    out_of_scope: int
    unjudged: int


class ShadowFiguresShown(ResponseModel):
    people: int = Field(description="People whose dry run was compared; each counts once")
    days: int = Field(description="Whole days from the first of these dry runs to the last read")
    precision: ShareOf = Field(description="How much of the plan is right. What is not judged counts as wrong")
    recall: ShareOf = Field(description="How much of what people did is in the plan. What is not judged is not")
    wrong_accounts: int = Field(description="Steps planned on an account that was judged to be another person's")
    unjudged: int
    steps: ComparedSteps
    changes: ComparedChanges = Field(description="Of changes for which the plan has no step")


class Judgement(ResponseModel):
    verdict: JudgedDifference
    by: str
    at: datetime
    reason: str | None = Field(description="null if it was erased, or you do not read the system")


class JudgedStepOrChange(ResponseModel):
    run_id: str = Field(description="The dry run")
    beside: str | None = Field(description="The run beside which it is")
    person: str | None
    about: str = Field(description="The ID of the step or change, for a judgement")
    kind: Literal["step", "change"]
    title: str | None = Field(description="Of the step; null for a change without a step")
    step: str | None = Field(description="Name of the step; null for a change without a step")
    system: str
    system_title: str
    account: str | None
    shown: str | None = Field(description="What the system showed last: `not_done`, `other_value`, or what changed")
    shown_at: datetime | None
    result: str = Field(description="`unjudged`, or the last judgement that counts")
    judgement: Judgement | None


class PacketShadow(ResponseModel):
    packet: str
    title: str
    version: str
    phase: Phase
    figures: ShadowFiguresShown
    differences: list[JudgedStepOrChange] = Field(description="Of the dry runs that you can see")


@router.get(
    "/{name}/versions/{version}/shadow",
    summary="Compare a packet version with what people did",
    responses=problems(404),
)
async def shadow(request: Request, caller: ApiCaller, name: PacketName, version: Version) -> PacketShadow:
    """The figures of the version's dry runs that were opened beside runs, and how they differ from what was done."""
    return PacketShadow.model_validate(await shadow_of(state_of(request), caller, name, version))
