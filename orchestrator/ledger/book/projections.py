"""Read tables: what lists show, worked out from a run's state and written in the append that changed it.

A row is a function of the state alone, so that `rebuild` makes the same rows from the events. Rows hold ids, words and
times, nothing about a person; names come from the run's first event when a list is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.measures import outcomes
from orchestrator.domain.measures.access_end import access_end
from orchestrator.domain.packet.history.packet_state import PacketState
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.status import confirmed, counts, run_status
from orchestrator.domain.run.watch.watch import next_check
from orchestrator.domain.run.work import ExceptionState
from orchestrator.ledger.book.records import RECORDED_AT, AfterRecorded, RowWrite

Rows = dict[tuple[str, str], dict[str, Any]]
"""(table, primary key) -> the other columns."""

KEY = {"runs": "run_id", "inbox": "item_id", "exceptions": "exception_id"}


def run_rows(state: RunState) -> Rows:
    """Every row that this run has in the read tables."""
    if state.request is None:
        return {}
    rows: Rows = {("runs", state.run_id): _run(state)}
    rows.update((("exceptions", id_), row) for id_, row in _exceptions(state))
    # A run that was ended leaves nothing in the inbox but the review of an urgent start.
    rows.update((("inbox", id_), row) for id_, row in _inbox(state))
    return rows


def packet_row(state: PacketState) -> dict[str, Any]:
    """A packet's row, but for its name."""
    return {"phase": state.phase, "current_version": state.current_version}


def changes(before: RunState, after: RunState, now: datetime) -> list[RowWrite]:
    """What to write so that the tables show `after`. Instants that are `now` itself, the time at which the new events
    were folded ahead of being recorded, become the recorded one; an end of access that is counted from it, too."""
    old, new = run_rows(before), run_rows(after)
    end = access_end(after) if new else None
    writes = []
    for (table, id_), values in new.items():
        if old.get((table, id_)) != values:
            recorded = {name: _as_recorded(value, now) for name, value in values.items()}
            if table == "runs" and end is not None and end.last is now and end.gone_at not in (None, now):
                recorded["access_gone_at"] = AfterRecorded(end.tokens_last)
            if table == "runs" and (check := next_check(after)) is not None and check[0] is now:
                recorded["watch_at"] = AfterRecorded(check[1])
            writes.append(RowWrite(table, {KEY[table]: id_}, recorded))
    writes.extend(RowWrite(table, {KEY[table]: id_}, None) for table, id_ in old if (table, id_) not in new)
    return writes


def _as_recorded(value: Any, now: datetime) -> Any:
    """A column's value, or one within it."""
    if isinstance(value, dict):
        return {name: _as_recorded(one, now) for name, one in value.items()}
    return RECORDED_AT if value is now else value


def _run(state: RunState) -> dict[str, Any]:
    asked, end, check = state.asked, access_end(state), next_check(state)
    return {
        "person_id": asked.person_id,
        "state": run_status(state),
        "packet_name": asked.packet,
        "packet_version": state.packet_version,
        "cutoff": state.cutoff,
        "zone": state.zone,
        "urgent": state.urgent,
        "requested_by": asked.requested_by,
        "requester_human": asked.requester_human,
        "requested_at": state.requested_at,
        "closed_at": state.finished_at,
        "version": state.version,
        "embargo_until": state.embargo_until,
        "named": list(state.named),
        "legal_hold": state.legal_hold,
        "due_at": min((row["due_at"] for _, row in _inbox(state)), default=None),
        "summary": counts(state),
        "access_gone_at": end.gone_at if end is not None else None,
        "tokens_unknown_on": list(end.unknown_on) if end is not None else [],
        "approved_at": outcomes.approved_at(state),
        "watch_at": check[0] + check[1] if check is not None else None,
        "confirmed": confirmed(state),
        "shadow": state.dry,
        "twin_of": state.twin_of,
        "blind": state.blind,
        "restores": state.restores,
        "exposed": outcomes.exposed(state),
        "minutes_saved": outcomes.minutes_saved(state),
        "systems": outcomes.systems_touched(state),
        "open_systems": outcomes.systems_open(state),
    }


def _inbox(state: RunState) -> Iterator[tuple[str, dict[str, Any]]]:
    run = state.run_id
    for id_, gate in state.decisions.gates.items():
        if gate.open:
            yield (
                f"{run}/{id_}",
                {
                    "run_id": run,
                    "kind": "gate",
                    "roles": sorted(gate.roles),
                    "system": None,
                    "opened_at": gate.opened_at,
                    "due_at": gate.opened.decide_by,
                    "detail": {
                        "gate": gate.opened.gate,
                        "id": id_,
                        "steps": len(gate.opened.digests if gate.opened.close is None else gate.opened.close.steps),
                        "quorum": gate.opened.quorum,
                        "approvals": len(gate.votes),
                        "voted": sorted(gate.voters),
                        "escalated": bool(gate.escalated_to),
                        **_assigned(state, id_),
                        **({"close": True} if gate.signs_close else {}),
                    },
                },
            )
    for id_, task in state.work.tasks.items():
        if task.open:
            yield (
                f"{run}/{id_}",
                {
                    "run_id": run,
                    "kind": "task",
                    "roles": [task.opened.role],
                    "system": state.plan.steps[task.opened.step_id].system or None,
                    "opened_at": task.opened_at,
                    "due_at": task.opened.due,
                    "detail": {"task": task.opened.kind, "id": id_, "step": state.plan.steps[task.opened.step_id].name},
                },
            )
    for id_, exception in state.work.exceptions.items():
        if exception.open:
            opened = exception.opened
            yield (
                f"{run}/{id_}",
                {
                    "run_id": run,
                    "kind": "review" if RULES[opened.kind].is_review else "exception",
                    "roles": sorted(opened.owners),
                    "system": opened.system,
                    "opened_at": exception.opened_at,
                    "due_at": exception.due,
                    "detail": {
                        "exception": opened.kind,
                        "id": id_,
                        "code": opened.code,
                        "step": _step_name(state, id_),
                        **_assigned(state, id_),
                        **_owned(exception),
                    },
                },
            )


def _assigned(state: RunState, item_id: str) -> dict[str, list[str]]:
    """Only where there are any: rows of versions that could not assign people stay as they were."""
    assigned = sorted(state.decisions.assigned(item_id))
    return {"assigned": assigned} if assigned else {}


def _owned(exception: ExceptionState) -> dict[str, Any]:
    """Who is to resolve it, and until when it is hidden from inboxes. Only where that is so: rows of versions that had
    neither stay as they were."""
    until = {
        "snoozed_until": exception.snoozed_until,
        "waived_until": exception.waived_until,
        "reopened_at": exception.reopened_at,
    }
    shown = {name: at for name, at in until.items() if at is not None}
    return ({"owned_by": exception.assigned_to} if exception.assigned_to else {}) | shown


def _exceptions(state: RunState) -> Iterator[tuple[str, dict[str, Any]]]:
    for id_, exception in state.work.exceptions.items():
        opened = exception.opened
        yield (
            f"{state.run_id}/{id_}",
            {
                "run_id": state.run_id,
                "kind": opened.kind,
                "step_id": opened.step_id,
                "system": opened.system,
                "owner": ",".join(sorted(opened.owners)),
                "opened_at": exception.opened_at,
                "due_at": exception.due,
                "closed_at": exception.closed_at,
                "disposition": exception.disposition,
                "detail": {
                    "id": id_,
                    "code": opened.code,
                    "step": _step_name(state, id_),
                    "by": exception.by,
                    **_owned(exception),
                },
            },
        )


def _step_name(state: RunState, exception_id: str) -> str | None:
    step = state.plan.steps.get(state.work.exceptions[exception_id].opened.step_id or "")
    return step.name if step is not None else None
