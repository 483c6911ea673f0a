"""The roles that own an exception where the packet's role for exceptions does not."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.legal_hold_roles import legal_hold_roles
from orchestrator.domain.permissions.postponing import postponing_roles


def reviewers(packet: Packet) -> tuple[str, ...]:
    return packet.approvals.urgent.review_by if packet.approvals.urgent is not None else ()


def review_within(packet: Packet) -> timedelta:
    urgent = packet.approvals.urgent
    return urgent.review_within if urgent is not None else packet.approvals.exceptions.due_within


def with_team(owners: tuple[str, ...], packet: Packet, system: str | None) -> tuple[str, ...]:
    """Where the role for exceptions is an owner, the team that supports the system comes first. The role stays an
    owner: all people of the team may have left."""
    if packet.approvals.exceptions.owner not in owners:
        return owners
    return tuple(dict.fromkeys((*team_roles(packet, system), *owners)))


def team_roles(packet: Packet, system: str | None) -> tuple[str, ...]:
    """The role of the team that supports the system, which can act as an operator there. Empty if there is none."""
    spec = packet.platform.systems.get(system or "")
    return (spec.support.role,) if spec is not None and spec.support.role is not None else ()


def hr_roles(packet: Packet) -> tuple[str, ...]:
    return tuple(sorted(postponing_roles(packet, packet))) or (packet.workflow.value_owner,)


def hr_and_legal(packet: Packet) -> tuple[str, ...]:
    """HR, and those who can lift a legal hold."""
    return tuple(sorted({*hr_roles(packet), *legal_hold_roles(packet, packet)}))


def owners_of_packet(packet: Packet) -> tuple[str, ...]:
    """Several roles, since the only person with one of them may be the leaver."""
    owners = (packet.platform.safety_owner, packet.workflow.value_owner, packet.approvals.exceptions.owner)
    return tuple(dict.fromkeys(owners))


def safety_first(packet: Packet) -> tuple[str, ...]:
    """The role that resolves exceptions as well, since the leaver may be the only safety owner."""
    return tuple(dict.fromkeys((packet.platform.safety_owner, packet.approvals.exceptions.owner)))
