"""How far somebody may go: the one rule, for people, services and AI assistants alike.

`platform.yaml` lists grants by role, system and workflow. What no grant covers is not allowed. Where several grants
cover, the furthest holds. A run keeps the platform file it started under, and today's file counts as well: of what
the two say, the stricter holds, so that taking a grant back works at once and widening one never reaches back.

An assistant has only what is granted to assistants by name (`kind: assistant`), a service what is granted to services;
a grant to a person with the same role, and a grant to everybody, do not cover them. Whoever comes with an API token
goes no further than that token, whatever their roles are granted.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.roles import role_words

if TYPE_CHECKING:
    from orchestrator.domain.packet.packet import LevelRule, Platform

ActorKind = Literal["person", "service", "assistant"]


class Level(StrEnum):
    """`read` looks; `prepare` writes only inside Offboard; `stage` leaves something inert or scheduled in the system;
    `change` takes effect there. Ordered: whoever may `change` may do everything before it."""

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
    """Whoever causes something. `actor_id` is the account they came with; `human` is the opaque id of the person as HR
    knows them, so that two accounts of one person count as one (`None` for services and assistants, and for a person
    whom HR does not know). `managers` are the opaque ids of everyone above that person. `up_to` is as far as the
    access that they came with goes, an API token's; None where that sets no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actor_id: str
    kind: ActorKind = "person"
    roles: frozenset[str] = frozenset()
    human: str | None = None
    managers: frozenset[str] = frozenset()
    up_to: Level | None = None

    def reaches(self, level: Level) -> bool:
        """Whether the access that they came with goes as far; what is granted to their roles is another question."""
        return self.up_to is None or level <= self.up_to


def granted_level(rules: Iterable[LevelRule], actor: Actor, system: str, workflow: str) -> Level | None:
    """The furthest level that one platform file grants, no further than the actor's own access goes, or `None` where
    nothing covers this actor here."""
    granted = [
        rule.up_to
        for rule in rules
        if rule.kind == actor.kind
        and (rule.who == "*" or rule.who in actor.roles)
        and ("*" in rule.systems or system in rule.systems)
        and ("*" in rule.workflows or workflow in rule.workflows)
    ]
    furthest = max(granted, key=lambda level: level.rank, default=None)
    if furthest is None or actor.up_to is None:
        return furthest
    return min(furthest, actor.up_to, key=lambda level: level.rank)


def highest_level(
    rules_pinned: Platform, rules_current: Platform, actor: Actor, system: str, workflow: str
) -> Level | None:
    """The stricter of what the run's own platform file grants and what today's grants; `None` is "not even read"."""
    pinned = granted_level(rules_pinned.levels, actor, system, workflow)
    current = granted_level(rules_current.levels, actor, system, workflow)
    if pinned is None or current is None:
        return None
    return min(pinned, current, key=lambda level: level.rank)


def require_level(
    rules_pinned: Platform, rules_current: Platform, actor: Actor, system: str, workflow: str, needed: Level
) -> None:
    """Raises `NotAllowed` (code `level_not_granted`) unless the actor may go as far as `needed`. The message names the
    actor's roles, the system, the workflow, what is granted, and who owns the file that grants."""
    granted = highest_level(rules_pinned, rules_current, actor, system, workflow)
    if granted is not None and needed <= granted:
        return
    if not actor.reaches(needed):
        raise limited(actor, needed)
    condition = " with 'kind: assistant'" if actor.kind == "assistant" else ""
    roles = ", ".join(role_words(role) for role in sorted(actor.roles)) or "no role"
    may = f"the level granted there is {granted.value!r}" if granted is not None else "nothing is granted there"
    raise NotAllowed(
        "level_not_granted",
        f"{_described(actor)} ({roles}) needs the level {needed.value!r} on system {system!r} "
        f"in workflow {workflow!r}; {may}.",
        owner=rules_current.safety_owner,
        condition=condition,
    )


def limited(actor: Actor, needed: Level = Level.PREPARE) -> NotAllowed:
    """The refusal of somebody whose access is narrower than what they are granted."""
    reach = actor.up_to.value if actor.up_to is not None else "nothing"
    return NotAllowed("access_limited", f"The access used here goes up to {reach!r}; this needs {needed.value!r}.")


def require_writing(actor: Actor) -> None:
    """Raises `NotAllowed` where the actor's access is for reading only: whatever is decided is written in Offboard."""
    if not actor.reaches(Level.PREPARE):
        raise limited(actor)


def _described(actor: Actor) -> str:
    return {"person": "A person", "service": "A service", "assistant": "An AI assistant"}[actor.kind]
