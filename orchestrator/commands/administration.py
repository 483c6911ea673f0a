"""Commands for all runs: systems on hold, packets and their owners, accounts, and delegation."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from connectors.registry import SYSTEM_CLASSES
from orchestrator.commands.run_commands import hold_run
from orchestrator.commands.services import Services, active_people, packets_in_use
from orchestrator.deciding.appending import append_to, drafts
from orchestrator.deciding.packet_shelf import PacketShelf, shelf_of
from orchestrator.domain import events as e
from orchestrator.domain.approvals import delegation
from orchestrator.domain.commands import pausing, revoking_roles, systems
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.organisation.organisation import (
    Organisation,
    acting_now,
    actor_of,
    holds_of,
    record_sign_in,
)
from orchestrator.domain.organisation.roles import either
from orchestrator.domain.packet.checks.packet_checks import roles_named_in
from orchestrator.domain.packet.class_steps import expanded
from orchestrator.domain.packet.history import objections, packet_phases, packet_state
from orchestrator.domain.packet.history.packet_events import FORWARD, OpenRuns, Phase, packet_stream
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.programs import require_known_safety_owner
from orchestrator.ledger.book.projections import packet_row
from orchestrator.ledger.book.records import RowWrite

# Systems


async def hold_system(
    services: Services,
    actor: Actor,
    system: str,
    packet: str,
    packets: Sequence[str],
    reason: str | None = None,
    until: datetime | None = None,
) -> bool:
    """Holds back every change on one system, or on all (`*`), in all runs. False if it was held already. `packets` are
    the names of those there are: a system is held by people who look after it in each packet in use that names it.
    `until`: when the hold ends automatically; None for the packet's longest time, if it has one."""
    require("hold_system", actor)
    current, others = await _current(services, packet), await packets_in_use(services, packets)
    now, active = await services.runs.ledger.now(), await active_people(services)

    def place(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting = acting_now(actor, people)
        placed = systems.hold_system(holds_of(events), system, reason, acting, current, others, now, until, active)
        return drafts(placed, len(events), actor.human)

    return bool(await append_to(services.runs.ledger, e.holds_stream(system), services.runs.organisation, place))


async def release_system(services: Services, actor: Actor, system: str, packet: str, packets: Sequence[str]) -> bool:
    """Lets changes on a system go on: the relay sees it in the ledger and nudges open runs. False if it was not
    held. `packets` is as for `hold_system`."""
    require("release_system", actor)
    current, others = await _current(services, packet), await packets_in_use(services, packets)
    active = await active_people(services)

    def lift(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting = acting_now(actor, people)
        lifted = systems.release_system(holds_of(events), system, acting, current, others, active)
        return drafts(lifted, len(events), None)

    return bool(await append_to(services.runs.ledger, e.holds_stream(system), services.runs.organisation, lift))


async def _current(services: Services, packet: str) -> Packet:
    """A draft grants nothing: only its author has approved its rules."""
    shelf = await services.runs.shelf(packet)
    if shelf.current is None:
        raise Invalid("unknown_packet", f"There is no packet {packet}.")
    if shelf.history.current is None:
        raise _not_in_use(packet)
    return shelf.current


def _not_in_use(packet: str) -> Invalid:
    return Invalid("packet_not_in_use", f"No version of packet {packet} is in use.")


# The packet's owners


async def adopt_packet(services: Services, actor: Actor, packet: Packet, packets: Sequence[str]) -> str:
    """Puts a packet's three files into the ledger, with the systems of its steps for every system of a class. Returns
    the version. `packets` are the names of those there are:
    once one is in use, a further one has a platform file that the same safety owners own, or is brought by one of them.
    """
    require("adopt_packet", actor)
    packet = expanded(packet, services.runs.abilities, SYSTEM_CLASSES)
    in_use = await packets_in_use(services, packets)

    def adopt(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting = acting_now(actor, people)
        if packet.name not in {known.name for known in in_use}:
            require_known_safety_owner(acting, packet, in_use)
        shelf = shelf_of(events)
        return packet_phases.adopt(shelf.history, packet, acting, shelf.production, shelf.adopted_files)

    await append_to(
        services.runs.ledger,
        packet_stream(packet.name),
        services.runs.organisation,
        adopt,
        _packet_rows(packet.name),
    )
    return packet.version


async def sign_packet(
    services: Services,
    actor: Actor,
    packet: str,
    version: str,
    phase: Phase | None,
    packets: Sequence[str],
) -> None:
    """`packets` are the names of those there are, as for `adopt_packet`, of which others may be in use since."""
    require("sign_packet", actor)
    require_known_owner = await _known_owners(services, packet, version, packets)

    def sign(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting = acting_now(actor, people)
        require_known_owner(acting, people)
        shelf = _known(packet, events, people)
        return packet_phases.sign(
            shelf.history, version, acting, phase=phase, required=shelf.required_signatures(version)
        )

    await append_to(
        services.runs.ledger,
        packet_stream(packet),
        services.runs.organisation,
        sign,
        _packet_rows(packet),
    )


async def object_to_packet(services: Services, actor: Actor, packet: str, version: str, reason: str) -> None:
    """Keeps the version from going forward until the author withdraws the objection."""
    require("object_to_packet", actor)

    def object_to(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        state = _known(packet, events, people).history
        return objections.object_to(state, version, acting_now(actor, people), reason)

    await append_to(
        services.runs.ledger,
        packet_stream(packet),
        services.runs.organisation,
        object_to,
        _packet_rows(packet),
    )


async def withdraw_objection(services: Services, actor: Actor, packet: str, version: str, objection: str) -> None:
    require("withdraw_objection", actor)

    def withdraw(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        state = _known(packet, events, people).history
        return objections.withdraw_objection(state, version, objection, acting_now(actor, people))

    await append_to(
        services.runs.ledger,
        packet_stream(packet),
        services.runs.organisation,
        withdraw,
        _packet_rows(packet),
    )


async def move_packet(
    services: Services,
    actor: Actor,
    packet: str,
    version: str,
    phase: Phase,
    packets: Sequence[str],
    reason: str = "",
    open_runs: OpenRuns | None = "continue",
    running: Sequence[str] = (),
) -> None:
    """`packets` are as for `sign_packet`. Moving a version back, or retiring it, needs the answer what happens to its
    open runs: `running` are the ids of those that the actor sees. Raises `Invalid` (`open_runs_unanswered`) where there
    are some and `open_runs` is None; with "pause", the refusal of the first run that the actor cannot pause. Nothing is
    moved then. The same move again pauses the runs that an interrupted one has not paused."""
    require("move_packet", actor)
    forward = phase in FORWARD[1:]
    require_known_owner = await _known_owners(services, packet, version, packets if forward else ())
    accounts = await services.runs.organisation()
    require_known_owner(actor, accounts)
    shelf = (await services.runs.shelf(packet)).counted(accounts.actors)
    if shelf.history.newest is None:
        raise _unknown(packet)
    known = shelf.history.version(version)
    required = shelf.required_signatures(known.version)
    packet_phases.move(shelf.history, version, phase, actor, reason, required=required)
    back = phase == known.phase or packet_phases.moves_back(known.phase, phase)
    pausing = running if back and open_runs == "pause" else ()
    if back and running and open_runs is None:
        raise Invalid(
            "open_runs_unanswered",
            f"{len(running)} {'run' if len(running) == 1 else 'runs'} of version {known.version[:12]} "
            f"{'is' if len(running) == 1 else 'are'} open.",
        )
    for run_id in pausing:
        await _require_pausable(services, actor, run_id, reason)

    def move(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting = acting_now(actor, people)
        require_known_owner(acting, people)
        found = _known(packet, events, people)
        needs = found.required_signatures(version)
        return packet_phases.move(found.history, version, phase, acting, reason, open_runs or "continue", needs)

    await append_to(
        services.runs.ledger,
        packet_stream(packet),
        services.runs.organisation,
        move,
        _packet_rows(packet),
    )
    for run_id in pausing:
        try:
            await hold_run(services, actor, run_id, reason or None)
        except TooLate:
            continue  # it has finished since


async def _require_pausable(services: Services, actor: Actor, run_id: str, reason: str) -> None:
    run = await services.runs.load(run_id)
    try:
        pausing.hold(run.state, reason or None, actor, run.world)
    except TooLate:
        return
    except NotAllowed as refused:
        refused.message = f"Run {run_id} can't be paused: {refused.message}"
        raise


async def _known_owners(
    services: Services, packet: str, version: str, packets: Sequence[str]
) -> Callable[[Actor, Organisation], None]:
    """A draft may be older than what is in use: when it was adopted no one was there who had to answer for it. Either
    the actor or the user who adopted it has to be a safety owner today. Returns the check of an actor."""
    shelf = await services.runs.shelf(packet)
    in_use = await packets_in_use(services, packets)
    if shelf.history.newest is None or packet in {known.name for known in in_use}:
        return lambda actor, people: None
    adopted = shelf.version(shelf.history.version(version).version)

    def require_one(actor: Actor, people: Organisation) -> None:
        by = people.actors.get(shelf.adopted_by(adopted.version), actor)
        try:
            require_known_safety_owner(by, adopted, in_use)
        except NotAllowed:
            require_known_safety_owner(actor, adopted, in_use)

    return require_one


def _known(packet: str, events: Sequence[Event], people: Organisation) -> PacketShelf:
    if not events:
        raise _unknown(packet)
    return shelf_of(events).counted(people.actors)


def _unknown(packet: str) -> Invalid:
    return Invalid("unknown_packet", f"There is no packet {packet}.")


def _packet_rows(name: str) -> Callable[[Sequence[Event]], list[RowWrite]]:
    def rows(events: Sequence[Event]) -> list[RowWrite]:
        state = packet_state.fold(events)
        return [RowWrite("packets", {"name": name}, packet_row(state))]

    return rows


# Who acts


async def record_actor(
    services: Services, actor: Actor, name: str | None = None, email: str | None = None, time_zone: str | None = None
) -> None:
    """Records what a sign-in says about an account; a value that it does not give (None) stays as it was. Appends
    nothing if all of it is known."""
    await services.runs.update_organisation(
        lambda known, now: record_sign_in(known, actor, name, email, time_zone), actor.human
    )


async def revoke_roles(
    services: Services, by: Actor, packet: str, actor_id: str, roles: Sequence[str], *, reason: str | None = None
) -> bool:
    """Takes roles from an account at once; effects that it caused are not started any more. For the safety owner of a
    packet that is in use. A draft does not make anyone an owner, since any user can adopt one.

    A role belongs to the installation: if the owner's packet grants something to the role, it is taken for all packets,
    since what has to be stopped cannot wait for other owners. A role that only other packets use cannot be taken.
    Returns False if the account had none of the roles, and no other account had revoked one. In a run about `by`, votes
    and effects rest on the role as before (`roles_kept`).
    """
    require("revoke_roles", by)
    shelf = await services.runs.shelf(packet)
    in_use = shelf.history.current
    if in_use is None:
        raise _not_in_use(packet)
    strange = set(roles) - roles_named_in(shelf.version(in_use.version))

    def revoke(known: Organisation, now: datetime) -> Sequence[Event]:
        revoked = revoking_roles.revoke_roles(
            actor_of(known, actor_id),
            roles,
            acting_now(by, known),
            in_use.safety_owner,
            reason,
            known.revoked.get(actor_id, {}),
        )
        if strange:
            what = f"Packet {packet} does not use the role {either(strange)}."
            raise NotAllowed("role_of_others", what)
        return revoked

    return bool(await services.runs.update_organisation(revoke, by.human))


async def delegate(
    services: Services,
    actor: Actor,
    to: str,
    since: datetime | None,
    until: datetime,
    reason: str | None = None,
) -> str:
    """Has the account `to` decide what this actor may, from `since` (None: from now on) until before `until`. Returns
    the delegation's id."""
    require("delegate", actor)
    delegation_id = f"d{secrets.token_hex(8)}"
    await services.runs.update_organisation(
        lambda known, now: delegation.delegate(
            known, delegation_id, acting_now(actor, known), to, since or now, until, reason, now
        ),
        actor.human,
    )
    return delegation_id


async def end_delegation(services: Services, actor: Actor, delegation_id: str) -> bool:
    """False if it was ended already."""
    require("end_delegation", actor)
    return bool(
        await services.runs.update_organisation(
            lambda known, now: delegation.end_delegation(known, delegation_id, acting_now(actor, known), now)
        )
    )
