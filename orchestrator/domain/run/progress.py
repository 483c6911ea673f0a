"""The progress of a run for its workflow: what to start, and when to ask again. Ids, versions and times only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MAX_START_SECONDS = 60.0
"""Within so many seconds a worker usually takes what a workflow starts, and most searches end. What lasts longer is
asked about again, which does no harm."""


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

    @property
    def expected_in(self) -> float | None:
        """Within how many seconds the workflow asks again, or something that it started reports. None: it need not."""
        awaited = [] if self.due_in is None else [self.due_in]
        if self.steps or self.search:
            awaited.append(max((step.seconds for step in self.steps), default=0.0) + MAX_START_SECONDS)
        return min(awaited, default=None)
