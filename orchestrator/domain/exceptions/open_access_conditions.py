"""Exceptions about access that a person keeps open, and about what the leaver leaves behind in Offboard."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import (
    ExceptionContext,
    Subject,
    Wanted,
    not_covered,
    roles_only_the_leaver_has,
    services_left_alone,
    subjects,
)
from orchestrator.domain.packet.access_removal import may_remove
from orchestrator.domain.permissions.postponing import paused_by_hr
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World, pause_reported_at
from orchestrator.domain.run.work import ExceptionState


def pause_unconfirmed(context: ExceptionContext, _: str) -> Wanted | None:
    """A pause keeps access open. A person without a role of HR can place one, so that a wrong removal can be stopped,
    and HR confirms it."""
    state = context.state
    if not state.held or paused_by_hr(state, context.world):
        return None
    # Its version and not its time, which the ledger decides only when it records the pause.
    return Wanted(str(state.held_version))


def system_paused(context: ExceptionContext, system: str) -> Wanted | None:
    """Changes on a system are paused and keep access of this person open for longer than the packet has patience. Once
    for each pause that ends; one that HR accepted is not reported again, but a later pause is."""
    state = context.state
    if state.held or state.asked.phase == "shadow":
        return None
    if context.world.now < pause_reported_at(state, context.patience) or not _kept_open(state, system, context.world):
        return None
    return _reported(context, Wanted(system, system=system), (system, e.EVERYTHING))


def task_paused(context: ExceptionContext, step_id: str) -> Wanted | None:
    """A pause of everything keeps a task from opening by which access is removed, such as a change of passwords."""
    state, step = context.state, context.state.plan.steps[step_id]
    if state.held or not (step.is_task and step.removes_access) or not _waits_to_open(context, step_id):
        return None
    if context.world.now < pause_reported_at(state, context.patience):
        return None
    return _reported(context, Wanted(step_id, step_id=step_id), (e.EVERYTHING,))


def _waits_to_open(context: ExceptionContext, step_id: str) -> bool:
    """A task that is open can be completed during a pause."""
    where = context.readiness.get(step_id)
    is_open = any(task.open and task.opened.step_id == step_id for task in context.state.work.tasks.values())
    return where is not None and where.waits_for == "hold" and not is_open


def _reported(context: ExceptionContext, wanted: Wanted, held: tuple[str, ...]) -> Wanted | None:
    before = [
        known
        for known in context.state.work.exceptions.values()
        if (known.opened.kind, known.opened.system, known.opened.step_id)
        == ("pause_unconfirmed", wanted.system, wanted.step_id)
    ]
    pause = "-".join(str(context.world.held_since.get(name, 0)) for name in held)
    if any(known.open or _accepted_for(known, pause) for known in before):
        return None
    return replace(wanted, about=f"{wanted.about}-{len(before) + 1}-pause-{pause}")


def _accepted_for(known: ExceptionState, pause: str) -> bool:
    """Whether HR accepted this pause; of one that an earlier version reported it is not known which one it was."""
    _, named, accepted = known.opened.exception_id.rpartition("-pause-")
    return known.disposition == "accepted" and (not named or accepted == pause)


def _kept_open(state: RunState, system: str, world: World) -> bool:
    """Whether access on the system is to be removed and is not, or is not known."""
    look = state.accounts.searches.get(system)
    searched = bool(world.pinned.platform.systems[system].match)
    if (look is None or look.at is None) if searched else state.plan.planned_at is None:
        return may_remove(system, world.pinned, world.abilities)
    return any(
        step.system == system and step.removes_access and not state.work.steps[id_].final
        for id_, step in state.plan.steps.items()
    )


def confirmed_or_over(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    if opened.step_id is not None:
        return not _waits_to_open(context, opened.step_id)
    if opened.system is not None:
        paused = opened.system in subjects(Subject.HELD_SYSTEM, context)
        return not paused or not _kept_open(context.state, opened.system, context.world)
    state = context.state
    if opened.exception_id != f"x-pause_unconfirmed-{state.held_version}":
        return True  # another pause took its place, with an exception of its own
    return not state.held or paused_by_hr(state, context.world)


def no_longer_kept(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    """The step is no longer skipped, nor done by a person's word alone, or the answer about the accounts no longer
    holds, since the system showed others. A step that the plan no longer has can come back, so that it stays open."""
    state = context.state
    if opened.step_id is None:
        return opened.system not in state.accounts.settled
    known = state.work.steps.get(opened.step_id) or state.work.remembered.get(opened.step_id)
    if known is None:
        return True
    return known.status != "skipped" and not (known.status == "attested" and known.attested_by)


def _alone(context: ExceptionContext, kind: e.ExceptionKind, name: str, due: datetime | None = None) -> Wanted | None:
    """About a service or role that the leaver leaves behind. Under a new id after it was overcome; not after it was
    accepted, since the service or role then ends at the cutoff."""
    before = [
        known
        for known in context.state.work.exceptions.values()
        if known.opened.kind == kind and known.opened.code == name
    ]
    if any(known.open or known.disposition == "accepted" for known in before):
        return None
    return Wanted(f"{name}-{len(before) + 1}", code=name, due=due)


def service_alone(context: ExceptionContext, service: str) -> Wanted | None:
    return _alone(context, "service_without_owner", service)


def has_owner(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.code not in services_left_alone(context.state, context.world)


def role_alone(context: ExceptionContext, role: str) -> Wanted | None:
    return _alone(context, "role_without_holder", role, due=max(context.state.cutoff, context.world.now))


def has_holder(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.code not in roles_only_the_leaver_has(context.state, context.world)


def system_not_covered(context: ExceptionContext, system: str) -> Wanted | None:
    """Under a new id after it was overcome, as when the version was taken out of use; not after it was accepted."""
    before = [
        known
        for known in context.state.work.exceptions.values()
        if (known.opened.kind, known.opened.system) == ("system_not_covered", system)
    ]
    if any(known.open or known.disposition == "accepted" for known in before):
        return None
    return Wanted(f"{system}-{len(before) + 1}", system=system)


def is_covered(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.system not in not_covered(context.state, context.world)
