"""What people sign before a run closes, as a part of a gate in a run's answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from orchestrator.domain.events import SystemOutcome
from orchestrator.web.api.schema.description import ResponseModel


class SystemInClose(ResponseModel):
    place: str = Field(description="A system, or the name of a task that is about none")
    outcome: SystemOutcome


class ExceptionInClose(ResponseModel):
    """An exception that was accepted although its cause is still there."""

    exception_id: str
    kind: str
    place: str | None
    by: str
    reason: str | None


class EarlierVote(ResponseModel):
    by: str
    verdict: Literal["approve", "reject"]
    at: datetime
    reason: str | None


class ChangeSince(ResponseModel):
    kind: Literal["step", "exception", "reopened"] = Field(
        description="`reopened`: the run was closed and has been opened again"
    )
    subject: str | None = Field(description="The ID of the step or exception")
    title: str | None = Field(description="The step's title, or the kind of the exception")
    before: str | None = Field(description="The state that was signed; null if the step or exception was not there")
    after: str | None = Field(description="The state now. A step that was repeated can have the same state")


class EarlierSignature(ResponseModel):
    """The last votes of the same entry of the packet, which do not count at this gate."""

    gate_id: str
    votes: list[EarlierVote]
    changes: list[ChangeSince] = Field(description="Empty if the signature has expired")


class CloseAtGate(ResponseModel):
    """What people sign before the run closes."""

    digest: str
    outcome: Literal["clean", "with_exceptions"]
    verified: int
    attested: int
    skipped: int
    systems: list[SystemInClose]
    exceptions: list[ExceptionInClose]
    counts: bool = Field(description="Whether its signature is about the run as it is now")
    before: EarlierSignature | None
