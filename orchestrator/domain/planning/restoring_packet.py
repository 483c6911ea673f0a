"""The packet of a run that restores access: the packet of the run that it undoes, with other steps and one gate.

Systems, levels, owners and thresholds stay as they are. The steps are those of the request. What gives access has the
gate `restore_access`. A packet can define this gate; otherwise those decide who decided about removing the access.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from orchestrator.domain.events import RunRequested
from orchestrator.domain.packet.packet import GateSpec, Packet, TaskSpec, WatchSpec, WorkflowStep
from orchestrator.domain.planning.restoration import Restoration, RestoreWhy

RESTORE_GATE: Final = "restore_access"
RESTORE_TITLE: Final = "Restore access"
_MAX_NAME: Final = 63

_INSTRUCTIONS: Final[Mapping[RestoreWhy | None, str]] = {
    "no_inverse": "Offboard can't undo this step. Give the person what they need again by hand, and note it.",
    "done_by_hand": "A person did this step by hand. Undo it where the person needs it again, and note what was done.",
    "outcome_unknown": "It is not known whether this step took effect. Check the system, undo it there if it did, and "
    "note what was found.",
    "not_recorded": "It is not recorded what this step removed. Give the person by hand what they need again, and note "
    "what was done.",
    "record_in_hr": "HR's own record has the leaving of this person. Take the leaving date back in HR, and attach "
    "evidence.",
}


def packet_of(asked: RunRequested, packet: Packet) -> Packet:
    """A version of the packet as it governs the run of this request."""
    return packet if asked.restores is None else restoring_packet(packet, asked.restorations)


def restoring_packet(packet: Packet, restorations: Sequence[Restoration]) -> Packet:
    """`packet` for a run with these restorations. People sign the close of an offboarding, and not of a restore."""
    steps = tuple(_steps(packet, restorations))
    workflow = packet.workflow.model_copy(update={"steps": steps, "watch": WatchSpec(days=())})
    gates = {RESTORE_GATE: restore_gate(packet, restorations)}
    return packet.model_copy(
        update={
            "workflow": workflow,
            "written": workflow,
            "expansion": None,
            "approvals": packet.approvals.model_copy(update={"gates": gates, "close": {}}),
        }
    )


def restore_gate(packet: Packet, restorations: Sequence[Restoration]) -> GateSpec:
    """The gate of what gives access. Its people are those of the first removal that has a gate, and as many as at the
    strictest gate of the removals."""
    gates = packet.approvals.gates
    if RESTORE_GATE in gates:
        return gates[RESTORE_GATE].model_copy(update={"needed_when": None})
    removed = {one.name for one in restorations if one.act == "restore"}
    named = [step.gate for step in packet.workflow.steps if step.name in removed and step.gate in gates]
    used = [gates[name] for name in dict.fromkeys(name for name in named if name is not None)] or [*gates.values()]
    if not used:
        owner = (packet.platform.safety_owner,)
        return GateSpec(title=RESTORE_TITLE, decided_by=owner, decide_within=timedelta(days=1), valid_for=timedelta(7))
    quorum = max(gate.quorum for gate in used)
    return used[0].model_copy(update={"title": RESTORE_TITLE, "needed_when": None, "quorum": quorum})


def _steps(packet: Packet, restorations: Sequence[Restoration]) -> Iterator[WorkflowStep]:
    """The steps that give something that is named follow those that make the account usable."""
    first: dict[str, list[str]] = {}
    for name, one in _named(restorations):
        if one.act == "task":
            yield WorkflowStep(name=name, title=f"Undo by hand: {one.title}", task=_task(packet, one))
            continue
        yield WorkflowStep(
            name=name,
            title=f"Undo: {one.title}",
            system=one.system,
            ability=one.ability,
            gate=RESTORE_GATE if one.gives_access else None,
            needs=tuple(first.get(one.system, ())) if one.gives_things else (),
        )
        if not one.gives_things:
            first.setdefault(one.system, []).append(name)


def task_names(restorations: Sequence[Restoration]) -> dict[str, str]:
    """The names of the tasks by hand, by the step of the earlier run that each is about."""
    return {one.restored_step: name for name, one in _named(restorations) if one.act == "task"}


def _named(restorations: Sequence[Restoration]) -> Iterator[tuple[str, Restoration]]:
    """Each step of the packet with its name, in their order. Restorations that share an ability share a step."""
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    for one in sorted(restorations, key=lambda one: one.gives_things):
        if one.act == "none":
            continue
        what = (one.system, one.ability) if one.act == "restore" else (one.restored_step, one.why or "")
        if what in seen:
            continue
        seen.add(what)
        yield _name(one, names), one


def _name(one: Restoration, names: set[str]) -> str:
    stem = ("undo_" if one.act == "restore" else "undo_by_hand_") + (one.name or "leaving_in_hr")
    name, number = stem[:_MAX_NAME], 1
    while name in names:
        number += 1
        name = f"{stem[: _MAX_NAME - 4]}-{number}"
    names.add(name)
    return name


def _task(packet: Packet, one: Restoration) -> TaskSpec:
    """Tasks in HR's own system are for HR, the others for the owner of exceptions."""
    role = packet.approvals.exceptions.owner
    if one.system == packet.platform.hr.system:
        postpone = packet.approvals.postpone
        role = postpone.allowed_to[0] if postpone is not None else packet.workflow.value_owner
    return TaskSpec(role=role, instruction=_INSTRUCTIONS[one.why])
