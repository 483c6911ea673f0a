"""Commands on a batch: propose, start, confirm, pause, resume and cancel; and what its feeder records.

    proposed ─► started by HR ─► confirmed by the safety owner, where it needs that ─► rows start runs ─► ended
                                                  paused ◄─► resumed                └─► cancelled: the runs stay

| command | who |
|---|---|
| propose, start | accounts that may prepare runs under the packet |
| confirm | a person with the role of the safety owner, who is not the requester |
| pause, resume, cancel | people who may prepare runs, the packet's owners, the role that resolves exceptions |

A batch does not exist for the people who leave with it. People who report to one of them neither pause nor cancel it,
while another person can: `permissions/reports.py` has the same rule for a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from orchestrator.domain import events as e
from orchestrator.domain.batches.batch import BatchRow, BatchState, unknown_batch
from orchestrator.domain.commands.requests import require_prepare
from orchestrator.domain.commands.starts.starting import releasing_roles, requester_of
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.organisation.starts import StartsState, scope_key
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.visibility import reads_everything
from orchestrator.domain.run.time import LONG_AGO

MAX_ROWS = 5_000
"""In one batch. A longer list is split."""


def may_prepare(actor: Actor, packet: Packet) -> bool:
    """Whether today's packet lets the actor ask for runs."""
    granted = granted_level(packet.platform.levels, actor, packet.platform.hr.system, packet.name)
    return granted is not None and granted >= Level.PREPARE


def sees_batch(state: BatchState, actor: Actor, packet: Packet) -> bool:
    """Whether the batch exists for this actor. `packet` is today's version."""
    if not state.people.isdisjoint(actor.people):
        return False
    if may_prepare(actor, packet) or reads_everything(actor, packet):
        return True
    return actor.kind == "person" and not actor.roles.isdisjoint(releasing_roles(packet))


def require_sees(state: BatchState, actor: Actor, packet: Packet) -> None:
    if not sees_batch(state, actor, packet):
        raise unknown_batch(state.asked.batch_id)


def needs_confirmation(rows: int, packet: Packet, starts: StartsState, actor: Actor, now: datetime) -> bool:
    """Whether so many runs are more than one list can start, or more than the limits on starts leave now."""
    if rows > packet.workflow.thresholds.batch_cap:
        return True
    limits, requester = packet.approvals.start_limits, requester_of(actor)
    if starts.trip_for(requester, packet.name) is not None:
        return True

    def used(by_packet: bool) -> int:
        key = scope_key("packet" if by_packet else "requester", requester, packet.name)
        since = max(now - limits.window, starts.released.get(key, LONG_AGO))
        return sum(
            at > since and (one.packet == packet.name if by_packet else one.requester == requester)
            for at, one in starts.counted
        )

    return used(False) + rows > limits.per_requester or used(True) + rows > limits.per_packet


def propose(
    batch_id: str,
    rows: Sequence[e.BatchRowProposed],
    *,
    broken: int,
    shadow: bool,
    packet: Packet,
    actor: Actor,
    starts: StartsState,
    now: datetime,
) -> list[Event]:
    """The batch as it is first recorded. Every row was checked before. `broken` rows of the list are not part of it."""
    require("propose_batch", actor)
    require_prepare(actor, packet, packet, packet.name)
    if not rows:
        raise Invalid("batch_empty", "No row of the list can start a run.")
    require_size(len(rows))
    proposed = e.BatchProposed(
        batch_id=batch_id,
        packet=packet.name,
        packet_version=packet.version,
        by=actor.actor_id,
        requester=requester_of(actor),
        requester_human=actor.answers_for,
        rows=len(rows),
        broken=broken,
        needs_confirmation=not shadow and needs_confirmation(len(rows), packet, starts, actor, now),
        shadow=shadow,
    )
    return [proposed, *rows]


def require_size(rows: int) -> None:
    if rows > MAX_ROWS:
        raise Invalid("batch_too_large", f"The list has {rows:,} rows; the limit is {MAX_ROWS:,}.", limit=MAX_ROWS)


def start(state: BatchState, count: int, actor: Actor, packet: Packet) -> list[Event]:
    """`count` is the number of runs as the requester read it: a batch is never started by accident."""
    require_sees(state, actor, packet)
    require("start_batch", actor)
    require_prepare(actor, packet, packet, packet.name)
    _require_open(state)
    if state.started_by is not None:
        return []
    if count != len(state.rows):
        raise Invalid(
            "batch_count_differs", f"The batch has {len(state.rows)} runs, not {count}.", count=len(state.rows)
        )
    return [e.BatchStarted(by=actor.actor_id)]


def confirm(state: BatchState, actor: Actor, packet: Packet) -> list[Event]:
    require_sees(state, actor, packet)
    require("confirm_batch", actor)
    _require_open(state)
    if packet.platform.safety_owner not in actor.roles:
        raise NotAllowed("role_missing", f"Only {any_of([packet.platform.safety_owner])} can do this.")
    if _asked(state, actor):
        raise NotAllowed("second_person_needed", "The requester of a batch can't confirm it.")
    if state.confirmed is not None:
        return []
    assert actor.human is not None, "an account that is not linked to a person was refused"
    return [e.BatchConfirmed(by=actor.actor_id, human=actor.human)]


def hold(state: BatchState, actor: Actor, packet: Packet, actors: Iterable[Actor]) -> list[Event]:
    """No run is started after this is recorded: each start rests on the version of the batch that it read. `actors` are
    all known accounts."""
    require_sees(state, actor, packet)
    require("hold_batch", actor)
    _require_steering(actor, packet)
    _require_independent(state, actor, packet, actors)
    _require_open(state)
    return [] if state.held_by is not None else [e.BatchHeld(by=actor.actor_id)]


def resume(state: BatchState, actor: Actor, packet: Packet) -> list[Event]:
    require_sees(state, actor, packet)
    require("resume_batch", actor)
    _require_steering(actor, packet)
    _require_open(state)
    return [] if state.held_by is None else [e.BatchResumed(by=actor.actor_id)]


def cancel(state: BatchState, reason: str, actor: Actor, packet: Packet, actors: Iterable[Actor]) -> list[Event]:
    """Runs that the batch started continue. `actors` are all known accounts."""
    require_sees(state, actor, packet)
    require("cancel_batch", actor)
    _require_steering(actor, packet)
    _require_independent(state, actor, packet, actors)
    _require_open(state)
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to cancel a batch.")
    return [e.BatchCancelled(by=actor.actor_id, reason=reason)]


def row_started(state: BatchState, number: int, run_id: str | None) -> list[Event]:
    """What is appended with the start of a run. Raises `TooLate` (`batch_not_running`) if the batch was paused or
    cancelled, and (`row_done`) if the row has its run."""
    require_waiting(state, number)
    return _with_end(state, e.BatchRowStarted(row=number, run_id=run_id))


def row_refused(state: BatchState, number: int, code: str) -> list[Event]:
    require_waiting(state, number)
    return _with_end(state, e.BatchRowRefused(row=number, code=code))


def hold_for(state: BatchState, code: str) -> list[Event]:
    """Offboard pauses the batch, since all further rows would be refused like this one."""
    return [e.BatchHeld(by="", code=code)] if state.status == "running" else []


def require_waiting(state: BatchState, number: int) -> BatchRow:
    if state.status != "running":
        raise TooLate("batch_not_running", f"Batch {state.asked.batch_id} starts no runs now.")
    row = state.rows[number]
    if not row.waits:
        raise TooLate("row_done", f"Row {number} of batch {state.asked.batch_id} is done.")
    return row


def _with_end(state: BatchState, event: e.BatchRowStarted | e.BatchRowRefused) -> list[Event]:
    """With the end of the batch, where this is the last row."""
    if state.done + 1 < len(state.rows):
        return [event]
    started = state.started + isinstance(event, e.BatchRowStarted)
    return [event, e.BatchEnded(started=started, refused=len(state.rows) - started)]


def can_confirm(state: BatchState, actor: Actor, packet: Packet) -> bool:
    """Whether the confirmation waits for this actor."""
    if state.status != "awaiting_confirmation" or actor.kind != "person" or actor.human is None:
        return False
    return packet.platform.safety_owner in actor.roles and not _asked(state, actor)


def can_steer(actor: Actor, packet: Packet) -> bool:
    """Whether the actor may pause, resume and cancel batches of this packet."""
    if actor.kind != "person" or actor.human is None or not actor.reaches(Level.PREPARE):
        return False
    return may_prepare(actor, packet) or not actor.roles.isdisjoint(releasing_roles(packet))


def _require_steering(actor: Actor, packet: Packet) -> None:
    if not can_steer(actor, packet):
        raise NotAllowed("role_missing", f"Only {any_of(sorted(releasing_roles(packet)))}, or HR, can do this.")


def _require_independent(state: BatchState, actor: Actor, packet: Packet, actors: Iterable[Actor]) -> None:
    """Raises `NotAllowed` (`reports_to_person`) for an actor who reports to a person of the batch, directly or
    indirectly, while a person who does not can do this: it keeps access open."""
    if state.people.isdisjoint(actor.managers):
        return
    others = (one for one in actors if state.people.isdisjoint(one.managers | one.people))
    if any(can_steer(one, packet) for one in others):
        raise NotAllowed(
            "reports_to_person",
            "People who report to a leaver of the batch, directly or indirectly, can't do this while another person "
            "can.",
        )


def _require_open(state: BatchState) -> None:
    if state.over:
        how = "was cancelled" if state.cancelled is not None else "has ended"
        raise TooLate("batch_over", f"Batch {state.asked.batch_id} {how}.")


def _asked(state: BatchState, actor: Actor) -> bool:
    """Whether the batch counts as this actor's own request."""
    asked = state.asked
    return requester_of(actor) == asked.requester or actor.requested(asked.by, asked.requester_human)
