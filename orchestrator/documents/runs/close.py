"""What people sign before a run closes, as a document."""

from __future__ import annotations

from orchestrator.documents.document import Document
from orchestrator.domain import events as e
from orchestrator.domain.approvals.close_gates import CloseChange, close_changes, counts, not_counted
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.run import RunState


def close_document(state: RunState, gate_id: str) -> Document | None:
    """None at a gate about steps. `counts`: whether its signature is about the run as it is now. `before` is the last
    signature of the same entry that does not count for this gate, with what has changed since."""
    gate = state.decisions.gates[gate_id]
    record = gate.opened.close
    if record is None:
        return None
    statuses = [step.status for step in record.steps]
    return {
        "digest": gate.opened.digests[0],
        "outcome": record.outcome,
        "verified": statuses.count("verified"),
        "attested": statuses.count("attested"),
        "skipped": statuses.count("skipped"),
        "systems": [{"place": one.place, "outcome": one.outcome} for one in record.systems],
        "exceptions": [_exception(state, one) for one in record.exceptions],
        "counts": counts(state, gate_id),
        "before": _before(state, not_counted(state, gate_id), record),
    }


def _exception(state: RunState, signed: e.SignedException) -> Document:
    known = state.work.exceptions[signed.exception_id]
    return {
        "exception_id": signed.exception_id,
        "kind": signed.kind,
        "place": signed.place or None,
        "by": signed.by,
        "reason": known.closed.reason if known.closed is not None else None,
    }


def _before(state: RunState, gate: GateState | None, record: e.CloseRecord) -> Document | None:
    if gate is None or gate.opened.close is None:
        return None
    changes = close_changes(gate.opened.close, record)
    return {
        "gate_id": gate.opened.gate_id,
        "votes": [{"by": vote.by, "verdict": vote.verdict, "at": at, "reason": vote.reason} for vote, at in gate.votes],
        "changes": [_change(state, change) for change in changes],
    }


def _change(state: RunState, change: CloseChange) -> Document:
    title = change.subject
    if change.kind == "step":
        step = state.plan.steps.get(change.subject)
        title = step.title if step is not None else change.subject
    elif change.kind == "exception":
        title = state.work.exceptions[change.subject].opened.kind
    return {
        "kind": change.kind,
        "subject": change.subject or None,
        "title": title or None,
        "before": change.before or None,
        "after": change.after or None,
    }
