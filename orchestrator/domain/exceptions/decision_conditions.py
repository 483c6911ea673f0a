"""Exceptions about the request and its gates: when they open, and when they are over."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import (
    ExceptionContext,
    Wanted,
)
from orchestrator.domain.permissions.postponing import postponing_roles
from orchestrator.domain.run.decisions import signature_late_at
from orchestrator.domain.run.leaving import leaving_differs, same_day
from orchestrator.domain.run.run import RunState


def urgent_start(context: ExceptionContext, _: str) -> Wanted | None:
    reviewed = context.state.urgent and context.world.pinned.approvals.urgent is not None
    return Wanted("start") if reviewed else None


def leaving_changed(context: ExceptionContext, _: str) -> Wanted | None:
    """Once for each change of HR's record, by its version, and once for a start that set it aside."""
    state = context.state
    if _set_aside(context):
        return Wanted("start")
    if state.leaving_change is None or not leaving_differs(state):
        return None
    return Wanted(str(state.leaving_change[1]))


def _set_aside(context: ExceptionContext) -> bool:
    """Whether the run was started for a later day than HR's own record had, by an account that may not move a cutoff
    to a later time: HR's feed starts no run beside it."""
    state, world = context.state, context.world
    leaving_at = state.asked.hr_leaving_at
    if leaving_at is None or state.leaving_change is not None or state.cutoff <= state.requested_at:
        return False
    if leaving_at >= state.cutoff or same_day(state, leaving_at):
        return False
    by = world.actors.get(state.moved_by or state.asked.requested_by)
    return by is not None and by.roles.isdisjoint(postponing_roles(world.pinned, world.current))


def leaving_agrees(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    """A later change has an exception of its own."""
    state = context.state
    if opened.exception_id == "x-leaving_changed-start":
        return not _set_aside(context)
    number = state.leaving_change[1] if state.leaving_change is not None else 0
    return not leaving_differs(state) or opened.exception_id != f"x-leaving_changed-{number}"


def never(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    """Only a person closes it."""
    return False


def gate_rejected(context: ExceptionContext, gate_id: str) -> Wanted | None:
    state, gate = context.state, context.state.decisions.gates[gate_id]
    if gate.outcome != "rejected" or not _keeps_rejected(state, gate_id):
        return None
    # A step can leave the plan and come back: the exception closes without it, and opens again with it.
    return _again(context, "gate_rejected", gate_id)


def _again(context: ExceptionContext, kind: e.ExceptionKind, gate_id: str) -> Wanted | None:
    """One at a time about a gate, under another id after the one before is closed."""
    before = [
        known
        for known in context.state.work.exceptions.values()
        if known.opened.kind == kind and known.opened.gate_id == gate_id
    ]
    if any(known.open for known in before):
        return None
    return Wanted(f"{gate_id}-again-{len(before)}" if before else gate_id, gate_id=gate_id)


def _keeps_rejected(state: RunState, gate_id: str) -> bool:
    """Whether the rejection still keeps a step from running. Once an operator has skipped them all, it is final."""
    return any(
        state.decisions.rejected.get(step.digest) == gate_id and not state.work.steps[step_id].final
        for step_id, step in state.plan.steps.items()
    )


def not_rejected(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.gate_id is None or not _keeps_rejected(context.state, opened.gate_id)


def close_rejected(context: ExceptionContext, gate_id: str) -> Wanted | None:
    if not _close_stays_rejected(context, gate_id):
        return None
    # The run can change and be as before: the exception closes with the change, and opens again.
    return _again(context, "close_rejected", gate_id)


def _close_stays_rejected(context: ExceptionContext, gate_id: str) -> bool:
    """Whether what a person refused to sign is what would be signed now."""
    gate = context.state.decisions.gates[gate_id]
    digest = context.close_digests.get(gate.opened.gate)
    return gate.signs_close and digest is not None and context.state.decisions.rejected.get(digest) == gate_id


def close_not_rejected(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.gate_id is None or not _close_stays_rejected(context, opened.gate_id)


def close_overdue(context: ExceptionContext, gate_id: str) -> Wanted | None:
    gate = context.state.decisions.gates[gate_id]
    if not gate.signs_close or not gate.open:
        return None
    late_at = signature_late_at(gate, context.world.pinned)
    return Wanted(gate_id, gate_id=gate_id) if late_at is not None and context.world.now >= late_at else None


def close_decided(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.gate_id is None or not context.state.decisions.gates[opened.gate_id].open


def decider_missing(context: ExceptionContext, gate_id: str) -> Wanted | None:
    if gate_id not in context.undecidable:
        return None
    return _once_more(context, "decider_missing", gate_id, gate_id)


def reviewer_missing(context: ExceptionContext, exception_id: str) -> Wanted | None:
    if exception_id not in context.undecidable:
        return None
    return _once_more(context, "reviewer_missing", exception_id.removeprefix("x-"), None)


def _once_more(context: ExceptionContext, kind: e.ExceptionKind, about: str, gate_id: str | None) -> Wanted | None:
    """One at a time, under a new id after the one before is closed."""
    before = [
        known
        for id_, known in context.state.work.exceptions.items()
        if known.opened.kind == kind and id_.startswith(f"x-{kind}-{about}-")
    ]
    if any(known.open for known in before):
        return None
    return Wanted(f"{about}-{len(before) + 1}", gate_id=gate_id)


def has_deciders(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.gate_id not in context.undecidable


def has_reviewers(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return not any(id_ in context.state.work.exceptions for id_ in context.undecidable)
