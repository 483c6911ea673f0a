"""Users who have signed in: their current roles, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import OrganisationSnapshot
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import DelegationState, Organisation
from orchestrator.domain.permissions.levels import Actor


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Name, address and time zone are None where sign-in did not tell them, and once that person is erased."""

    actor: Actor
    name: str | None = None
    email: str | None = None
    time_zone: str | None = None


class StaffReader:
    """Raises `LedgerUnavailable`."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._known: tuple[int, frozenset[str], Mapping[str, StaffMember]] | None = None

    async def members(self, people: Organisation) -> Mapping[str, StaffMember]:
        """By actor id. Recomputed when a user signs in, loses a role, or is erased."""
        readable = await self._readable(people)
        if self._known is None or self._known[:2] != (people.version, readable):
            made = {actor_id: _member(people, actor, readable) for actor_id, actor in people.actors.items()}
            self._known = (people.version, readable, made)
        return self._known[2]

    async def delegations(self, actor_id: str, snapshot: OrganisationSnapshot) -> tuple[DelegationState, ...]:
        """Those that this account gave or was given and that are not over, in the order of their beginning."""
        people, now = snapshot.organisation, snapshot.now
        readable = await self._readable(people)
        return tuple(
            _without_words(held, people, readable)
            for held in sorted(people.delegations.values(), key=lambda held: held.said.since)
            if actor_id in (held.said.by, held.said.to) and not held.over(now)
        )

    async def _readable(self, people: Organisation) -> frozenset[str]:
        return await self._runs.ledger.readable({one.human for one in people.actors.values() if one.human is not None})


def visible_staff(members: Mapping[str, StaffMember], actor: Actor) -> Mapping[str, StaffMember]:
    """An account without a role has no work here that needs the names and roles of others."""
    if actor.roles:
        return members
    return {actor_id: member for actor_id, member in members.items() if actor_id == actor.actor_id}


def _member(people: Organisation, actor: Actor, readable: frozenset[str]) -> StaffMember:
    said = people.recorded[actor.actor_id]
    if actor.human not in readable:
        return StaffMember(actor)
    return StaffMember(actor, said.name, said.email, said.time_zone)


def _without_words(held: DelegationState, people: Organisation, readable: frozenset[str]) -> DelegationState:
    by = people.actors.get(held.said.by)
    if by is not None and by.human in readable:
        return held
    said: Event = held.said.model_copy(update={"reason": None})
    return DelegationState(said, held.ended)  # type: ignore[arg-type]  # a copy is of its own kind
