"""Which level an actor has on a system in a workflow: one rule for people, services and AI assistants.

`platform.yaml` lists grants by role, system and workflow. What no grant covers is not allowed. Where several grants
cover, the furthest holds. A run keeps the platform file it started under, and today's file counts as well: of what
the two say, the stricter holds, so that taking a grant back works at once and widening one never reaches back.

An assistant has only what is granted to assistants by name (`kind: assistant`), a service what is granted to services;
a grant to a person with the same role, and a grant to everyone, do not cover them. An actor who comes
with an API token goes no further than that token, whatever their roles are granted. An assistant goes no further than
the person who created its token goes now (`Actor.maker`, from the ledger); a service has its own grants only.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.roles import role_words
from orchestrator.domain.packet.packet import LevelRule, Platform
from orchestrator.domain.permissions.levels import Actor, Level, limited


def granted_level(rules: Sequence[LevelRule], actor: Actor, system: str, workflow: str) -> Level | None:
    """The highest level that one platform file grants, limited by the actor's own access. None if no grant covers the
    actor here."""
    granted = [
        rule.up_to
        for rule in rules
        if rule.kind == actor.kind
        and (rule.who == "*" or rule.who in actor.roles)
        and ("*" in rule.systems or system in rule.systems)
        and ("*" in rule.workflows or workflow in rule.workflows)
    ]
    furthest = max(granted, key=lambda level: level.rank, default=None)
    if furthest is None:
        return None
    bounds = [furthest, actor.up_to or furthest]
    if actor.kind == "assistant" and actor.maker is not None:
        makers = granted_level(rules, actor.maker, system, workflow)
        if makers is None:
            return None
        bounds.append(makers)
    return min(bounds, key=lambda level: level.rank)


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
    held = f"its permission there is {granted.value!r}" if granted is not None else "it has no permission there"
    raise NotAllowed(
        "level_not_granted",
        f"{_described(actor)} ({roles}) needs the permission {needed.value!r} on system {system!r} "
        f"in packet {workflow!r}; {held}.",
        owner=rules_current.safety_owner,
        condition=condition,
    )


def _described(actor: Actor) -> str:
    return {"person": "A person", "service": "A service", "assistant": "An AI assistant"}[actor.kind]
