"""Delegation: a colleague decides for an absent person, for a time, what that person may decide.

A delegation grants no role. If the delegate could not decide themselves, the rules are applied to the delegator with
the roles and permissions that they have now, and with the conflicts of both people: no one can decide through a
colleague what they may not decide. A delegate does not decide for people who delegated to the delegator. A delegation
ends when its delegator leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import DelegationState, Organisation
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState

if TYPE_CHECKING:
    from orchestrator.domain.run.steps.readiness import World

MAX_DELEGATION: Final = timedelta(days=90)


def absent_for(
    actor: Actor, delegations: Iterable[DelegationState], actors: Mapping[str, Actor], now: datetime
) -> tuple[Actor, ...]:
    """The people for whom this actor decides now, as they are known now. None for assistants and services, and for an
    account that HR does not know."""
    if actor.kind != "person" or actor.human is None:
        return ()
    named = (held.said.by for held in delegations if held.said.to == actor.actor_id and held.holds(now))
    known = (actors[actor_id] for actor_id in dict.fromkeys(named) if actor_id in actors)
    return tuple(
        absent
        for absent in known
        if absent.kind == "person" and absent.human is not None and not actor.is_person(absent.human)
    )


def absent_in(state: RunState, actor: Actor, world: World) -> tuple[Actor, ...]:
    """Those of them who could be in this run: it exists for both, and they are not the leaver and have not left."""
    if not state.exists_for(actor.actor_id, world.now):
        return ()
    return tuple(
        absent
        for absent in absent_for(actor, world.delegations, world.actors, world.now)
        if state.exists_for(absent.actor_id, world.now)
        and state.asked.person_id not in absent.people
        and absent.human not in world.departed
    )


def authority(candidates: Iterable[Actor], refusal: Callable[[Actor], NotAllowed | None]) -> Actor:
    """The first of these on whom it may rest. `candidates` begins with the actor, so that they act as themselves where
    they can, and their own refusal is raised where no candidate is allowed."""
    first: NotAllowed | None = None
    for candidate in candidates:
        refused = refusal(candidate)
        if refused is None:
            return candidate
        first = first or refused
    assert first is not None, "candidates includes the actor"
    raise first


def on_behalf_of(actor: Actor, rests_on: Actor) -> str | None:
    return rests_on.actor_id if rests_on.actor_id != actor.actor_id else None


def delegate(
    known: Organisation,
    delegation_id: str,
    actor: Actor,
    to: str,
    since: datetime,
    until: datetime,
    reason: str | None,
    now: datetime,
) -> list[Event]:
    """The actor delegates decisions to a colleague. One delegation at a time, so that the delegate is always clear."""
    require("delegate", actor)
    colleague = known.actors.get(to)
    if colleague is None or colleague.kind != "person" or colleague.human is None:
        raise Invalid("unknown_colleague", "No user with this ID can be a delegate.")
    if colleague.is_person(actor.human):
        raise Invalid("own_colleague", "You can't delegate your decisions to yourself.")
    since = max(since, now)
    if until <= since:
        raise Invalid("delegation_over", "The delegation would end before it starts.")
    if until - since > MAX_DELEGATION:
        raise Invalid(
            "delegation_too_long",
            f"A delegation lasts at most {MAX_DELEGATION.days} days.",
            latest=f"{since + MAX_DELEGATION:%Y-%m-%d %H:%M} UTC",
        )
    for held in known.delegations.values():
        said = held.said
        if said.by == actor.actor_id and not held.over(now) and said.since < until and since < said.until:
            raise Invalid(
                "delegated_already",
                f"You already have a delegate from {said.since:%Y-%m-%d %H:%M} to {said.until:%Y-%m-%d %H:%M} UTC.",
            )
    return [
        e.DecisionsDelegated(
            delegation_id=delegation_id, by=actor.actor_id, to=to, since=since, until=until, reason=reason
        )
    ]


def end_delegation(known: Organisation, delegation_id: str, actor: Actor, now: datetime) -> list[Event]:
    """Before its time, by either of the two. Nothing happens where it is over."""
    require("end_delegation", actor)
    held = known.delegations.get(delegation_id)
    if held is None or actor.actor_id not in (held.said.by, held.said.to):
        raise Invalid("unknown_delegation", "You have no such delegation.")
    if held.ended:
        return []
    if held.over(now):
        raise TooLate("delegation_over", f"The delegation ended at {held.said.until:%Y-%m-%d %H:%M} UTC.")
    return [e.DelegationEnded(delegation_id=delegation_id, by=actor.actor_id)]
