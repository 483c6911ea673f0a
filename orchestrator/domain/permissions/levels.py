"""The levels of permission, and the actor of a command with the limits of its access.

The level that an actor has on a system is computed in `grants.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import NotAllowed

ActorKind = Literal["person", "service", "assistant"]


HR_FEED: Final = "hr-webhook"
"""The account as which HR's own system acts when it reports leavers with a signed webhook. No one can sign in as it,
and no token can be created for it."""
HR_FEED_ROLE: Final = "hr_system"


class Level(StrEnum):
    """`read` reads; `prepare` writes only inside Offboard; `stage` prepares a change in the system that takes effect
    later or not at all; `change` changes data there. Each level includes the ones before it."""

    READ = "read"
    PREPARE = "prepare"
    STAGE = "stage"
    CHANGE = "change"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    def __lt__(self, other: str) -> bool:
        return _RANKS[self] < _RANKS[other]

    def __le__(self, other: str) -> bool:
        return _RANKS[self] <= _RANKS[other]

    def __gt__(self, other: str) -> bool:
        return _RANKS[self] > _RANKS[other]

    def __ge__(self, other: str) -> bool:
        return _RANKS[self] >= _RANKS[other]


_RANKS = {"read": 0, "prepare": 1, "stage": 2, "change": 3}


class Actor(BaseModel):
    """The actor of a command. `actor_id` is the account they came with; `human` is the opaque id of the person as HR
    knows them, so that two accounts of one person count as one (`None` for services and assistants, and for a person
    whom HR does not know). `managers` are the opaque ids of everyone above that person. `up_to` is as far as the
    access that they came with goes, an API token's; None where that sets no limit.

    A program acts for the person who created its token: `maker_human` is that person's opaque id. `maker` is the
    creator's account as it is now, for an assistant: it never has more permission, nor a role of people that its
    creator does not have.

    `programs` are the accounts of the services and assistants whose tokens this person created, also those that have
    another owner now: the creator knows a token's text. `creator`, of a program, is the opaque id of the person who
    created its token, also where another person answers for it now. `formerly` are other opaque ids under which HR knew
    these people, before it linked an account to another record: records are merged, and a rehired person can get a new
    one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actor_id: str
    kind: ActorKind = "person"
    roles: frozenset[str] = frozenset()
    human: str | None = None
    managers: frozenset[str] = frozenset()
    up_to: Level | None = None
    maker_human: str | None = None
    maker: Actor | None = None
    programs: frozenset[str] = frozenset()
    creator: str | None = None
    formerly: frozenset[str] = frozenset()

    def requested(self, account: str, human: str | None) -> bool:
        """Whether what `account` requested, for the person `human` (an opaque id), counts as this actor's request."""
        if account == self.actor_id or account in self.programs:
            return True
        return human is not None and (self.answers_for == human or human in self.formerly)

    @property
    def answers_for(self) -> str | None:
        """The opaque id of the person whose conflicts of interest count: their own, or those of a program's creator."""
        return self.human if self.human is not None else self.maker_human

    @property
    def people(self) -> frozenset[str]:
        """The opaque ids of everyone who can act as this account: its person, and for a program who answers for it and
        who created its token."""
        maker = self.maker.human if self.maker is not None else None
        known = (self.human, self.maker_human, maker, self.creator, *self.formerly)
        return frozenset(one for one in known if one is not None)

    def is_person(self, human: str | None) -> bool:
        """Whether this is an account of the person with this opaque id, now or before."""
        return human is not None and (human == self.human or human in self.formerly)

    def has_one_of(self, roles: Collection[str]) -> bool:
        """Whether a command that these roles can use is theirs: for an assistant, also its creator's."""
        if self.kind == "assistant" and self.maker is not None and self.maker.roles.isdisjoint(roles):
            return False
        return not self.roles.isdisjoint(roles)

    def reaches(self, level: Level) -> bool:
        """Whether their session or token allows this level. Whether their roles grant it is checked elsewhere."""
        return self.up_to is None or level <= self.up_to


def hr_feed() -> Actor:
    """HR's own system, as its signed webhook and the feed that reads its records act."""
    return Actor(actor_id=HR_FEED, kind="service", roles=frozenset({HR_FEED_ROLE}))


def limited(actor: Actor, needed: Level = Level.PREPARE) -> NotAllowed:
    """The refusal of an actor whose access is narrower than their grants."""
    reach = actor.up_to.value if actor.up_to is not None else "none"
    return NotAllowed(
        "access_limited", f"The maximum permission of this access is {reach!r}; this needs {needed.value!r}."
    )
