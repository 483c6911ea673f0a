"""What lies around runs: who acts here and with which roles, what is on hold, and which run a person has open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.levels import Actor, Level


@dataclass(frozen=True, slots=True)
class DelegationState:
    """`to` may decide what `by` may, from `since` until before `until`, unless it was ended."""

    said: e.DecisionsDelegated
    ended: bool = False

    def holds(self, now: datetime) -> bool:
        return not self.ended and self.said.since <= now < self.said.until

    def over(self, now: datetime) -> bool:
        return self.ended or now >= self.said.until


@dataclass(frozen=True, slots=True)
class Organisation:
    """The actors as they last signed in, less what was revoked; what each sign-in said last; and who decides for whom.
    A role that was revoked comes back when a sign-in has once been without it, and a later one has it: signing in again
    alone gives nothing back.

    An assistant has the account that created its token as its `maker`, as that account is now. `makers` are these
    accounts by the program's account."""

    version: int = 0
    actors: Mapping[str, Actor] = field(default_factory=dict)
    recorded: Mapping[str, e.ActorRecorded] = field(default_factory=dict)
    revoked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    delegations: Mapping[str, DelegationState] = field(default_factory=dict)
    makers: Mapping[str, str] = field(default_factory=dict)
    revoked_tokens: frozenset[str] = frozenset()
    """Ids of API tokens. They stop working with the event, whatever the table of tokens says."""


def fold_organisation(state: Organisation, event: Event) -> Organisation:
    state = replace(state, version=state.version + 1)
    match event:
        case e.ActorRecorded(actor_id=actor_id):
            signed_in = _as_recorded(event)
            still = state.revoked.get(actor_id, frozenset()) & signed_in.roles
            signed_in = signed_in.model_copy(update={"roles": signed_in.roles - still})
            return replace(
                state,
                actors=_with_makers({**state.actors, actor_id: signed_in}, state.makers, actor_id),
                recorded={**state.recorded, actor_id: event},
                revoked={**state.revoked, actor_id: still},
            )
        case e.RolesRevoked(actor_id=actor_id) if actor_id in state.actors:
            known = state.actors[actor_id]
            fewer = known.model_copy(update={"roles": known.roles - set(event.roles)})
            revoked = state.revoked.get(actor_id, frozenset()) | set(event.roles)
            actors = _with_makers({**state.actors, actor_id: fewer}, state.makers, actor_id)
            return replace(state, actors=actors, revoked={**state.revoked, actor_id: revoked})
        case e.TokenMade(actor_id=actor_id, by=by):
            makers = {**state.makers, actor_id: by}
            return replace(state, actors=_with_makers({**state.actors}, makers, actor_id), makers=makers)
        case e.TokenRevoked(token_id=token_id):
            return replace(state, revoked_tokens=state.revoked_tokens | {token_id})
        case e.DecisionsDelegated(delegation_id=id_):
            return replace(state, delegations={**state.delegations, id_: DelegationState(event)})
        case e.DelegationEnded(delegation_id=id_) if id_ in state.delegations:
            ended = replace(state.delegations[id_], ended=True)
            return replace(state, delegations={**state.delegations, id_: ended})
    return state


def _with_makers(actors: dict[str, Actor], makers: Mapping[str, str], changed: str) -> dict[str, Actor]:
    """Brings the makers of assistants up to date after the account `changed` did; `actors` is changed in place."""
    for program, maker in makers.items():
        known = actors.get(program)
        if known is not None and known.kind == "assistant" and changed in (program, maker):
            actors[program] = known.model_copy(update={"maker": actors.get(maker)})
    return actors


def _as_recorded(event: e.ActorRecorded) -> Actor:
    return Actor(
        actor_id=event.actor_id,
        kind=event.kind,
        roles=frozenset(event.roles),
        human=event.human,
        managers=frozenset(event.managers),
        up_to=Level(event.up_to) if event.up_to is not None else None,
        maker_human=event.maker_human,
    )


def record_sign_in(
    known: Organisation, actor: Actor, name: str | None, email: str | None, time_zone: str | None
) -> list[Event]:
    """What a sign-in found out about an account, where that is news. What it does not say (None) stays as it was. Words
    about someone whom HR does not know are not kept: they would belong to no one."""
    last = known.recorded.get(actor.actor_id)
    before = last if last is not None and last.human == actor.human else None
    said = {"name": name, "email": email, "time_zone": time_zone}
    words = {
        field: (value or getattr(before, field, None)) if actor.human is not None else None
        for field, value in said.items()
    }
    same = before is not None and all(getattr(before, field) == value for field, value in words.items())
    if same and before is not None and _as_recorded(before) == actor:
        return []
    return [
        e.ActorRecorded.model_validate({
            "actor_id": actor.actor_id, "kind": actor.kind, "roles": tuple(sorted(actor.roles)), "human": actor.human,
            "managers": tuple(sorted(actor.managers)), "up_to": actor.up_to.value if actor.up_to else None,
            "maker_human": actor.maker_human, **words,
        })
    ]  # fmt: skip


def actor_of(state: Organisation, actor_id: str) -> Actor:
    """Raises `NotAllowed` for an account that never signed in."""
    known = state.actors.get(actor_id)
    if known is None:
        raise NotAllowed("unknown_actor", "This account has not signed in here.")
    return known


@dataclass(frozen=True, slots=True)
class Holds:
    """One stream of holds: a system's, or `*` for everything."""

    version: int = 0
    held: bool = False


def fold_holds(state: Holds, event: Event) -> Holds:
    held = state.held
    if isinstance(event, e.HoldPlaced):
        held = True
    elif isinstance(event, e.HoldReleased):
        held = False
    return Holds(state.version + 1, held)


def holds_of(events: Iterable[Event]) -> Holds:
    """The whole of one stream of holds, folded."""
    return reduce(fold_holds, events, Holds())


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """Which runs a person has had, the latest last; whether that one is open only the run itself knows."""

    version: int = 0
    last_run: str | None = None


def fold_person(state: PersonRecord, event: Event) -> PersonRecord:
    last_run = event.run_id if isinstance(event, e.RunOpened) else state.last_run
    return PersonRecord(state.version + 1, last_run)
