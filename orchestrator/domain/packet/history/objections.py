"""An owner's objection to a packet version: it keeps the version where it is until its author withdraws it. A new
version is not affected by it, and answers it if its adoption says so.

Each function returns what to append to the packet's stream, and raises a `Refusal` instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Draft
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.packet.history.packet_events import (
    FORWARD,
    PacketObjected,
    PacketObjectionAnswered,
    PacketObjectionWithdrawn,
)
from orchestrator.domain.packet.history.packet_phases import following_phase, not_an_owner
from orchestrator.domain.packet.history.packet_state import ObjectionRecord, PacketState, VersionState
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor


def object_to(state: PacketState, version: str, actor: Actor, reason: str) -> list[Draft]:
    """An owner of the version, or of the one in production, objects with a reason to a version that can still go
    forward. One person has one open objection to a version."""
    require("object_to_packet", actor)
    known = state.version(version)
    following_phase(known)
    # A version can name other owners; those of the version in production answer for what is replaced.
    concerned = (known, state.in_production or known)
    owners = {role for each in concerned for role in (each.value_owner, each.safety_owner)}
    if not actor.roles & owners:
        raise not_an_owner(actor, "object to", owners)
    if is_blank(reason):
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


def answer(state: PacketState, version: str, answers: Mapping[str, str], actor: Actor) -> list[Draft]:
    """The adoption of `version` answers objections to other versions: `answers` has a sentence for each, by its ID. A
    version can also answer them after it was adopted, when it is adopted again. Nothing to append for an objection that
    it answers already."""
    require("adopt_packet", actor)
    made = []
    for objection, sentence in answers.items():
        known, found = _named(state, objection)
        if known.version == version:
            raise Invalid(
                "answered_by_itself", f"Objection {objection} is to this version. Another version can answer it."
            )
        if is_blank(sentence):
            raise Invalid("reason_missing", f"An answer to objection {objection} needs a sentence.")
        if found.withdrawn:
            raise TooLate("objection_withdrawn", f"Objection {objection} was withdrawn.")
        if found.answered_by == version:
            continue
        event = PacketObjectionAnswered(
            version=known.version,
            objection=objection,
            answered_by=version,
            by=actor.actor_id,
            explanation=sentence.strip(),
        )
        made.append(Draft(key=f"objection-answered/{objection}/{version}", event=event, subject=actor.human))
    return made


def waiting_objections(state: PacketState, actor: Actor) -> list[tuple[VersionState, ObjectionRecord]]:
    """Those for the actor's inbox: objections of another person to a version whose owner the actor is, until they are
    answered; and answers to the actor's own objections, until the actor withdraws them. Versions that are retired or in
    production are left out, since an objection to them keeps nothing back."""
    found = []
    for known in state.versions:
        if known.phase not in FORWARD[:-1]:
            continue
        owns = bool(actor.roles & {known.value_owner, known.safety_owner})
        for one in known.open_objections:
            if one.answered_by if _is_author(one, actor) else owns and not one.answered_by:
                found.append((known, one))
    return found


def _named(state: PacketState, objection: str) -> tuple[VersionState, ObjectionRecord]:
    for known in state.versions:
        for one in known.objections:
            if one.objection == objection:
                return known, one
    raise Invalid("unknown_objection", f"Packet {state.name!r} has no objection {objection[:40]!r}.")


def _is_author(known: ObjectionRecord, actor: Actor) -> bool:
    return known.by == actor.actor_id or actor.is_person(known.human)
