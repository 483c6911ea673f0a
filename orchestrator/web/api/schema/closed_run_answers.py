"""How a run ended on its systems, and the checks after its close, as parts of a run's answer."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from orchestrator.domain.events import SystemOutcome
from orchestrator.web.api.schema.description import ResponseModel


class OutcomeInRun(ResponseModel):
    place: str = Field(description="A system, or the name of a task that is about none")
    outcome: SystemOutcome | None = Field(
        description="`verified`: every step was read back. `attested`: every step was done, one at least without a "
        "read-back. `with_exceptions`: a step was skipped, or an exception is open or was waived. Null while steps are "
        "not finished"
    )


class WatchedStepInRun(ResponseModel):
    step_id: str
    name: str
    title: str


class FailingCheckInRun(ResponseModel):
    """A system that could not be read at its last check. It is tried again."""

    system: str
    day: int
    since: datetime
    tried_at: datetime
    code: str | None
