"""The status of a run for lists: one word and a few counts."""

from __future__ import annotations

from typing import Literal

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.measures.system_outcomes import exceptions_left
from orchestrator.domain.permissions.levels import HR_FEED
from orchestrator.domain.run.run import RunState

RunStatus = Literal[
    "searching", "awaiting_decision", "scheduled", "in_progress", "needs_attention", "held",
    "clean", "with_exceptions", "shadow", "ended",
]  # fmt: skip


def run_status(state: RunState) -> RunStatus:
    if state.finish == "clean" and exceptions_left(state):
        return "with_exceptions"
    if state.finish is not None:
        return state.finish
    if state.held:
        return "held"
    if any(not exception.waived for exception in state.work.open_exceptions()):
        return "needs_attention"
    if state.plan.planned_at is None:
        return "searching"
    if any(gate.open for gate in state.decisions.gates.values()):
        return "awaiting_decision"
    return "in_progress" if any(known.attempt for known in state.work.steps.values()) else "scheduled"


def confirmed(state: RunState) -> bool:
    """Whether not only its requester says that the person leaves: another person approved a gate or reviewed the urgent
    start, HR's own system reported it and has it in its record, or the run was completed, also if it is open again.
    Until then the leaver keeps access to Offboard itself. A dry run confirms nothing. A restore counts once it
    is completed: from then on the person has access again."""
    if state.asked.phase == "shadow":
        return False
    if state.restores is not None:
        return state.finish in ("clean", "with_exceptions")
    reported = state.asked.requested_by == HR_FEED and not state.asked.hr_disagrees
    if reported or state.reopened or state.finish in ("clean", "with_exceptions"):
        return True
    if any(gate.outcome == "approved" for gate in state.decisions.gates.values()):
        return True
    return any(
        known.disposition == "accepted" and RULES[known.opened.kind].is_review
        for known in state.work.exceptions.values()
    )


def counts(state: RunState) -> dict[str, int]:
    statuses = [known.status for known in state.work.steps.values()]
    return {
        "steps": len(statuses),
        "final": sum(known.final for known in state.work.steps.values()),
        "verified": statuses.count("verified"),
        "attested": statuses.count("attested"),
        "skipped": statuses.count("skipped"),
        "open_gates": sum(gate.open for gate in state.decisions.gates.values()),
        "open_tasks": sum(task.open for task in state.work.tasks.values()),
        "open_exceptions": len(state.work.open_exceptions()),
    }
