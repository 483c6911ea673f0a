"""Which steps of a packet hand over what the person has, and which later steps must not run without that."""

from __future__ import annotations

from orchestrator.domain.packet.ability import AbilityFacts, Catalogue, find_ability
from orchestrator.domain.packet.packet import Packet, WorkflowStep
from orchestrator.domain.packet.step_order import needed_before


def hands_over(step: WorkflowStep, ability: AbilityFacts | None) -> bool:
    """Whether a step gives what the person has to another person. `ability` is None for a task, and for an ability that
    this process does not know."""
    return step.is_hand_over_task if ability is None else ability.hands_over


def ability_of(step: WorkflowStep, packet: Packet, catalogue: Catalogue) -> AbilityFacts | None:
    """None for a task, and where there is no such system, connector or ability."""
    spec = packet.platform.systems.get(step.system or "")
    return find_ability(catalogue, spec.connector, step.ability) if spec is not None else None


def hand_overs_before(name: str, packet: Packet, catalogue: Catalogue) -> list[WorkflowStep]:
    """The hand-overs that the step of this name needs, directly or through other steps, in the packet's order."""
    steps = packet.workflow.steps
    earlier = needed_before({step.name: step.needs for step in steps}).get(name, frozenset()) - {name}
    return [step for step in steps if step.name in earlier and hands_over(step, ability_of(step, packet, catalogue))]
