"""Whether the repeat of a step that was done needs an approval of its own.

One rule for every way to repeat it: a replay of the step, and a retry after a replay or a check after the close found
that it is not in effect any more.

    the step deletes data or can't be undone   a new approval: its digest is new, so that no earlier one counts
    the step gives access, in a restore        the same: what took the access since can be a reason not to give it
    any other step                             the earlier approval, for as long as it is valid (`approval_in_force`)
"""

from __future__ import annotations

from orchestrator.domain.packet.ability import Catalogue, find_ability
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.plan import PlannedStep, step_digest
from orchestrator.domain.run.steps.hand_overs import needs_hand_over


def digest_of_repeat(step: PlannedStep, generation: int, packet: Packet, catalogue: Catalogue) -> str:
    """The digest that the step's gate asks about for a repeat as this generation; empty where the step keeps its
    digest, and with it the approval that it has. A step without a gate has none."""
    if step.gate is None:
        return ""
    asked_again = needs_hand_over(step, packet, catalogue) or _gives_access(step, packet, catalogue)
    return step_digest(step, generation) if asked_again else ""


def _gives_access(step: PlannedStep, packet: Packet, catalogue: Catalogue) -> bool:
    spec = packet.platform.systems.get(step.system)
    ability = find_ability(catalogue, spec.connector, step.ability) if spec is not None else None
    return ability is not None and ability.gives_access
