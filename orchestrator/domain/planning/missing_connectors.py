"""Systems whose connector this process does not have, in the version that the run's packet names.

A connector of another distribution is missing where the distribution is not installed, or in another version. No step
can be planned or carried out with it; other systems are not affected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.domain.packet.ability import Catalogue, find_ability
from orchestrator.domain.packet.packet import Packet, SystemSpec
from orchestrator.domain.planning.searching import unsettled
from orchestrator.domain.run.run import RunState

MISSING: Final = "connector_missing"
MISSING_CODES: Final = frozenset(
    {MISSING, "connector_not_installed", "connector_version", "connector_broken", "unknown_kind"}
)
"""Codes with which a search or an attempt fails for want of the connector, and the one of a plan."""


def missing_systems(state: RunState, packet: Packet, catalogue: Catalogue) -> tuple[str, ...]:
    """Systems on which the plan has left steps open, since this process does not have their connector."""
    return tuple(
        dict.fromkeys(
            step.system
            for step in packet.workflow.steps
            if step.name in state.plan.open_steps
            and step.system is not None
            and find_ability(catalogue, packet.platform.systems[step.system].connector, step.ability) is None
        )
    )


def can_plan_more(state: RunState, packet: Packet, catalogue: Catalogue) -> bool:
    """Whether a step can be planned now that was left open: its connector was missing in the process that planned."""
    return any(_plannable(state, packet, catalogue)) if state.plan.open_steps else False


def _plannable(state: RunState, packet: Packet, catalogue: Catalogue) -> Iterator[bool]:
    questions = set(unsettled(state, packet))
    for step in packet.workflow.steps:
        if step.name not in state.plan.open_steps or step.system is None:
            continue
        ability = find_ability(catalogue, packet.platform.systems[step.system].connector, step.ability)
        yield ability is not None and not (ability.needs_account and step.system in questions)


def remedy(spec: SystemSpec) -> str:
    """What to do where the connector of this system is missing."""
    name, named, distribution = spec.connector.partition("@")
    if not named:
        return f"{spec.title} needs the connector {name}: install a version of Offboard that has it."
    return f"{spec.title} needs the connector {spec.connector}: install {distribution} for worker and web process."
