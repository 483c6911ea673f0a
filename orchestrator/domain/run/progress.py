"""The progress of a run for its workflow: what to start, and when to ask again. Ids, versions and times only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class StepDue(BaseModel):
    """One attempt at a step: `seconds` is the most it may take, `queue` the task queue its system has of its own."""

    model_config = ConfigDict(frozen=True)
    step_id: str
    generation: int
    attempt: int
    seconds: float
    queue: str | None = None


class Progress(BaseModel):
    """`version` is the run's version that this was read from. `search` are the systems to look at now, and `queues` the
    task queues of those among them that have their own. `due_in` is how many seconds from then time alone brings
    something up: a length, not a date, since the engine's clock is not the ledger's."""

    model_config = ConfigDict(frozen=True)
    version: int
    finished: bool = False
    search: tuple[str, ...] = ()
    queues: dict[str, str] = Field(default_factory=dict)
    steps: tuple[StepDue, ...] = ()
    due_in: float | None = None
