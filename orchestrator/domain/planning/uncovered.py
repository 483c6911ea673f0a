"""Systems that the packet version in use covers, and the version of an open run does not; and whether the run can take
that version.

A run keeps its version, so that what was approved never grows. A person can have it take the version in use, with a
re-plan (`commands/extending.py`, decision 0053).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.domain.packet.class_steps import step_name
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.run import RunState


def uncovered_systems(pinned: Packet, current: Packet) -> tuple[str, ...]:
    """In the order of the steps of `current`: systems on which `pinned` has no step, and systems that a step for a
    class has since."""
    if pinned.version == current.version:
        return ()
    named = {step.system for step in pinned.workflow.steps}
    of_class = set(_steps_since(pinned, current))
    return tuple(
        dict.fromkeys(
            step.system
            for step in current.workflow.steps
            if step.system is not None and (step.system not in named or step.name in of_class)
        )
    )


def _steps_since(pinned: Packet, current: Packet) -> Iterator[str]:
    """The steps for systems that a step for a class did not have in `pinned`."""
    before = pinned.expansion or {}
    for step, systems in (current.expansion or {}).items():
        for system in systems:
            if step in before and system not in before[step]:
                yield step_name(step, system)


def further_steps(pinned: Packet, current: Packet) -> dict[str, str]:
    """The steps on systems that `pinned` does not have, or has under this name with another system or ability; by name,
    each with its system."""
    known = {(step.name, step.system, step.ability) for step in pinned.workflow.steps}
    return {
        step.name: step.system
        for step in current.workflow.steps
        if step.system is not None and (step.name, step.system, step.ability) not in known
    }


def conflicts(state: RunState, pinned: Packet, current: Packet) -> tuple[str, ...]:
    """The names of what keeps the run from taking `current`: it would change or drop a step that is decided, and so
    remove access later than approved, or ask about a rejected step as if it were another one; or it has no gate or
    system of that name, which the run still needs, or another connector for it."""
    decided = _decided_steps(state, pinned, current)
    return tuple(dict.fromkeys([*decided, *_gates(state, current), *_systems(state, pinned, current)]))


def _decided_steps(state: RunState, pinned: Packet, current: Packet) -> Iterator[str]:
    before, after = _written(pinned), _written(current)
    decisions = state.decisions
    for id_, step in state.plan.steps.items():
        refused = step.digest in decisions.rejected or step.digest in decisions.excluded
        approved = step.digest in decisions.approved and step.removes_access
        if state.work.steps[id_].final or not (refused or approved):
            continue
        if before.get(step.name) != after.get(step.name):
            yield step.name


def _written(packet: Packet) -> Mapping[str, object]:
    """By name what the packet says about a step, with the condition under which its gate is needed."""
    gates = packet.approvals.gates
    return {
        step.name: (step, gates[step.gate].needed_when if step.gate is not None else None)
        for step in packet.workflow.steps
    }


def _gates(state: RunState, current: Packet) -> Iterator[str]:
    for gate in state.decisions.gates.values():
        known = current.approvals.close if gate.signs_close else current.approvals.gates
        if gate.opened.gate not in known:
            yield gate.opened.gate


def _systems(state: RunState, pinned: Packet, current: Packet) -> Iterator[str]:
    systems, today = pinned.platform.systems, current.platform.systems
    if pinned.platform.hr.system != current.platform.hr.system:
        yield pinned.platform.hr.system
    used = (*state.accounts.searches, *(step.system for step in state.plan.steps.values() if step.system))
    for system in used:
        if system not in today or today[system].connector != systems[system].connector:
            yield system
