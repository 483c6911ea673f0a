"""The plan that a run follows: its steps, and whether a new plan is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import TYPE_CHECKING

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.accounts import makes_plan_stale
from orchestrator.domain.run.time import LONG_AGO

if TYPE_CHECKING:
    from orchestrator.domain.run.run import RunState


@dataclass(frozen=True, slots=True)
class PlanState:
    """`steps` are the steps by id, and those of an earlier plan that were started. `open_steps` are the packet's names
    of steps that wait for the question which accounts are the person's. `wanted_since` is when a plan was last asked
    for; `stale` says that the plan no longer fits what is known. `added` are the steps, by name with their systems,
    that the run got with a later packet version, and `added_at` is when it took the last one. `new_approvals` are the
    steps, by id, that need an approval of their own for a repeat, each with the generation that its digest names."""

    steps: Mapping[str, PlannedStep] = field(default_factory=dict)
    open_steps: frozenset[str] = frozenset()
    revision: int = 0
    stale: bool = True
    wanted_since: datetime = LONG_AGO
    first_planned_at: datetime | None = None
    planned_at: datetime | None = None
    added: Mapping[str, str] = field(default_factory=dict)
    added_at: datetime = LONG_AGO
    new_approvals: Mapping[str, int] = field(default_factory=dict)

    def wanted_from(self, system: str) -> datetime:
        """Since when a search of the system has been wanted."""
        return max(self.wanted_since, self.added_at) if system in self.added.values() else self.wanted_since


@singledispatch
def fold_plan(event: Event, run: RunState, at: datetime) -> PlanState:
    """The plan after one more event; as before where the event is about another part of the run."""
    return run.plan


@fold_plan.register(e.RunRequested)
def _(event: e.RunRequested, run: RunState, at: datetime) -> PlanState:
    return replace(run.plan, wanted_since=at)


@fold_plan.register(e.AccountsSearched)
def _(event: e.AccountsSearched, run: RunState, at: datetime) -> PlanState:
    return replace(run.plan, stale=True) if makes_plan_stale(run.accounts, event) else run.plan


@fold_plan.register(e.MatchSettled)
def _(event: e.MatchSettled, run: RunState, at: datetime) -> PlanState:
    return replace(run.plan, stale=True)


@fold_plan.register(e.RunMadeUrgent)
def _(event: e.RunMadeUrgent, run: RunState, at: datetime) -> PlanState:
    """The packet's conditions can ask whether a run is urgent."""
    return replace(run.plan, stale=True)


@fold_plan.register(e.PlanFrozen)
def _(event: e.PlanFrozen, run: RunState, at: datetime) -> PlanState:
    steps = {step.step_id: step for step in event.steps}
    # A step that was started stays in the run, whatever a later plan says.
    steps |= {
        id_: run.plan.steps[id_] for id_, known in run.work.steps.items() if id_ not in steps and known.attempt > 0
    }
    return replace(
        run.plan,
        steps=steps,
        open_steps=frozenset(event.open_steps),
        revision=event.revision,
        stale=False,
        first_planned_at=run.plan.first_planned_at or at,
        planned_at=at,
    )


@fold_plan.register(e.RunReplanned)
def _(event: e.RunReplanned, run: RunState, at: datetime) -> PlanState:
    if event.packet_version:
        # What is approved does not wait for the further systems: their steps are open until each has answered.
        return replace(
            run.plan,
            open_steps=run.plan.open_steps | event.further_steps.keys(),
            added={**run.plan.added, **event.further_steps},
            added_at=at,
        )
    return replace(run.plan, wanted_since=at, stale=True)


@fold_plan.register(e.ReplayRequested)
def _(event: e.ReplayRequested, run: RunState, at: datetime) -> PlanState:
    return _new_approvals(run.plan, {id_: (digest, event.generations[id_]) for id_, digest in event.digests.items()})


@fold_plan.register(e.StepReadBack)
def _(event: e.StepReadBack, run: RunState, at: datetime) -> PlanState:
    return _new_approvals(run.plan, {event.step_id: (event.digest, event.generation + 1)} if event.digest else {})


@fold_plan.register(e.StepRetryOrdered)
def _(event: e.StepRetryOrdered, run: RunState, at: datetime) -> PlanState:
    return _new_approvals(run.plan, {event.step_id: (event.digest, event.generation)} if event.digest else {})


def _new_approvals(plan: PlanState, repeated: Mapping[str, tuple[str, int]]) -> PlanState:
    """The plan with other digests for steps that are repeated, so that no earlier approval is theirs."""
    digests = {id_: plan.steps[id_].model_copy(update={"digest": digest}) for id_, (digest, _) in repeated.items()}
    generations = {id_: generation for id_, (_, generation) in repeated.items()}
    return replace(plan, steps={**plan.steps, **digests}, new_approvals={**plan.new_approvals, **generations})
