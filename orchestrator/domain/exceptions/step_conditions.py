"""Exceptions about steps and tasks: when they open, and when they are over."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import (
    ExceptionContext,
    Overcome,
    Subject,
    Trigger,
    Wanted,
    stamp,
)
from orchestrator.domain.run.legal_holds import kept_by_legal_hold
from orchestrator.domain.run.steps.readiness import account_gone, approval_in_force, ready_since
from orchestrator.domain.run.work import UNDONE, StepState

StepCondition = Callable[[ExceptionContext, str], bool]


def while_step(condition: StepCondition) -> Overcome:
    """Overcome once the step is final or no longer in the plan, or once the condition does not hold for it."""

    def overcome(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
        step_id = opened.step_id or ""
        known = context.state.work.steps.get(step_id)
        return known is None or known.at_rest or not condition(context, step_id)

    return overcome


def for_step(condition: StepCondition, *, with_code: bool = False) -> tuple[Trigger, ...]:
    """A recurring exception about the step while the condition holds."""

    def wanted(context: ExceptionContext, step_id: str) -> Wanted | None:
        if not condition(context, step_id):
            return None
        code = _known(context, step_id).code if with_code else ""
        system = context.state.plan.steps[step_id].system
        return Wanted(step_id, recurring=True, step_id=step_id, system=system, code=code)

    return (Trigger(Subject.STEP, wanted),)


def _known(context: ExceptionContext, step_id: str) -> StepState:
    return context.state.work.steps[step_id]


def step_excluded(context: ExceptionContext, step_id: str) -> Wanted | None:
    step = context.state.plan.steps[step_id]
    gate_id = context.state.decisions.excluded.get(step.digest)
    if gate_id is None:
        return None
    before = [
        known
        for known in context.state.work.exceptions.values()
        if known.opened.kind == "excluded_from_approval"
        and (known.opened.step_id, known.opened.gate_id) == (step_id, gate_id)
    ]
    if any(known.open for known in before):
        return None
    # A skip that is undone leaves the step excluded.
    about = f"{step_id}-{gate_id}" + (f"-again-{len(before)}" if before else "")
    return Wanted(about, step_id=step_id, system=step.system, gate_id=gate_id)


def is_excluded(context: ExceptionContext, step_id: str) -> bool:
    return context.state.plan.steps[step_id].digest in context.state.decisions.excluded


def has_failed(context: ExceptionContext, step_id: str) -> bool:
    known = _known(context, step_id)
    return known.status == "failed" and known.code != UNDONE


def is_undone(context: ExceptionContext, step_id: str) -> bool:
    known = _known(context, step_id)
    return known.status == "failed" and known.code == UNDONE


def is_unknown(context: ExceptionContext, step_id: str) -> bool:
    return _known(context, step_id).status == "unknown"


def is_failing(context: ExceptionContext, step_id: str) -> bool:
    return _known(context, step_id).failing_since is not None


def keeps_failing(context: ExceptionContext, step_id: str) -> Wanted | None:
    known = _known(context, step_id)
    if known.status in ("failed", "unknown") or known.failing_since is None:
        return None
    if context.world.now - known.failing_since < context.patience or is_kept_by_legal_hold(context, step_id):
        return None
    about = f"{step_id}-{known.generation}-{stamp(known.failing_since)}"
    return Wanted(about, step_id=step_id, system=context.state.plan.steps[step_id].system, code=known.code)


def lacks_level(context: ExceptionContext, step_id: str) -> bool:
    return context.readiness[step_id].waits_for == "level"


def account_is_gone(context: ExceptionContext, step_id: str) -> bool:
    return account_gone(context.state, context.state.plan.steps[step_id], context.world)


def is_unapproved(context: ExceptionContext, step_id: str) -> bool:
    return approval_in_force(context.state, context.state.plan.steps[step_id], context.world) is None


def condition_unclear(context: ExceptionContext, step_id: str) -> Wanted | None:
    step = context.state.plan.steps[step_id]
    if not step.uncertain or not is_unapproved(context, step_id):
        return None
    return Wanted(step_id, step_id=step_id, system=step.system)


def is_idle(context: ExceptionContext, step_id: str) -> bool:
    step = context.state.plan.steps[step_id]
    if context.readiness[step_id].kind != "ready" or step.is_task:
        return False
    return context.world.now - ready_since(context.state, step, context.world) >= context.patience


def is_ready_or_started(context: ExceptionContext, step_id: str) -> bool:
    return _known(context, step_id).status == "started" or context.readiness[step_id].kind == "ready"


def is_kept_by_legal_hold(context: ExceptionContext, step_id: str) -> bool:
    step = context.state.plan.steps.get(step_id)
    return step is not None and kept_by_legal_hold(context.state, step, context.world.pinned, context.world.abilities)


def waits_for_legal_hold(context: ExceptionContext, step_id: str) -> Wanted | None:
    """Once the step is due. Not again after it was accepted, until that hold is lifted and another one keeps the
    step."""
    if context.readiness[step_id].waits_for != "legal_hold":
        return None
    hold = next(one.placed.hold_id for one in context.state.legal_holds if one.in_force)
    before = [
        known
        for known in context.state.work.exceptions.values()
        if (known.opened.kind, known.opened.step_id) == ("legal_hold", step_id)
    ]
    accepted = (known for known in before if known.disposition == "accepted")
    if any(known.open for known in before) or any(x.opened.exception_id.endswith(f"-by-{hold}") for x in accepted):
        return None
    system = context.state.plan.steps[step_id].system or None
    return Wanted(f"{step_id}-{len(before) + 1}-by-{hold}", step_id=step_id, system=system)


def task_overdue(context: ExceptionContext, task_id: str) -> Wanted | None:
    task = context.state.work.tasks[task_id]
    if not task.open or context.world.now < task.opened.due:
        return None
    return Wanted(task_id, step_id=task.opened.step_id)
