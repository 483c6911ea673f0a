"""What a step that removes access ended, as a part of its document."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from orchestrator.documents.document import Document
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState


def ended_document(state: RunState, step: PlannedStep, evidence: Any) -> Document | None:
    """None where the step is not done, or nothing is known about what it ended: the plan is of an earlier version, or
    nothing outlasts the step. `ended` and `not_possible` are what the system's reply said, empty once the person is
    erased."""
    changed_at = state.work.steps[step.step_id].changed_at
    if not step.removes_access or changed_at is None or not state.is_done(step.step_id):
        return None
    reply = evidence.get("reply") if isinstance(evidence, dict) else None
    reply = reply if isinstance(reply, dict) else {}
    lasts = step.tokens_last
    until = changed_at + lasts if isinstance(lasts, timedelta) and lasts else None
    document = {
        "ended": _words(reply.get("ended")),
        "not_possible": _words(reply.get("not_possible")),
        "access_tokens": "until" if until is not None else "not_known" if isinstance(lasts, str) else None,
        "access_tokens_until": until,
    }
    return document if any(document.values()) else None


def _words(value: Any) -> list[str]:
    """A connector from another package can use the same names for something else."""
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
