"""Which steps of a packet remove the person's access on a system, and whether a person decides before them."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.domain.packet.ability import AbilityFacts, Catalogue
from orchestrator.domain.packet.hand_overs import ability_of
from orchestrator.domain.packet.packet import Packet


def removal_steps(system: str, packet: Packet, catalogue: Catalogue) -> frozenset[str]:
    """The names of the steps that remove access on this system. Where none is for that, such as a suspension, they are
    the steps that end the account or destroy something there permanently: the account is deactivated or deleted without
    a suspension. Exposure, "Access removed", pauses and skipped steps all go by it."""
    known = _abilities(system, packet, catalogue)
    return frozenset(name for name, one in known.items() if one.cuts_access) or ending_steps(system, packet, catalogue)


def may_remove(system: str, packet: Packet, catalogue: Catalogue) -> bool:
    """Whether steps of the packet remove access on this system. A step whose connector this process does not have may
    do so: what depends on the answer is then asked of people once too often."""
    return bool(removal_steps(system, packet, catalogue)) or _unknown(system, packet, catalogue)


def _unknown(system: str, packet: Packet, catalogue: Catalogue) -> bool:
    steps = (step for step in packet.workflow.steps if step.system == system)
    return any(ability_of(step, packet, catalogue) is None for step in steps)


def ending_steps(system: str, packet: Packet, catalogue: Catalogue) -> frozenset[str]:
    """The names of the steps that end the account on this system or destroy something there permanently. They remove
    the access of an account for which no other step does, such as a suspension with a condition."""
    known = _abilities(system, packet, catalogue)
    return frozenset(
        name
        for name, one in known.items()
        if not one.cuts_access and (one.ends_account or (one.destroys and one.reversible == "no"))
    )


def _abilities(system: str, packet: Packet, catalogue: Catalogue) -> dict[str, AbilityFacts]:
    return {
        step.name: ability
        for step in packet.workflow.steps
        if step.system == system and (ability := ability_of(step, packet, catalogue)) is not None
    }


def removed_by_one_person(
    system: str, packet: Packet, catalogue: Catalogue, urgent: bool, roles: Collection[str]
) -> bool:
    """Whether a step that removes access on this system, or ends the account, can run without a decision of another
    person than one with these roles: it has no gate, its gate is not always needed or one person with a role of it
    decides, or the run is urgent (`RunState.goes_before_gates`). True where the connector is missing here."""
    if _unknown(system, packet, catalogue):
        return True
    removing = removal_steps(system, packet, catalogue) | ending_steps(system, packet, catalogue)
    for step in packet.workflow.steps:
        ability = ability_of(step, packet, catalogue)
        if step.system != system or step.name not in removing or ability is None:
            continue
        if step.gate is None or (urgent and ability.cuts_access and ability.reversible != "no"):
            return True
        gate = packet.approvals.gates[step.gate]
        if ability.reversible != "no" and gate.needed_when is not None:
            return True
        if gate.quorum == 1 and not {*gate.decided_by, *gate.escalate_to}.isdisjoint(roles):
            return True
    return False
