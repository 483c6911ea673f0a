"""Which steps of a packet remove the person's access on a system."""

from __future__ import annotations

from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.hand_overs import ability_of
from orchestrator.domain.packet.packet import Packet


def removal_steps(system: str, packet: Packet, catalogue: Catalogue) -> frozenset[str]:
    """The names of the steps that remove access on this system. Where none is for that, such as a suspension, they are
    the steps that destroy something there permanently: the account is deactivated or deleted without a suspension."""
    known = [
        (step.name, ability)
        for step in packet.workflow.steps
        if step.system == system and (ability := ability_of(step, packet, catalogue)) is not None
    ]
    cutting = frozenset(name for name, ability in known if ability.cuts_access)
    return cutting or frozenset(name for name, ability in known if ability.destroys and ability.reversible == "no")
