"""A batch as a document, for pages, API and terminal: what it will do, how far it is, and what waits for whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta

from orchestrator.documents.document import Document
from orchestrator.domain.batches import batch_commands
from orchestrator.domain.batches.batch import BatchRow, BatchState
from orchestrator.domain.batches.forecast import forecast
from orchestrator.domain.commands.starts.starting import releasing_roles
from orchestrator.domain.organisation.starts import StartsState
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.reading.batches import RunsOfBatch

RATE_OVER = timedelta(minutes=1)
"""The rate is that of the rows that were done in this time."""


def batch_line(state: BatchState, packet: Packet, starts: StartsState, now: datetime) -> Document:
    """A batch in a list. `packet` is today's version."""
    asked = state.asked
    rate = _rate_per_minute(state, now)
    return {
        "batch_id": asked.batch_id,
        "packet": asked.packet,
        "status": state.status,
        "shadow": asked.shadow,
        "proposed_by": asked.by,
        "proposed_at": state.proposed_at,
        "people": len(state.rows),
        "broken": asked.broken,
        "needs_confirmation": asked.needs_confirmation,
        "started": state.started,
        "refused": state.done - state.started,
        "waiting": state.waiting,
        "rate_per_minute": rate,
        "seconds_left": round(state.waiting / rate * 60) if rate and state.status == "running" else None,
        "waits_for": _waits_for(state, packet, starts),
        "over_at": state.over_at,
    }


def batch_document(
    state: BatchState,
    packet: Packet,
    starts: StartsState,
    actor: Actor,
    abilities: Catalogue,
    runs: RunsOfBatch,
    now: datetime,
) -> Document:
    """A batch that the actor sees. `runs` are those of its runs that they see."""
    return {
        **batch_line(state, packet, starts, now),
        "started_by": state.started_by,
        "started_at": state.started_at,
        "confirmed_by": state.confirmed.by if state.confirmed is not None else None,
        "confirmed_at": state.confirmed_at,
        "held_by": state.held_by,
        "held_code": state.held_code,
        "cancelled_by": state.cancelled.by if state.cancelled is not None else None,
        "cancel_reason": state.cancelled.reason if state.cancelled is not None else None,
        "preview": _preview(state, packet, abilities, now),
        "runs": dict(sorted(Counter(runs.states.values()).items())),
        "open_items": [asdict(item) for item in runs.waiting],
        "can": _can(state, actor, packet),
        "rows": [_row(state, row, runs, actor) for row in state.rows.values()],
    }


def _rate_per_minute(state: BatchState, now: datetime) -> float | None:
    """None for a batch that starts nothing now, or has just begun."""
    begun = max(filter(None, (state.started_at, state.confirmed_at)), default=None)
    if state.status != "running" or begun is None:
        return None
    since = max(now - RATE_OVER, begun)
    done = sum(row.at is not None and row.at >= since for row in state.rows.values())
    seconds = max((now - since).total_seconds(), 1.0)
    return round(done * 60 / seconds, 1) if done else None


def _waits_for(state: BatchState, packet: Packet, starts: StartsState) -> Document | None:
    """What keeps the batch from starting runs, and the roles that can change it; None where nothing does."""
    owners = sorted(releasing_roles(packet))
    match state.status:
        case "proposed":
            return {"what": "start", "roles": []}
        case "awaiting_confirmation":
            return {"what": "confirmation", "roles": [packet.platform.safety_owner]}
        case "held":
            return {"what": "resume", "roles": owners}
        case "running" if not state.asked.shadow and state.confirmed is None:
            trip = starts.trip_for(state.asked.requester, packet.name)
            return {"what": "limit", "roles": owners} if trip is not None else None
    return None


def _preview(state: BatchState, packet: Packet, abilities: Catalogue, now: datetime) -> Document:
    found = forecast([row.proposed.cutoff for row in state.rows.values() if row.waits], packet, abilities, now)
    return {
        "systems": list(found.systems),
        "steps_each": found.steps,
        "irreversible": list(found.irreversible),
        "approvals": list(found.approvals),
        "tasks": list(found.tasks),
        "late": [asdict(late) for late in found.late] if not state.over else [],
    }


def _can(state: BatchState, actor: Actor, packet: Packet) -> Document:
    steers = batch_commands.can_steer(actor, packet) and not state.over
    prepares = batch_commands.may_prepare(actor, packet) and actor.kind != "assistant"
    return {
        "start": state.status == "proposed" and prepares,
        "confirm": batch_commands.can_confirm(state, actor, packet),
        "hold": steers and state.status != "held",
        "resume": steers and state.held_by is not None,
        "cancel": steers,
    }


def _row(state: BatchState, row: BatchRow, runs: RunsOfBatch, actor: Actor) -> Document:
    """A run that the viewer does not see is not named. That a person has an open run already is what the requester
    sees; to others, it may be a run under embargo, and the request was received."""
    asked = row.proposed
    hidden = row.code == "run_open" and actor.actor_id != state.asked.by
    seen = row.run_id if row.run_id in runs.states else None
    return {
        "row": asked.row,
        "place": asked.place,
        "person": asked.label,
        "cutoff": asked.cutoff,
        "zone": asked.zone,
        "status": "received" if hidden else state.row_status(row),
        "code": None if hidden else row.code,
        "run_id": seen,
        "run_state": runs.states[seen] if seen is not None else None,
        "done_at": row.at,
    }
