"""Commands for all runs: systems on hold, packets and their owners, accounts, and delegation."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from orchestrator.commands.services import Services, active_people, packets_in_use
from orchestrator.deciding.appending import append_to, drafts
from orchestrator.domain import events as e
from orchestrator.domain.approvals import delegation
from orchestrator.domain.commands import revoking_roles, systems
from orchestrator.domain.errors import Invalid, NotAllowed
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
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.access.keyed_requests import new_id

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
    delegation_id = f"d{new_id('delegation', lambda: secrets.token_hex(8))}"
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
