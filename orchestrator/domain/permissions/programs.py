"""Services and assistants that act here: who lets them in, and which roles they never have."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import COMMANDS, CommandName, require
from orchestrator.domain.permissions.levels import Actor, ActorKind


def require_safety_owner(actor: Actor, packets: Iterable[Packet], command: CommandName) -> None:
    """Only a safety owner of a packet in use decides what other programs may do and are sent. A draft does not make
    anyone an owner, since any user can adopt one. Raises `NotAllowed`."""
    require(command, actor)
    owners = {packet.platform.safety_owner for packet in packets}
    if actor.roles.isdisjoint(owners):
        named = any_of(owners) or "a safety owner of a packet in use"
        raise NotAllowed("not_an_owner", f"Only {named} can {COMMANDS[command].act}.")


def require_known_safety_owner(actor: Actor, packet: Packet, packets: Iterable[Packet]) -> None:
    """A packet says itself who owns it. Where others (`packets`) are in use, what systems are connected to is for their
    safety owners, in a packet that has just been written as well. Raises `NotAllowed`."""
    owners = {known.platform.safety_owner for known in packets}
    if owners and packet.platform.safety_owner not in owners and actor.roles.isdisjoint(owners):
        named = " or ".join(sorted(owners))
        raise NotAllowed("not_an_owner", f"The safety owner of a new packet must be {named}, as in the packets in use.")


def require_harmless_roles(kind: ActorKind, roles: Collection[str], packets: Iterable[Packet]) -> None:
    """Decisions are people's, and so are the roles that come with them. Raises `Invalid` for one that decides at a
    gate, reviews an urgent start or owns a packet's file."""
    deciding = {role for packet in packets for role in _deciding(packet)}
    wrong = sorted(deciding.intersection(roles))
    if kind == "person":
        raise Invalid("person_signs_in", "People get their tokens by signing in.")
    if wrong:
        raise Invalid("role_of_people", f"Only people can have the role {', '.join(wrong)}.")


def require_own_grants(actor: Actor, kind: ActorKind, roles: Collection[str], packets: Iterable[Packet]) -> None:
    """One packet's safety owner makes nothing act that another's file grants something to by its role; what a file
    grants to everyone of a kind, it grants to these as well. Raises `NotAllowed`."""
    for packet in packets:
        granted = {rule.who for rule in packet.platform.levels if rule.kind == kind} & set(roles)
        if granted and packet.platform.safety_owner not in actor.roles:
            raise NotAllowed(
                "not_an_owner",
                f"Packet {packet.name} grants permissions to the role {', '.join(sorted(granted))}; only "
                f"{any_of((packet.platform.safety_owner,))} can create a token with it.",
            )


def _deciding(packet: Packet) -> Iterable[str]:
    yield packet.workflow.value_owner
    yield packet.platform.safety_owner
    for gate in packet.approvals.decisions.values():
        yield from (*gate.decided_by, *gate.escalate_to)
    if packet.approvals.urgent is not None:
        yield from packet.approvals.urgent.review_by
