"""An owner's objection to a packet version: it keeps the version where it is until its author withdraws it. A new
version is not affected by it.

Each function returns what to append to the packet's stream, and raises a `Refusal` instead.
"""

from __future__ import annotations

from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Draft
from orchestrator.domain.packet.history.packet_events import PacketObjected, PacketObjectionWithdrawn
from orchestrator.domain.packet.history.packet_phases import following_phase, not_an_owner
from orchestrator.domain.packet.history.packet_state import ObjectionRecord, PacketState
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor


def object_to(state: PacketState, version: str, actor: Actor, reason: str) -> list[Draft]:
    """An owner of the version, or of the one in production, objects with a reason to a version that can still go
    forward. One person has one open objection to a version."""
    require("object_to_packet", actor)
    known = state.version(version)
    following_phase(known)
    # A version can name other owners; those of the version in production answer for what is replaced.
    concerned = [known, *(each for each in state.versions if each.phase == "production")]
    owners = {role for each in concerned for role in (each.value_owner, each.safety_owner)}
    if not actor.roles & owners:
        raise not_an_owner(actor, "object to", owners)
    if not reason.strip():
        raise Invalid("reason_missing", "An objection needs a reason.")
    if any(_is_author(each, actor) for each in known.open_objections):
        raise TooLate("objected_already", f"You already object to version {known.version[:12]}.")
    number = 1 + sum(len(each.objections) for each in state.versions)
    event = PacketObjected(
        version=known.version,
        objection=f"objection-{number}",
        by=actor.actor_id,
        human=actor.human or "",
        explanation=reason.strip(),
    )
    return [Draft(key=f"objected/{event.objection}", event=event, subject=actor.human)]


def withdraw_objection(state: PacketState, version: str, objection: str, actor: Actor) -> list[Draft]:
    """By its author, whatever their roles are now. Nothing to append if it is withdrawn already."""
    require("withdraw_objection", actor)
    known = state.version(version)
    found = next((each for each in known.objections if each.objection == objection), None)
    if found is None:
        raise Invalid("unknown_objection", f"Version {known.version[:12]} has no objection {objection[:40]!r}.")
    if not _is_author(found, actor):
        raise NotAllowed("not_your_objection", f"Only {found.by}, who objected, can withdraw this objection.")
    if found.withdrawn:
        return []
    event = PacketObjectionWithdrawn(version=known.version, objection=objection, by=actor.actor_id)
    return [Draft(key=f"objection-withdrawn/{objection}", event=event)]


def _is_author(known: ObjectionRecord, actor: Actor) -> bool:
    return known.by == actor.actor_id or actor.is_person(known.human)
