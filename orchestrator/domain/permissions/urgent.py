"""Which starts are urgent, and who may start urgently.

An urgent start removes access before anyone approves it. A start is urgent if its requester asks for that, or if its
cutoff is longer ago than `urgent.late_after` in approvals.yaml: such a person already has access that they should not
have. A packet without `urgent` allows no urgent starts, so that late starts under it wait for their approvals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.hand_overs import ability_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import HR_FEED, Actor


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whether the requester signed in recently, and for how many minutes a sign-in counts as recent."""

    recent: bool = False
    minutes: int = 5


def is_late(cutoff: datetime, packet: Packet, now: datetime) -> bool:
    """Whether a start with this cutoff is urgent under the packet because the cutoff is in the past."""
    urgent = packet.approvals.urgent
    return urgent is not None and now - cutoff > urgent.late_after


def require_urgent(actor: Actor, packet: Packet) -> None:
    """Raises `NotAllowed` (`urgent_not_allowed`) without a role that the packet lets start urgently."""
    if not _has_urgent_role(actor, packet):
        raise NotAllowed(
            "urgent_not_allowed",
            f"Packet {packet.name} allows urgent starts by these roles only: {_allowed(packet)}.",
        )


def late_start_is_urgent(
    actor: Actor, packet: Packet, abilities: Catalogue, sign_in: SignIn, *, expected: bool = False
) -> bool:
    """Whether a late start removes access before approval. HR's own feed needs no role and no sign-in: its start is
    urgent if HR's own record has the leaving as well (`expected`) and the packet grants the feed the permission for
    each step that would run before approval, and waits for approval otherwise. For everyone else it is urgent, and
    raises `NotAllowed` (`urgent_not_allowed`, `step_up_needed`)."""
    if actor.actor_id == HR_FEED:
        return expected and _feed_may_remove_access(actor, packet, abilities)
    if not _has_urgent_role(actor, packet):
        raise NotAllowed(
            "urgent_not_allowed",
            f"The cutoff is {_ago(packet)} in the past, so this is an urgent start. Packet {packet.name} allows urgent "
            f"starts by these roles only: {_allowed(packet)}.",
        )
    if not sign_in.recent:
        raise NotAllowed(
            "step_up_needed",
            f"The cutoff is {_ago(packet)} in the past, so this is an urgent start. An urgent start needs a recent "
            "sign-in.",
            minutes=sign_in.minutes,
        )
    return True


def _has_urgent_role(actor: Actor, packet: Packet) -> bool:
    urgent = packet.approvals.urgent
    return urgent is not None and actor.kind == "person" and not actor.roles.isdisjoint(urgent.allowed_to)


def _allowed(packet: Packet) -> str:
    urgent = packet.approvals.urgent
    return ", ".join(urgent.allowed_to) if urgent is not None else "none"


def _ago(packet: Packet) -> str:
    urgent = packet.approvals.urgent
    minutes = round(urgent.late_after.total_seconds() / 60) if urgent is not None else 0
    return f"more than {minutes} minutes"


def _feed_may_remove_access(actor: Actor, packet: Packet, abilities: Catalogue) -> bool:
    for step in packet.workflow.steps:
        ability = ability_of(step, packet, abilities)
        if ability is None or not ability.cuts_access or ability.reversible == "no":
            continue
        granted = granted_level(packet.platform.levels, actor, step.system or "", packet.name)
        if granted is None or granted < ability.level:
            return False
    return True
