"""What systems showed of a dry run's withheld steps, which changes have no step, and how differences were judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import TYPE_CHECKING

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event

if TYPE_CHECKING:
    from orchestrator.domain.run.run import RunState


@dataclass(frozen=True, slots=True)
class ShownStep:
    """What a system showed of a step, when it was read."""

    at: datetime
    outcome: e.StepShown
    code: str = ""


@dataclass(frozen=True, slots=True)
class StepReads:
    """What a system showed of one step, by read. All reads are of the step with this `digest`."""

    digest: str
    shown: Mapping[e.ComparisonRead, ShownStep] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparisonState:
    """`steps` by the id of the step, `changes` by their ids, with times in `found_at`. `judgements` has the last one
    about each step or change, by its id, with its time. `day_read`: a system was read a day after a cutoff or later; a
    moved cutoff does not take back that the plan was shown then."""

    steps: Mapping[str, StepReads] = field(default_factory=dict)
    changes: Mapping[str, e.ChangeFound] = field(default_factory=dict)
    found_at: Mapping[str, datetime] = field(default_factory=dict)
    judgements: Mapping[str, tuple[e.DifferenceJudged, datetime]] = field(default_factory=dict)
    day_read: bool = False


@singledispatch
def fold_comparison(event: Event, run: RunState, at: datetime) -> ComparisonState:
    """The comparison after one more event; as before where the event is about another part of the run."""
    return run.comparison


@fold_comparison.register(e.StepCompared)
def _(event: e.StepCompared, run: RunState, at: datetime) -> ComparisonState:
    comparison = run.comparison
    known = comparison.steps.get(event.step_id)
    before = known.shown if known is not None and known.digest == event.digest else {}
    reads = StepReads(event.digest, {**before, event.read: ShownStep(at, event.outcome, event.code)})
    day_read = comparison.day_read or event.read in ("day", "week")
    return replace(comparison, steps={**comparison.steps, event.step_id: reads}, day_read=day_read)


@fold_comparison.register(e.ChangeFound)
def _(event: e.ChangeFound, run: RunState, at: datetime) -> ComparisonState:
    comparison = run.comparison
    return replace(
        comparison,
        changes={**comparison.changes, event.change_id: event},
        found_at={**comparison.found_at, event.change_id: at},
    )


@fold_comparison.register(e.DifferenceJudged)
def _(event: e.DifferenceJudged, run: RunState, at: datetime) -> ComparisonState:
    return replace(run.comparison, judgements={**run.comparison.judgements, event.about: (event, at)})


@fold_comparison.register(e.RunRescheduled)
def _(event: e.RunRescheduled, run: RunState, at: datetime) -> ComparisonState:
    """What was read after the former cutoff says nothing about the new one: systems are read again."""
    comparison = run.comparison
    steps = {
        step_id: replace(reads, shown={read: shown for read, shown in reads.shown.items() if read == "plan"})
        for step_id, reads in comparison.steps.items()
    }
    return replace(comparison, steps=steps, changes={}, found_at={})
