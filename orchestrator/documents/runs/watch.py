"""The watch of a closed run as a document: when its systems were checked again, what was found, and what comes next."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.documents.document import Document
from orchestrator.documents.runs.account_labels import account_shown
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.watch.watch import Check, next_check


def watch_document(state: RunState) -> Document | None:
    """None before the first close, and for a run that is not watched."""
    watch, following = state.watch, next_check(state)
    if watch.since is None:
        return None
    return {
        "since": watch.since,
        "days": list(watch.days),
        "next_at": following[0] + following[1] if following is not None else None,
        "ended": watch.ended.cause if watch.ended is not None else None,
        "checks": [_check(state, one) for one in watch.checks],
        "failing": [
            {"system": system, "day": one.day, "since": one.since, "tried_at": one.tried_at, "code": one.code or None}
            for system, one in watch.failing.items()
        ],
    }


def _check(state: RunState, check: Check) -> Document:
    result = check.result
    details = {**state.accounts.details, **state.watch.details}
    return {
        "system": result.system,
        "day": check.day,
        "at": check.at,
        "outcome": result.outcome,
        "steps": _steps(state, result.steps),
        "unknown": _steps(state, result.unknown),
        "accounts": [account_shown(id_, details.get(id_)) for id_ in result.accounts],
    }


def _steps(state: RunState, step_ids: Iterable[str]) -> list[Document]:
    steps = state.plan.steps
    return [{"step_id": id_, "name": steps[id_].name, "title": steps[id_].title} for id_ in step_ids if id_ in steps]
