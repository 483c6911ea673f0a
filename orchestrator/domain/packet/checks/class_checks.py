"""What is wrong with the steps for every system of a class, and what of the company's systems a packet leaves out.

Problems keep a packet from being adopted. Notices do not: a system without a step, or a class without a system, can be
meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from orchestrator.domain.packet.ability import Catalogue, KindClasses, find_ability
from orchestrator.domain.packet.class_steps import class_of, step_name
from orchestrator.domain.packet.formulas import Path
from orchestrator.domain.packet.packet import PLATFORM_FILE, WORKFLOW_FILE, Packet, WorkflowStep
from orchestrator.domain.packet.packet_yaml import PacketProblem, read_documents

MAX_NAME: Final = 63  # characters, as of `packet.Slug`

ClassProblem = tuple[Path, str, str]
"""A place in a file, the cause and the remedy."""


def class_step_problems(packet: Packet, catalogue: Catalogue) -> Iterator[ClassProblem]:
    """In workflow.yaml: an ability that no connector has, names that are too long or twice, and a workflow without any
    step. The packet is expanded."""
    written, expansion = packet.written.steps, packet.expansion or {}
    names = [step.name for step in written]
    for index, step in enumerate(written):
        here: Path = ("steps", index)
        if step.every is None:
            continue
        if names.count(step.name) > 1:
            said = f"two steps have the name {step.name!r}"
            yield (*here, "name"), said, "give each step a different name"
        if not expansion.get(step.name) and not _known_anywhere(step, packet, catalogue):
            yield (*here, "ability"), f"no connector has the ability {step.ability!r}", "correct the name"
        for system in expansion.get(step.name, ()):
            if len(step_name(step.name, system)) > MAX_NAME:
                said = f"the name of the step for {system!r} would be longer than {MAX_NAME} characters"
                yield (*here, "name"), said, "give the step or the system a shorter name"
    if not packet.workflow.steps:
        said = "no system of the packet has any of these steps"
        yield ("steps",), said, f"correct the classes, or the systems in {PLATFORM_FILE}"


def handed_over_elsewhere(packet: Packet, position: int, system: str, done: Collection[str]) -> set[str]:
    """For the step on this system at this position of workflow.yaml, if it is written for a class: the hand-overs of a
    step for the same class on the other systems, where one of that step is `done` before it. The step deletes nothing
    that they hand over. Empty for other steps."""
    written = packet.written.steps
    found: set[str] = set()
    for step in written:
        if step.every is not None and step.every == written[position].every:
            names = {step_name(step.name, system) for system in (packet.expansion or {}).get(step.name, ())}
            if names & set(done):
                found |= names - {step_name(step.name, system)}
    return found


def coverage_notices(packet: Packet, catalogue: Catalogue, classes: KindClasses) -> list[PacketProblem]:
    """The systems that no step changes anything in, the systems of a class that cannot do what a step for the class
    does, and the classes that no system has. In the order of the files and lines. The packet is expanded. HR's own
    system is not expected to have steps."""
    documents = read_documents(packet.files)
    steps = (documents[WORKFLOW_FILE].problem(*found) for found in _class_notices(packet, catalogue, classes))
    systems = (documents[PLATFORM_FILE].problem(*found) for found in _system_notices(packet, catalogue, classes))
    return [*steps, *systems]


def _class_notices(packet: Packet, catalogue: Catalogue, classes: KindClasses) -> Iterator[ClassProblem]:
    systems = packet.platform.systems
    for index, step in enumerate(packet.written.steps):
        if step.every is None:
            continue
        here: Path = ("steps", index, "every")
        of_class = [name for name, spec in systems.items() if class_of(spec, classes) == step.every]
        if not of_class:
            said = f"no system has the class {step.every!r}, so there is no step {step.name!r}"
            yield here, said, f"write 'class: {step.every}' for a system in {PLATFORM_FILE}, if there is one"
        for name in of_class:
            spec = systems[name]
            if name in (packet.expansion or {}).get(step.name, ()):
                continue
            if find_ability(catalogue, spec.connector, step.ability) is not None:
                said = f"{step.ability!r} on {name!r} was not possible yet when this version was adopted"
                yield here, said, "adopt the files again as a new version to include it"
            else:
                said = f"{step.ability!r} is not possible on {name!r}: the connector {spec.connector!r} cannot do it"
                yield here, said, "add a task for a person, or a step with another ability"


def _system_notices(packet: Packet, catalogue: Catalogue, classes: KindClasses) -> Iterator[ClassProblem]:
    for name, spec in packet.platform.systems.items():
        here: Path = ("systems", name)
        if name == packet.platform.hr.system:
            continue
        steps = [step for step in packet.workflow.steps if step.system == name]
        levels = {ability.level for step in steps if (ability := find_ability(catalogue, spec.connector, step.ability))}
        own = class_of(spec, classes)
        remedy = f"add a step for it to {WORKFLOW_FILE}" + (f", or one with 'every: {own}'" if own else "")
        if own is None and any(step.every is not None for step in packet.written.steps):
            remedy += "; with 'class' in its lines here, steps for that class include it"
        if not steps:
            yield here, f"no step is for the system {name!r}", remedy
        elif levels and levels <= {"read", "prepare"}:
            yield here, f"no step changes anything in the system {name!r}", remedy


def _known_anywhere(step: WorkflowStep, packet: Packet, catalogue: Catalogue) -> bool:
    kinds = {*catalogue, *(spec.connector for spec in packet.platform.systems.values())}
    return any(find_ability(catalogue, kind, step.ability) is not None for kind in kinds)
