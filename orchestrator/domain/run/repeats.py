"""Whether the repeat of a step that was done needs an approval of its own.

One rule for every way to repeat it: a replay of the step, and a retry after a replay or a check after the close found
that it is not in effect any more.

    the step deletes data or can't be undone   a new approval: its digest is new, so that no earlier one counts
    any other step                             the earlier approval, for as long as it is valid (`approval_in_force`)
"""

from __future__ import annotations

from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.plan import PlannedStep, step_digest
from orchestrator.domain.run.hand_overs import needs_hand_over


def digest_of_repeat(step: PlannedStep, generation: int, packet: Packet, catalogue: Catalogue) -> str:
    """The digest that the step's gate asks about for a repeat as this generation; empty where the step keeps its
    digest, and with it the approval that it has. A step without a gate has none."""
    asked_again = step.gate is not None and needs_hand_over(step, packet, catalogue)
    return step_digest(step, generation) if asked_again else ""
