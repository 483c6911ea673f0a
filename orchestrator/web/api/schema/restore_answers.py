"""What a restore has not restored, as a part of a run's answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.domain.planning.restoration import RestoreWhy
from orchestrator.web.api.schema.account_answers import AccountInRun
from orchestrator.web.api.schema.description import ResponseModel


class StillRemovedInRun(ResponseModel):
    step_id: str | None = Field(description="The step of the earlier run; null for HR's own record of the leaving")
    name: str | None
    title: str
    system: str | None
    account: AccountInRun | None
    act: Literal["restore", "task"] = Field(description="`restore`: a step of the restore; `task`: a task for a person")
    why: RestoreWhy | None = Field(description="Why Offboard does not restore it")
    given: list[str] = Field(description="Names of what is not restored, such as groups")
    status: str | None = Field(description="The state of the restore's step; null if its plan has no such step")
    may_be_restored: bool = Field(description="Whether the step may have taken effect")
