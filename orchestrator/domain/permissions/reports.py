"""People who report to the leaver don't delay, leave out or hide the removal of the leaver's access.

At gates they never decide (`approvals.gates`). For other commands the rule holds only while a person outside the
reporting line can use the command: if the head of a company leaves, everyone reports to the leaver, and people must be
able to pause a run that goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.readiness import World
from orchestrator.domain.run.run import RunState


def require_independent(state: RunState, actor: Actor, can: Callable[[Actor], bool], world: World) -> None:
    """`can` says whether another account's roles let it use the command. Raises `NotAllowed` (`reports_to_person`) for
    an actor who reports to the leaver, directly or indirectly, while a person who does not can use it."""
    if state.asked.person_id not in actor.managers:
        return
    if any(_independent(state, other, world.now) and can(other) for other in world.actors.values()):
        raise NotAllowed(
            "reports_to_person",
            "People who report to the leaver, directly or indirectly, can't do this while another person can.",
        )


def has_one_of(roles: Collection[str]) -> Callable[[Actor], bool]:
    return lambda actor: not actor.roles.isdisjoint(roles)


def _independent(state: RunState, other: Actor, now: datetime) -> bool:
    person = state.asked.person_id
    return (
        other.kind == "person"
        and other.human not in (None, person)
        and person not in other.managers
        and state.exists_for(other.actor_id, now)
    )
