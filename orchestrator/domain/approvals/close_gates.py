"""The close of a run: what people sign there, and which signatures count.

A packet can ask for signatures (`close` in approvals.yaml). Once every step has ended, a gate opens for each entry. It
has one digest, over the entry's name and the record of the run: how each step and system ended, and which exceptions
were accepted. A vote there follows the rules of every gate (`gates.py`). An approval is kept by its digest, so that it
counts while the record stays the same. The digest can be made again from the event that opened the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator.domain import events as e
from orchestrator.domain.measures.system_outcomes import is_waived, outcomes_with, place_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.plan import digest_of
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.run import RunState


def close_record(state: RunState) -> e.CloseRecord:
    """What would be signed now. Exceptions that are open are not part of it: nothing is signed while there are any."""
    accepted = {id_: known for id_, known in state.work.exceptions.items() if is_waived(known)}
    outcomes = outcomes_with(state, accepted.values())
    steps = [
        e.SignedStep(
            step_id=id_,
            digest=step.digest,
            generation=state.work.steps[id_].generation,
            status=state.work.steps[id_].status,
        )
        for id_, step in state.plan.steps.items()
    ]
    clean = not accepted and all(step.status != "skipped" for step in steps)
    return e.CloseRecord(
        outcome="clean" if clean else "with_exceptions",
        reopened=state.reopened,
        systems=tuple(
            e.SignedSystem(place=place, outcome=outcome)
            for place, outcome in sorted(outcomes.items())
            if outcome is not None
        ),
        steps=tuple(sorted(steps, key=lambda step: step.step_id)),
        exceptions=tuple(
            e.SignedException(exception_id=id_, kind=known.opened.kind, place=place_of(state, known), by=known.by)
            for id_, known in sorted(accepted.items())
        ),
    )


def close_digest(run_id: str, name: str, record: e.CloseRecord) -> str:
    """What a signature is bound to. `name` is that of the entry in the packet: HR does not sign for finance."""
    return digest_of({"close": record.model_dump(mode="json"), "name": name, "run": run_id})


def close_digests(state: RunState, packet: Packet) -> dict[str, str]:
    """By name of the entry, the digest of what would be signed now. Empty where the packet asks for no signature, and
    in a dry run, which changes nothing."""
    if not packet.approvals.close or state.dry:
        return {}
    record = close_record(state)
    return {name: close_digest(state.run_id, name, record) for name in packet.approvals.close}


def is_about_close(state: RunState, opened: e.ExceptionOpened) -> bool:
    """Whether an exception is about a signature of the close. It keeps no one from signing."""
    gate = state.decisions.gates.get(opened.gate_id or "")
    return gate is not None and gate.signs_close


def waits_for_signatures_only(state: RunState) -> bool:
    """Whether people are asked to sign the close, or have rejected it, and nothing else of the run is open."""
    asked = any(gate.open and gate.signs_close for gate in state.decisions.gates.values())
    exceptions = [is_about_close(state, known.opened) for known in state.work.open_exceptions()]
    return (asked or any(exceptions)) and all(exceptions) and all(known.final for known in state.work.steps.values())


def unsigned(state: RunState, digests: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Those of `digests` that no approval covers which still holds."""
    return {name: digest for name, digest in digests.items() if signature(state, digest, now) is None}


def signature(state: RunState, digest: str, now: datetime) -> str | None:
    """The gate at which the digest was approved, if that still holds."""
    approval = state.decisions.approved.get(digest)
    return approval.gate_id if approval is not None and approval.holds(state.cutoff, now) else None


def interrupted(state: RunState, name: str, digest: str, packet: Packet, now: datetime) -> GateState | None:
    """The gate of this entry that was withdrawn before enough people had signed, and whose votes still hold since the
    digest is the same: an exception opened, and is closed again. None where no vote was cast or it has expired, and
    where it had escalated to roles to which the packet no longer escalates."""
    earlier = [gate for gate in state.decisions.gates.values() if gate.opened.gate == name]
    if not earlier or earlier[-1].outcome != "withdrawn" or not earlier[-1].votes:
        return None
    last = earlier[-1]
    if not set(last.escalated_to).issubset(packet.approvals.close[name].escalate_to):
        return None
    return last if last.opened.digests == (digest,) and not last.lapsed(state.cutoff, now) else None


def not_counted(state: RunState, gate_id: str) -> GateState | None:
    """The last gate of the same entry at which people voted, and which no longer counts for what this gate is about:
    the run has changed since, or the signature has expired."""
    gates = state.decisions.gates
    gate = gates[gate_id]
    if not gate.signs_close or gate.opened.continues:
        return None
    earlier = [
        other
        for id_, other in gates.items()
        if id_ != gate_id and other.opened.gate == gate.opened.gate and other.opened_at <= gate.opened_at
    ]
    voted = [other for other in earlier if other.votes]
    return voted[-1] if voted else None


@dataclass(frozen=True, slots=True)
class CloseChange:
    """One thing that differs between two records. `subject` is the id of a step or exception, empty for `reopened`: the
    run was closed and has been opened again. `before` and `after` are the states of a step: empty where the record does
    not have it. A step that was repeated can have the same state."""

    kind: Literal["step", "exception", "reopened"]
    subject: str = ""
    before: str = ""
    after: str = ""


def close_changes(before: e.CloseRecord, after: e.CloseRecord) -> tuple[CloseChange, ...]:
    """Why a signature of `before` does not count for `after`: empty if they are the same, so that it has expired."""
    found = [CloseChange("reopened")] if before.reopened != after.reopened else []
    old, new = {step.step_id: step for step in before.steps}, {step.step_id: step for step in after.steps}
    for id_ in dict.fromkeys((*old, *new)):
        was, now = old.get(id_), new.get(id_)
        if was != now:
            found.append(CloseChange("step", id_, was.status if was else "", now.status if now else ""))
    accepted = {one.exception_id for one in (*before.exceptions, *after.exceptions)}
    for id_ in sorted(accepted):
        was_there = any(one.exception_id == id_ for one in before.exceptions)
        is_there = any(one.exception_id == id_ for one in after.exceptions)
        if was_there != is_there:
            found.append(CloseChange("exception", id_, "accepted" if was_there else "", "accepted" if is_there else ""))
    return tuple(found)


def counts(state: RunState, gate_id: str) -> bool:
    """Whether the signature that was given at this gate is about the run as it is now."""
    gate = state.decisions.gates[gate_id]
    if gate.opened.close is None or gate.outcome != "approved":
        return False
    return (
        gate.opened.close == close_record(state) and state.decisions.approved[gate.opened.digests[0]].gate_id == gate_id
    )
