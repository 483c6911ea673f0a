"""Steps for every system of a class: `every: identity_provider` in workflow.yaml.

When a version is adopted, its classes are looked up once, and the systems that each such step has are recorded with the
version (`PacketAdopted.expansion`). From then on the step is one ordinary step for each system: plans, gates, levels,
exceptions and pages know no other. A later version of Offboard, whose connectors can do more, adds no step to a version
that the owners have signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.domain.packet.ability import Catalogue, KindClasses, SystemClass, find_ability
from orchestrator.domain.packet.packet import (
    WORKFLOW_FILE,
    Expansion,
    Packet,
    Platform,
    SystemSpec,
    Workflow,
    WorkflowStep,
    packet_version,
)
from orchestrator.domain.packet.packet_yaml import PacketProblem, PacketProblems

MAX_STEPS: Final = 500
"""Steps of a packet with an expansion. A small file could expand to a million steps otherwise."""


def class_of(spec: SystemSpec, classes: KindClasses) -> SystemClass | None:
    """What platform.yaml says, or else the connector's kind; None where neither does."""
    return spec.system_class or classes.get(spec.connector)


def step_name(step: str, system: str) -> str:
    """The name of the step for one system of the class."""
    return f"{step}-{system}"


def expanded(packet: Packet, catalogue: Catalogue, classes: KindClasses) -> Packet:
    """The packet with one step for each system of the class whose connector has the ability, in the order of
    platform.yaml; the packet itself where no step is written for a class. Raises `PacketProblems` where that is more
    than `MAX_STEPS`."""
    if not any(step.every is not None for step in packet.written.steps):
        return packet
    systems = packet.platform.systems
    found: dict[str, tuple[str, ...]] = {}
    for step in packet.written.steps:
        if step.every is not None:
            found[step.name] = tuple(
                name
                for name, spec in systems.items()
                if class_of(spec, classes) == step.every and find_ability(catalogue, spec.connector, step.ability)
            )
    return packet.model_copy(
        update={
            "workflow": expand(packet.written, packet.platform, found),
            "expansion": found,
            "version": packet_version(packet.files, found),
        }
    )


def expand(written: Workflow, platform: Platform, expansion: Expansion) -> Workflow:
    """The workflow with the steps of the expansion in place of those that are written for a class. A step without a
    system disappears: what needs it needs instead what it would have needed. Raises `PacketProblems`."""
    number = sum(1 if step.every is None else len(expansion.get(step.name, ())) for step in written.steps)
    if number > MAX_STEPS:
        said = f"the steps for every system of a class make {number} steps, and {MAX_STEPS} are possible"
        problem = PacketProblem(
            file=WORKFLOW_FILE,
            field="steps",
            message=said,
            remedy="write fewer such steps, or split the packet",
        )
        raise PacketProblems([problem])
    needs = _Needs(written, expansion)
    steps: list[WorkflowStep] = []
    for step in written.steps:
        if step.every is None:
            steps.append(step.model_copy(update={"needs": needs.of(step)}))
        for system in expansion.get(step.name, ()) if step.every is not None else ():
            steps.append(
                step.model_copy(
                    update={
                        "name": step_name(step.name, system),
                        "title": f"{step.title}: {platform.systems[system].title}",
                        "system": system,
                        "every": None,
                        "needs": needs.of(step, system),
                    }
                )
            )
    return written.model_copy(update={"steps": tuple(steps)})


def places(packet: Packet) -> list[int]:
    """For each step of `packet.workflow`, the position in workflow.yaml of the step that it comes from."""
    expansion = packet.expansion or {}
    return [
        position
        for position, step in enumerate(packet.written.steps)
        for _ in range(1 if step.every is None else len(expansion.get(step.name, ())))
    ]


class _Needs:
    """What the needs of a written step mean for the steps that it becomes."""

    def __init__(self, written: Workflow, expansion: Expansion) -> None:
        self._for_class = {step.name: step for step in written.steps if step.every is not None}
        self._expansion = expansion

    def of(self, step: WorkflowStep, system: str | None = None) -> tuple[str, ...]:
        """A need of the same class is the step of the same system; any other need for a class is the steps of all its
        systems. Where there is no such step, the needs of the missing step count in its place, so that what comes
        before it still comes first."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = list(reversed(step.needs))
        while waiting:
            need = waiting.pop()
            if need in seen:
                continue
            seen.add(need)
            names = list(self._meant(need, step, system))
            found |= dict.fromkeys(names)
            if not names:
                waiting.extend(reversed(self._for_class[need].needs))
        return tuple(found)

    def _meant(self, need: str, step: WorkflowStep, system: str | None) -> Iterator[str]:
        other = self._for_class.get(need)
        if other is None:
            yield need
            return
        for name in self._expansion.get(need, ()):
            if system is None or other.every != step.every or name == system:
                yield step_name(need, name)
