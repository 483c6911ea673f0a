"""Computes from a run's state what its workflow starts now, and when it asks again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from orchestrator.domain.planning.missing_connectors import missing_systems
from orchestrator.domain.planning.searching import all_asked, queue_of, searches_due
from orchestrator.domain.run.comparison.reads import reads_due
from orchestrator.domain.run.decisions import signature_late_at
from orchestrator.domain.run.progress import Progress, StepDue
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import (
    MAX_BACKOFF,
    StepReadiness,
    World,
    pause_reported_at,
    readiness,
    ready_since,
)
from orchestrator.domain.run.steps.steps import lease
from orchestrator.domain.run.watch.watching import ChecksDue, checks_due


def progress(state: RunState, world: World, readiness_by_step: Mapping[str, StepReadiness] | None = None) -> Progress:
    """`readiness_by_step` is that of this state in this world, if it was computed already."""
    checks = checks_due(state, world)
    if state.finished:
        return _after_close(state, world, checks)
    if readiness_by_step is None:
        readiness_by_step = {id_: readiness(state, step, world) for id_, step in state.plan.steps.items()}
    searches = searches_due(state, world, readiness_by_step)
    steps = []
    for id_, where in readiness_by_step.items():
        step, known = state.plan.steps[id_], state.work.steps[id_]
        if where.kind == "ready" and not step.is_task:
            steps.append(
                StepDue(
                    step_id=id_,
                    generation=known.generation,
                    attempt=known.attempt + 1,
                    seconds=lease(step).total_seconds(),
                    queue=step.queue,
                )
            )
    instants = [where.until for where in readiness_by_step.values() if where.until is not None]
    reads = reads_due(state, world)
    instants += [until for until in (searches.until, checks.until, reads.until) if until is not None]
    systems = tuple(dict.fromkeys((*(system for system, _ in searches.systems), *checks.systems, *reads.systems)))
    instants += _deadlines(state, readiness_by_step, world)
    due_in = max((min(instants) - world.now) / timedelta(seconds=1), 0.0) if instants else None
    return Progress(
        version=state.version,
        search=systems,
        queues=_queues(systems, world),
        steps=tuple(steps),
        due_in=due_in,
    )


def _after_close(state: RunState, world: World, checks: ChecksDue) -> Progress:
    """The workflow of a closed run ends until its next check is due: the relay starts it then."""
    if not checks.systems and checks.until is None:
        return Progress(version=state.version, finished=True)
    return Progress(
        version=state.version,
        search=checks.systems,
        queues=_queues(checks.systems, world),
        due_in=max((checks.until - world.now) / timedelta(seconds=1), 0.0) if checks.until is not None else None,
    )


def _queues(systems: Iterable[str], world: World) -> dict[str, str]:
    return {system: queue for system in systems if (queue := queue_of(system, world)) is not None}


def _deadlines(state: RunState, readiness_by_step: Mapping[str, StepReadiness], world: World) -> list[datetime]:
    """When something becomes late or ends: an undecided gate, an approval, an open task, a row of failures, a pause."""
    patience = world.pinned.workflow.thresholds.retries_become_exception_after
    dates = [g.opened.decide_by for g in state.decisions.gates.values() if g.open and g.escalated_at is None]
    dates += [g.opened.valid_until for g in state.decisions.gates.values() if g.open]
    signing = [g for g in state.decisions.gates.values() if g.signs_close]
    dates += [late_at for g in signing if g.open and (late_at := signature_late_at(g, world.pinned)) is not None]
    dates += [
        approval.valid_until
        for g in signing
        if (approval := state.decisions.approved.get(g.opened.digests[0])) is not None
    ]
    dates += [
        approval.valid_until
        for step in state.plan.steps.values()
        if not state.work.steps[step.step_id].final
        and (approval := state.decisions.approved.get(step.digest)) is not None
    ]
    dates += [state.cutoff] if all(where.kind == "final" for where in readiness_by_step.values()) else []
    dates += [] if all_asked(state, world.pinned, world.holds) else [state.plan.wanted_since + patience]
    dates += [
        ready_since(state, state.plan.steps[id_], world) + patience
        for id_, where in readiness_by_step.items()
        if where.kind == "ready" and not state.plan.steps[id_].is_task
    ]
    dates += [state.held_until] if state.held_until is not None else []
    dates += [pause_reported_at(state, patience)] if world.holds else []
    dates += [task.opened.due for task in state.work.tasks.values() if task.open]
    dates += [
        look.failing_since + patience for look in state.accounts.searches.values() if look.failing_since is not None
    ]
    if missing_systems(state, world.pinned, world.abilities) and state.plan.planned_at is not None:
        # A worker with the connector plans its steps, when the run next asks.
        dates += [state.plan.planned_at + patience, world.now + MAX_BACKOFF]
    dates += [  # what still fails then is an exception again
        known.closed_at + world.pinned.approvals.exceptions.due_within
        for known in state.work.exceptions.values()
        if known.disposition == "accepted" and known.closed_at is not None
    ]
    dates += [failing.since + patience for failing in state.watch.failing.values()]
    dates += [one.waived_until for one in state.work.open_exceptions() if one.waived_until is not None]
    dates += [known.failing_since + patience for known in state.work.steps.values() if known.failing_since is not None]
    return [date for date in dates if date > world.now]
