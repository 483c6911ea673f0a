"""The plan of a run."""

from __future__ import annotations

from orchestrator.domain.events.event import Event, Personal
from orchestrator.domain.planning.plan import PlannedStep


class PlanFrozen(Event):
    """`open_steps` are the packet's names of steps that could not be planned yet, because it is still a question
    which accounts on their system are theirs."""

    revision: int
    digest: str
    steps: tuple[PlannedStep, ...]
    open_steps: tuple[str, ...] = ()


class RunReplanned(Event):
    """A user requested a new search and a new plan, after a rejection or a difference."""

    by: str
    on_behalf_of: str | None = None
    reason: Personal[str] = None
