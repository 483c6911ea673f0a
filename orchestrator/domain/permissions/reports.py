"""People who report to the leaver don't delay, leave out or hide the removal of the leaver's access.

At gates they never decide (`approvals.gates`). For other commands the rule holds only while a person outside the
reporting line can use the command: if the head of a company leaves, everyone reports to the leaver, and people must be
able to pause a run that goes wrong. A pause of a system (`Holds.holds`) and a revoked role (`roles_kept`) concern other
runs as well: they take effect there, and not in the leaver's run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.organisation import Organisation, counts_in_run_about
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def require_independent(state: RunState, actor: Actor, can: Callable[[Actor], bool], world: World) -> None:
    """`can` says whether another account's roles let it use the command. Raises `NotAllowed` (`reports_to_person`) for
    an actor who reports to the leaver, directly or indirectly, and for a program of such a person, while a person who
    does not can use it."""
    refused = why_not_independent(state, actor, can, world)
    if refused is not None:
        raise refused


def why_not_independent(
    state: RunState, actor: Actor, can: Callable[[Actor], bool], world: World, needed: int = 1
) -> NotAllowed | None:
    """As `require_independent`, without raising. `needed` is how many people the command takes."""
    if not _reports(state, actor, world) or len(independent_people(state, can, world)) < needed:
        return None
    return NotAllowed(
        "reports_to_person",
        "People who report to the leaver, directly or indirectly, can't do this while another person can.",
    )


def _reports(state: RunState, actor: Actor, world: World) -> bool:
    """Whether the actor reports to the leaver, or is a program of a person who does: its owner or the creator of its
    token."""
    leaver = state.asked.person_id
    if leaver in actor.managers:
        return True
    return actor.kind != "person" and any(
        leaver in other.managers and (actor.actor_id in other.programs or other.is_person(actor.answers_for))
        for other in world.actors.values()
        if other.human is not None
    )


def independent_people(state: RunState, can: Callable[[Actor], bool], world: World) -> frozenset[str]:
    """The people, by opaque id, who are neither the leaver nor report to the leaver, and who can use the command. Roles
    that the leaver revoked count: else the leaver's reports could use a command once the leaver has taken it from all
    others."""
    others = world.rested_on.values()
    return frozenset(
        other.human for other in others if other.human is not None and _independent(state, other, world) and can(other)
    )


def roles_kept(
    organisation: Organisation, person_id: str, packets: Iterable[Packet], departed: Collection[str]
) -> dict[str, frozenset[str]]:
    """The revoked roles, by account, on which votes and effects in a run about this person (an opaque id) rest as
    before: those that only the leaver revoked, or only the leaver and people who report to the leaver while another
    person can revoke roles. `packets` are the run's own and today's, `departed` the people (opaque ids) who have left.
    """
    owners = {packet.platform.safety_owner for packet in packets}
    kept = {}
    for account, revoked in organisation.revoked.items():
        roles = {
            role
            for role, by in revoked.items()
            if not counts_in_run_about(person_id, by, organisation.actors, owners, departed)
        }
        if roles:
            kept[account] = frozenset(roles)
    return kept


def has_one_of(roles: Collection[str]) -> Callable[[Actor], bool]:
    return lambda actor: not actor.roles.isdisjoint(roles)


def _independent(state: RunState, other: Actor, world: World) -> bool:
    person = state.asked.person_id
    return (
        other.kind == "person"
        and other.human is not None
        and person not in other.people
        and other.human not in world.departed
        and person not in other.managers
        and state.exists_for(other.actor_id, world.now)
    )
