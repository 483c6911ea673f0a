"""Roles and duties of a person in Offboard itself, which end with their cutoff, and who has them afterwards.

No event takes these away: from the cutoff of a confirmed run the person cannot sign in, decides at no gate, has no
delegates, and does not answer for services (decisions 0029, 0030, 0039). What has to be handed over is listed before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.domain.organisation.services import answers_for, services_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor

DutyKind = Literal["role", "packet_owner", "delegate", "delegator", "service", "assistant", "webhook"]


@dataclass(frozen=True, slots=True)
class Duty:
    """`name` is a role, a packet's name, the other account of a delegation, a program's account or a webhook's id.
    `role` is the owner's role in a packet. `passes_to` are the accounts that have it after the cutoff. `ends` is
    whether it ends by design, so that no one takes it over."""

    kind: DutyKind
    name: str
    passes_to: tuple[str, ...] = ()
    role: str = ""
    ends: bool = False

    @property
    def missing(self) -> bool:
        """Whether someone has to take it over before the cutoff."""
        return not self.ends and not self.passes_to


def duties_of(
    person_id: str, organisation: Organisation, packets: Iterable[Packet], departed: Collection[str], now: datetime
) -> tuple[Duty, ...]:
    """Of the person with this opaque id. `packets` are those in use, `departed` the people who have left."""
    known = organisation.actors
    own = {account: actor for account, actor in known.items() if actor.kind == "person" and actor.human == person_id}
    gone = frozenset({*departed, person_id})
    return tuple(_duties(person_id, own, organisation, tuple(packets), gone, now)) if own else ()


def roles_left_alone(person_id: str, actors: Iterable[Actor], departed: Collection[str]) -> tuple[str, ...]:
    """The roles of this person (an opaque id) that no other person has who stays."""
    known = tuple(actors)
    roles = {role for one in known if one.kind == "person" and one.human == person_id for role in one.roles}
    gone = frozenset({*departed, person_id}) if roles else frozenset()
    return tuple(role for role in sorted(roles) if not _holders(role, known, gone))


def _duties(
    person_id: str,
    own: dict[str, Actor],
    organisation: Organisation,
    packets: tuple[Packet, ...],
    gone: frozenset[str],
    now: datetime,
) -> Iterator[Duty]:
    actors = organisation.actors
    roles = {role for actor in own.values() for role in actor.roles}
    for role in sorted(roles):
        yield Duty("role", role, _holders(role, actors.values(), gone))
    for packet in packets:
        for role in dict.fromkeys((packet.workflow.value_owner, packet.platform.safety_owner)):
            if role in roles:
                yield Duty("packet_owner", packet.name, _holders(role, actors.values(), gone), role=role)
    for held in organisation.delegations.values():
        if held.over(now):
            continue
        if held.said.by in own:
            yield Duty("delegate", held.said.to, ends=True)
        if held.said.to in own:
            yield Duty("delegator", held.said.by)
    for program in services_of(person_id, organisation.programs, actors, now):
        after = answers_for(program, actors, gone)
        yield Duty("service", program.actor_id, (after.actor_id,) if after is not None else ())
    for program in organisation.programs.values():
        helper = actors.get(program.actor_id)
        if helper is not None and helper.kind == "assistant" and program.made_by in own and program.works(now):
            yield Duty("assistant", program.actor_id, ends=True)
    owners = {packet.platform.safety_owner for packet in packets}
    managing = tuple(sorted({account for role in owners for account in _holders(role, actors.values(), gone)}))
    for hook_id, by in organisation.webhooks.items():
        if by in own:
            yield Duty("webhook", hook_id, managing)


def _holders(role: str, actors: Iterable[Actor], gone: Collection[str]) -> tuple[str, ...]:
    """The accounts of people with this role who stay."""
    staying = (one for one in actors if one.kind == "person" and one.human is not None and one.human not in gone)
    return tuple(sorted(one.actor_id for one in staying if role in one.roles))
