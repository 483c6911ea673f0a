"""Which steps of an open run a comparison reads once more: removals of access that were verified a while ago."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def steps_to_compare(state: RunState, world: World, older_than: timedelta) -> list[PlannedStep]:
    """The removals of access that were verified, and last seen done longer ago than `older_than`; the oldest first.
    None while the run is closed or paused, and none on a paused system."""
    if state.finished or state.held or state.dry or e.EVERYTHING in world.holds:
        return []
    seen: list[tuple[datetime, PlannedStep]] = []
    for step_id, step in state.plan.steps.items():
        known = state.work.steps[step_id]
        if known.status != "verified" or known.reading_again is not None or step.is_task:
            continue
        if not (step.removes_access and step.read_back) or step.system in world.holds:
            continue
        last = max((at for at in (known.changed_at, known.read_at) if at is not None), default=state.requested_at)
        if world.now - last >= older_than:
            seen.append((last, step))
    return [step for _, step in sorted(seen, key=lambda one: one[0])]


def request_read_back(state: RunState, step_ids: tuple[str, ...], world: World, older_than: timedelta) -> list[Event]:
    """The event for those of these steps that are still to be compared."""
    wanted = [step.step_id for step in steps_to_compare(state, world, older_than) if step.step_id in step_ids]
    return [e.ReadBackRequested(steps={id_: state.work.steps[id_].generation for id_ in wanted})] if wanted else []
