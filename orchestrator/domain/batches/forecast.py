"""What a batch will ask of the systems, as far as the packet says it: steps, what cannot be undone, and systems whose
rate is too low for access to end in time.

The requests counted are the least that are needed: one to find the account of a person, and two for each step that cuts
access at the cutoff, which acts and reads back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.hand_overs import ability_of
from orchestrator.domain.packet.packet import Packet, WorkflowStep
from orchestrator.domain.planning.searching import searched_systems

SEARCH_REQUESTS = 1
STEP_REQUESTS = 2
ROWS_PER_SECOND = 20.0
"""Runs that batches start together, whatever the systems allow."""


@dataclass(frozen=True, slots=True)
class LateSystem:
    """A system whose rate keeps access open: for `people`, it ends later than the packet promises, the last one at
    `ends_at`. `cutoff` is the last cutoff of the batch."""

    system: str
    rate_per_second: float
    ends_at: datetime
    cutoff: datetime
    people: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """`steps` is the most that one person can have, `systems` are those that are searched. `irreversible` are the
    titles of steps that cannot be undone, `approvals` those of the gates, `tasks` those of the tasks for people."""

    systems: tuple[str, ...]
    steps: int
    irreversible: tuple[str, ...]
    approvals: tuple[str, ...]
    tasks: tuple[str, ...]
    late: tuple[LateSystem, ...]


def forecast(cutoffs: Sequence[datetime], packet: Packet, abilities: Catalogue, now: datetime) -> Forecast:
    """For a batch whose rows have these cutoffs, if it started now."""
    steps = packet.workflow.steps
    gates = dict.fromkeys(step.gate for step in steps if step.gate is not None)
    return Forecast(
        systems=tuple(searched_systems(packet)),
        steps=len(steps),
        irreversible=tuple(step.title for step in steps if _is_final(step, packet, abilities)),
        approvals=tuple(packet.approvals.decisions[gate].title for gate in gates),
        tasks=tuple(step.title for step in steps if step.task is not None),
        late=tuple(
            late
            for system in packet.platform.systems
            if (late := _late(system, sorted(cutoffs), packet, abilities, now)) is not None
        ),
    )


def _is_final(step: WorkflowStep, packet: Packet, abilities: Catalogue) -> bool:
    ability = ability_of(step, packet, abilities)
    return ability is not None and ability.reversible == "no" and (ability.destroys or ability.cuts_access)


def _late(
    system: str, cutoffs: Sequence[datetime], packet: Packet, abilities: Catalogue, now: datetime
) -> LateSystem | None:
    """None where the system has no rate, nothing to do, or time enough. `cutoffs` in order."""
    rate = packet.platform.systems[system].rate_per_second
    steps = sum(_cuts_at_cutoff(step, system, packet, abilities) for step in packet.workflow.steps)
    if rate is None or not steps or not cutoffs:
        return None
    allowed = packet.workflow.outcomes.access_gone_within
    searched = now + timedelta(seconds=len(cutoffs) * SEARCH_REQUESTS / rate)
    free, late = now, 0
    for number, cutoff in enumerate(cutoffs, start=1):
        found = now + timedelta(seconds=number * SEARCH_REQUESTS / rate)
        free = max(free, cutoff, found) + timedelta(seconds=steps * STEP_REQUESTS / rate)
        late += free > cutoff + allowed
    if not late:
        return None
    return LateSystem(system, rate, max(free, searched), cutoffs[-1], late)


def _cuts_at_cutoff(step: WorkflowStep, system: str, packet: Packet, abilities: Catalogue) -> bool:
    ability = ability_of(step, packet, abilities)
    return step.system == system and ability is not None and ability.cuts_access and step.at.offset <= timedelta(0)
