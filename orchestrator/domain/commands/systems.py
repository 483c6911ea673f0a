"""Commands on a system for all runs: pause changes, resume changes, check the connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from orchestrator.domain import events as e
from orchestrator.domain.commands import ends_of_pauses
from orchestrator.domain.commands.operating import require_one_of
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Holds
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.grants import require_level
from orchestrator.domain.permissions.levels import Actor, Level


def hold_system(
    holds: Holds,
    system: str,
    reason: str | None,
    actor: Actor,
    packet: Packet,
    others: Iterable[Packet],
    now: datetime,
    until: datetime | None = None,
    actors: Mapping[str, Actor] = MappingProxyType({}),
) -> list[Event]:
    """Pauses every change on a system in all runs; with `*`, on every system. `packet` names the systems and who may
    pause them; raises `Invalid` or `NotAllowed`. `others` are the packets in use: an actor needs the permission in each
    of them that names the system, with `*` in all. A pause by another account is recorded beside it, because a pause by
    the leaver, or by people who report to the leaver, does not count in the leaver's own run (`Holds.holds`).

    `until` is when the pause ends automatically. Nothing happens if this account has paused the system already, unless
    it gives another end. An earlier end is as a resumption, for which a packet can ask for a second person."""
    require("hold_system", actor)
    packets = (packet, *others)
    _looks_after(system, actor, packet, packets)
    concerned = [one for one in packets if _concerns(system, one)]
    ends = ends_of_pauses.end_of_pause(until, concerned, now)
    if holds.held and (not holds.by or actor.actor_id in holds.by):
        if until is None or until == holds.ends.get(actor.actor_id) or actor.actor_id not in holds.by:
            return []
        before = holds.ends.get(actor.actor_id)
        if ends is not None and before is not None and ends < before:
            ends_of_pauses.require_second_person(_paused(system), holds.by, holds.until, concerned, actor, actors)
    return [e.HoldPlaced(by=actor.actor_id, reason=reason, until=ends)]


def release_system(
    holds: Holds, system: str, actor: Actor, packet: Packet, others: Iterable[Packet], actors: Mapping[str, Actor]
) -> list[Event]:
    """Changes go on. For people only, as with a run. What a safety owner paused, a safety owner resumes: `actors` are
    the known accounts of people who have not left. Raises `Invalid` or `NotAllowed`."""
    require("release_system", actor)
    packets = (packet, *others)
    _looks_after(system, actor, packet, packets)
    concerned = [one for one in packets if _concerns(system, one)]
    owners = {one.platform.safety_owner for one in concerned}
    placed = [actors[account] for account in holds.by if account in actors]
    needed = {role for one in placed for role in one.roles & owners}
    if holds.held and needed and actor.roles.isdisjoint(needed):
        raise NotAllowed("role_missing", f"A safety owner paused this, so only {any_of(sorted(needed))} can resume it.")
    if holds.held:
        ends_of_pauses.require_second_person(_paused(system), holds.by, holds.until, concerned, actor, actors)
    return [e.HoldReleased(by=actor.actor_id)] if holds.held else []


def end_hold(holds: Holds, now: datetime) -> list[Event]:
    """The end of a pause whose time has come."""
    ended = holds.held and holds.until is not None and now >= holds.until
    return [e.HoldReleased(by="")] if ended else []


def _paused(system: str) -> str:
    return "all systems" if system == e.EVERYTHING else "a paused system"


def require_check(system: str, actor: Actor, packet: Packet) -> None:
    """Raises a `Refusal` for an actor who cannot have this system checked: it contacts the system, so it is for the
    roles that can pause it."""
    require("check_systems", actor)
    _looks_after(system, actor, packet)


def require_listing(system: str, actor: Actor, packet: Packet) -> None:
    """Raises a `Refusal` for an actor who cannot have the accounts of this system listed: it shows accounts of
    everyone, so it takes `read` on the system itself."""
    require("list_accounts", actor)
    _require_system(system, packet)
    require_level(packet.platform, packet.platform, actor, system, packet.name, Level.READ)


def _looks_after(system: str, actor: Actor, packet: Packet, others: Iterable[Packet] = ()) -> None:
    if system != e.EVERYTHING:
        _require_system(system, packet)
    require_one_of(actor, pausing_roles(packet))
    for one in packet.platform.systems if system == e.EVERYTHING else (system,):
        require_level(packet.platform, packet.platform, actor, one, packet.name, Level.PREPARE)
    for other in others:
        if other is not packet and _concerns(system, other):
            _looks_after(system, actor, other)


def _require_system(system: str, packet: Packet) -> None:
    if system not in packet.platform.systems:
        known = ", ".join(packet.platform.systems)
        raise Invalid("unknown_system", f"Packet {packet.name} has no system {system[:60]}.", known=known)


def held_back(
    holds: Mapping[str, tuple[int, Holds]],
    person_id: str,
    actors: Mapping[str, Actor],
    packets: Iterable[Packet],
    departed: Collection[str],
) -> frozenset[str]:
    """The systems on which changes are held back in a run about this person (an opaque id). `holds` are their streams
    with their versions, `packets` the run's own and today's."""
    roles = {role for packet in packets for role in pausing_roles(packet)}
    return frozenset(system for system, (_, known) in holds.items() if known.holds(person_id, actors, roles, departed))


def pausing_roles(packet: Packet) -> tuple[str, ...]:
    """The roles that can pause and resume changes on a system of the packet."""
    return (packet.approvals.exceptions.owner, packet.platform.safety_owner)


def _concerns(system: str, packet: Packet) -> bool:
    return system == e.EVERYTHING or system in packet.platform.systems
