"""Programs that act here by a token, and who answers for a service: its owner, or the deputy once the owner can't.

An assistant ends with its creator. A service, such as a feed from an HR system, has to go on after the person who
created it left. No event passes it on: who answers is computed from the accounts as they are now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.permissions.levels import Actor


@dataclass(frozen=True, slots=True)
class TokenProgram:
    """One token's program. `made_by`, `owner` and `deputy` are accounts; only a service has the last two. `maker_human`
    is the person (an opaque id) who created the token. `expires_at` is None for tokens of versions that did not record
    it."""

    actor_id: str
    token_id: str
    made_by: str
    owner: str
    deputy: str | None = None
    expires_at: datetime | None = None
    revoked: bool = False
    maker_human: str | None = None

    def made_by_person(self, actor: Actor) -> bool:
        """Whether this account, or another one of the same person, created the token."""
        if actor.actor_id == self.made_by:
            return True
        return actor.is_person(self.maker_human)

    def works(self, now: datetime) -> bool:
        return not self.revoked and (self.expires_at is None or now < self.expires_at)

    @property
    def people(self) -> tuple[str, ...]:
        return (self.owner,) if self.deputy is None else (self.owner, self.deputy)


def can_answer(actor: Actor | None, gone: Collection[str]) -> bool:
    """Whether this account can answer for a service: a person whom HR knows, with a role, and not one of those `gone`
    (opaque ids)."""
    if actor is None or actor.kind != "person" or actor.human is None:
        return False
    return bool(actor.roles) and actor.human not in gone


def answers_for(program: TokenProgram, actors: Mapping[str, Actor], gone: Collection[str]) -> Actor | None:
    """Who answers for a service now: the owner, else the deputy; None where neither can."""
    for account in program.people:
        known = actors.get(account)
        if known is not None and can_answer(known, gone):
            return known
    return None


def services(
    programs: Mapping[str, TokenProgram], actors: Mapping[str, Actor], now: datetime
) -> Iterator[TokenProgram]:
    """The services with a valid token."""
    for program in programs.values():
        known = actors.get(program.actor_id)
        if known is not None and known.kind == "service" and program.works(now):
            yield program


def services_of(
    person_id: str, programs: Mapping[str, TokenProgram], actors: Mapping[str, Actor], now: datetime
) -> Iterator[TokenProgram]:
    """The services whose owner or deputy is this person (an opaque id), whatever the account."""
    for program in services(programs, actors, now):
        people = (actors.get(account) for account in program.people)
        if any(one is not None and one.human == person_id for one in people):
            yield program


def without_owner_after(
    person_id: str,
    programs: Mapping[str, TokenProgram],
    actors: Mapping[str, Actor],
    departed: Collection[str],
    now: datetime,
) -> tuple[str, ...]:
    """The accounts of this person's services for which no one answers once the person has left."""
    gone = frozenset({*departed, person_id})
    owned = services_of(person_id, programs, actors, now)
    return tuple(program.actor_id for program in owned if answers_for(program, actors, gone) is None)
