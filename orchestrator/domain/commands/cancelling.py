"""A run is cancelled: what waits is withdrawn, and exceptions open for what is left as it is in systems."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.exceptions.owners import with_team
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.planning.still_removed import still_removed
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def ended(state: RunState, reason: str, actor: Actor, world: World) -> list[Event]:
    """The events that cancel a run which the actor may cancel."""
    happened: list[Event] = [
        e.ExceptionClosed(exception_id=id_, disposition="ended", by=actor.actor_id)
        for id_, exception in state.work.exceptions.items()
        if exception.open and not RULES[exception.opened.kind].outlives_run
    ]
    happened += [e.GateWithdrawn(gate_id=id_) for id_, gate in state.decisions.gates.items() if gate.open]
    happened += [e.TaskWithdrawn(task_id=id_) for id_, task in state.work.tasks.items() if task.open]
    return [
        *happened,
        *_left_behind(state, world),
        *_still_removed(state, world),
        e.RunEnded(by=actor.actor_id, reason=reason, reopened=state.reopened),
    ]


def has_changed(state: RunState, step_id: str) -> bool:
    """Whether the step has changed its system, or may have: a cancellation does not undo that."""
    step, known = state.plan.steps[step_id], state.work.steps[step_id]
    took_effect = known.status in ("verified", "attested") or known.may_have_taken_effect
    return took_effect and step.level > Level.PREPARE and not step.is_task


def systems_left_changed(state: RunState) -> tuple[str, ...]:
    """The systems on which the run has made changes, or may have, that a cancellation does not undo."""
    return tuple(sorted({step.system for id_, step in state.plan.steps.items() if has_changed(state, id_)}))


def _left_behind(state: RunState, world: World) -> list[Event]:
    """What a cancellation leaves in systems: changes that the run made, and the leaving in HR's own record."""
    systems = {*systems_left_changed(state)}
    if state.hr_leaving_at is not None and state.restores is None:
        systems.add(world.pinned.platform.hr.system)
    return _opened("left_behind", systems, world)


def _still_removed(state: RunState, world: World) -> list[Event]:
    """What a cancelled restore has not restored. A step that a person skipped was decided about, and opens none."""
    return _opened("still_removed", {one.restoration.system for one in still_removed(state) if not one.skipped}, world)


def _opened(kind: e.ExceptionKind, systems: Iterable[str], world: World) -> list[Event]:
    """One exception for each system; the empty name is for tasks without a system. HR owns exceptions about its own
    system; the owner of exceptions owns the others."""
    rule, packet = RULES[kind], world.pinned
    return [
        e.ExceptionOpened(
            exception_id=f"x-{kind}-{system}" if system else f"x-{kind}",
            kind=kind,
            owners=rule.owners(packet)
            if system == packet.platform.hr.system
            else with_team((packet.approvals.exceptions.owner,), packet, system),
            due=world.now + rule.due_within(packet),
            system=system or None,
        )
        for system in sorted(systems)
    ]
