"""What the viewer of a run can do about one of its open exceptions: each action with how it would end now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.documents.runs.permissions import DryRun, Permissions
from orchestrator.domain.approvals import naming, rejections
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.run.run import RunState

SKIP_ALL = "skip_all"
"""Skip every step that a rejection is about, which makes it final."""
ASSIGN, SNOOZE, COMMENT = "assign", "snooze", "comment"
"""What people record about an exception without resolving it."""


def repair_offers(permissions: Permissions, exception_id: str) -> dict[str, DryRun]:
    """What can be done about an open exception on its card, by `Repair` or `skip_all`. The first refusal is the one
    that its card shows to a viewer who can do none of it."""
    state = permissions.state
    opened = state.work.exceptions[exception_id].opened
    step_id, repairs = opened.step_id or "", RULES[opened.kind].repairs
    has_step, rejected = step_id in state.work.steps, rejected_steps(state, exception_id)
    undecidable = naming.undecidable_item(state, state.work.exceptions[exception_id])
    asked: dict[str, tuple[bool, Callable[[], DryRun]]] = {
        Repair.ACCEPT: (True, lambda: permissions.accept(exception_id)),
        Repair.SETTLE: (opened.system is not None, lambda: permissions.settle(opened.system or "")),
        Repair.RETRY: (has_step, lambda: permissions.retry(step_id)),
        Repair.DO_BY_HAND: (has_step, lambda: permissions.do_by_hand(step_id)),
        Repair.SKIP: (has_step, lambda: permissions.skip(step_id)),
        Repair.REPLAN: (True, lambda: permissions.replan_for(exception_id)),
        Repair.REPLAN_UNDER_VERSION: (True, permissions.replan_under_version),
        Repair.NAME_DECIDER: (undecidable is not None, lambda: _name_decider(permissions, exception_id)),
        Repair.WAIVE: (True, lambda: permissions.waive(exception_id)),
    }
    offers = {str(repair): trial() for repair, (applies, trial) in asked.items() if applies and repair in repairs}
    return offers | ({SKIP_ALL: permissions.skip_steps(rejected)} if rejected else {})


def other_offers(permissions: Permissions, exception_id: str) -> dict[str, DryRun]:
    """The repairs of its kind that are done elsewhere: at the run, at its task or where held starts are listed."""
    state = permissions.state
    repairs = RULES[state.work.exceptions[exception_id].opened.kind].repairs
    offers: dict[str, DryRun] = {}
    task_id = task_of(state, exception_id)
    if Repair.COMPLETE_TASK in repairs and task_id is not None:
        offers[Repair.COMPLETE_TASK] = permissions.complete(task_id)
    if Repair.END in repairs:
        offers[Repair.END] = permissions.end()
    if Repair.RELEASE_STARTS in repairs:
        offers[Repair.RELEASE_STARTS] = DryRun()
    return offers


def all_offers(permissions: Permissions, exception_id: str) -> Mapping[str, DryRun]:
    """In the order of the rule, the usual repair first; then what is recorded without resolving the exception."""
    known = permissions.state.work.exceptions[exception_id]
    found = repair_offers(permissions, exception_id) | other_offers(permissions, exception_id)
    repairs = RULES[known.opened.kind].repairs
    if Repair.RETRY in found and Repair.RETRY_ANEW in repairs:
        found[Repair.RETRY_ANEW] = found[Repair.RETRY]
    order = [*(str(repair) for repair in repairs), SKIP_ALL]
    return {action: found[action] for action in order if action in found} | {
        ASSIGN: permissions.assign(exception_id),
        SNOOZE: permissions.snooze(exception_id),
        COMMENT: permissions.comment(exception_id),
    }


def rejected_steps(state: RunState, exception_id: str) -> list[str]:
    """The IDs of the steps whose rejection becomes final once all of them are skipped."""
    opened = state.work.exceptions[exception_id].opened
    return [id_ for id_ in rejections.rejected_steps(state, opened) if not state.work.steps[id_].final]


def task_of(state: RunState, exception_id: str) -> str | None:
    """The open task of the step that an exception is about."""
    step_id = state.work.exceptions[exception_id].opened.step_id or ""
    return next((id_ for id_, task in state.work.tasks.items() if task.open and task.opened.step_id == step_id), None)


def nameable(permissions: Permissions, exception_id: str) -> list[str]:
    """The accounts that the viewer can name to decide at the gate or review that the exception is about."""
    item_id = naming.undecidable_item(permissions.state, permissions.state.work.exceptions[exception_id])
    if item_id is None:
        return []
    return list(naming.candidates(permissions.state, item_id, permissions.actor, permissions.world))


def _name_decider(permissions: Permissions, exception_id: str) -> DryRun:
    return permissions.name_decider(exception_id, next(iter(nameable(permissions, exception_id)), ""))
