"""The organisation: accounts and their roles, systems on hold, and the run that a person has open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Protocol

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.services import TokenProgram
from orchestrator.domain.permissions.levels import Actor, Level

ALL_ASSISTANTS = "*"
"""In the place of the account of an assistant."""


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
    alone gives nothing back. `revoked` has, by account, the roles that are revoked, each with the accounts that revoked
    it.

    An assistant has the account that created its token as its `maker`, as that account is now. `programs` are the
    services and assistants whose tokens the ledger knows, by account. `webhooks` are the accounts that added those that
    are not disabled, by the webhook's id. `same` has, by opaque id, all ids of one person: those that HR linked to one
    account, one after the other."""

    version: int = 0
    actors: Mapping[str, Actor] = field(default_factory=dict)
    recorded: Mapping[str, e.ActorRecorded] = field(default_factory=dict)
    revoked: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    delegations: Mapping[str, DelegationState] = field(default_factory=dict)
    programs: Mapping[str, TokenProgram] = field(default_factory=dict)
    webhooks: Mapping[str, str] = field(default_factory=dict)
    same: Mapping[str, frozenset[str]] = field(default_factory=dict)
    revoked_tokens: frozenset[str] = frozenset()
    """Ids of API tokens. They stop working with the event, whatever the table of tokens says."""
    stopped_assistants: frozenset[str] = frozenset()
    """Accounts; `*` for all assistants, also those that are created later."""

    def stopped(self, actor: Actor) -> bool:
        """Whether this is an assistant that may not read any more until it is resumed."""
        return actor.kind == "assistant" and not self.stopped_assistants.isdisjoint({actor.actor_id, ALL_ASSISTANTS})

    def service_owners(self) -> frozenset[str]:
        """The people (opaque ids) who are the owner or the deputy of a service that is not revoked."""
        accounts = {account for one in self.programs.values() if not one.revoked for account in one.people}
        people = (self.actors[account].human for account in accounts if account in self.actors)
        return frozenset(human for human in people if human is not None)


def fold_organisation(state: Organisation, event: Event) -> Organisation:
    state = replace(state, version=state.version + 1)
    match event:
        case e.ActorRecorded(actor_id=actor_id):
            signed_in = _as_recorded(event)
            revoked = state.revoked.get(actor_id, {})
            still = {role: by for role, by in revoked.items() if role in signed_in.roles}
            signed_in = signed_in.model_copy(update={"roles": signed_in.roles - still.keys()})
            return _with_links(
                replace(
                    state,
                    actors={**state.actors, actor_id: signed_in},
                    recorded={**state.recorded, actor_id: event},
                    revoked={**state.revoked, actor_id: still},
                ),
                state.actors.get(actor_id),
                actor_id,
            )
        case e.RolesRevoked(actor_id=actor_id) if actor_id in state.actors:
            known = state.actors[actor_id]
            fewer = known.model_copy(update={"roles": known.roles - set(event.roles)})
            before = state.revoked.get(actor_id, {})
            revoked = {**before, **{role: before.get(role, frozenset()) | {event.by} for role in event.roles}}
            actors = _with_makers({**state.actors, actor_id: fewer}, state, actor_id)
            return replace(state, actors=actors, revoked={**state.revoked, actor_id: revoked})
        case e.TokenMade(actor_id=actor_id, by=by):
            made = TokenProgram(
                actor_id, event.token_id, by, by, event.deputy, event.expires_at, maker_human=event.human
            )
            return _with_program(state, made)
        case e.ServiceOwnersChanged(actor_id=actor_id, owner=owner):
            known_one = state.programs.get(actor_id)
            if known_one is None:  # earlier versions recorded who created a token with its account only
                maker = state.recorded[actor_id].maker_human if actor_id in state.recorded else None
                known_one = TokenProgram(actor_id, event.token_id, owner, owner, maker_human=maker)
            return _with_program(state, replace(known_one, owner=owner, deputy=event.deputy))
        case e.TokenRevoked(token_id=token_id):
            state = replace(state, revoked_tokens=state.revoked_tokens | {token_id})
            ended_one = state.programs.get(event.actor_id)
            return state if ended_one is None else _with_program(state, replace(ended_one, revoked=True))
        case e.WebhookAdded(hook_id=hook_id, by=by):
            return replace(state, webhooks={**state.webhooks, hook_id: by})
        case e.WebhookDisabled(hook_id=hook_id):
            return replace(state, webhooks={id_: by for id_, by in state.webhooks.items() if id_ != hook_id})
        case e.AssistantStopped(actor_id=actor_id):
            return replace(state, stopped_assistants=state.stopped_assistants | {actor_id})
        case e.AssistantResumed(actor_id=actor_id):
            return replace(state, stopped_assistants=state.stopped_assistants - {actor_id})
        case e.DecisionsDelegated(delegation_id=id_):
            return replace(state, delegations={**state.delegations, id_: DelegationState(event)})
        case e.DelegationEnded(delegation_id=id_) if id_ in state.delegations:
            ended = replace(state.delegations[id_], ended=True)
            return replace(state, delegations={**state.delegations, id_: ended})
    return state


def _with_program(state: Organisation, program: TokenProgram) -> Organisation:
    state = replace(state, programs={**state.programs, program.actor_id: program})
    return replace(state, actors=_with_makers({**state.actors}, state, program.actor_id))


def _with_links(state: Organisation, before: Actor | None, changed: str) -> Organisation:
    """Brings everything up to date after the sign-in of the account `changed`, which was `before`. If HR links it to
    another person's record now, the two records are of one person, whatever account."""
    signed_in = state.actors[changed]
    was = before.people if before is not None and before.kind == signed_in.kind == "person" else frozenset[str]()
    ids = signed_in.people | was
    signed_in = signed_in.model_copy(update={"formerly": was - {signed_in.human}})
    actors = {**state.actors, changed: _linked(signed_in, state.same)}
    if not was or all(ids <= state.same.get(one, frozenset({one})) for one in ids):
        return replace(state, actors=_with_makers(actors, state, changed))
    group = ids.union(*(state.same.get(one, frozenset()) for one in ids))
    state = replace(state, same={**state.same, **dict.fromkeys(group, group)})
    actors = {id_: _linked(one, state.same) for id_, one in actors.items()}
    for account in [id_ for id_, one in actors.items() if id_ == changed or not one.people.isdisjoint(group)]:
        actors = _with_makers(actors, state, account)
    return replace(state, actors=actors)


def _linked(actor: Actor, same: Mapping[str, frozenset[str]]) -> Actor:
    """With the other ids of its people, and of the people above them."""
    if not same:
        return actor
    own = frozenset((actor.human, actor.maker_human, actor.creator))
    formerly = actor.people.union(*(same.get(one, frozenset()) for one in actor.people)) - own
    managers = actor.managers.union(*(same.get(one, frozenset()) for one in actor.managers))
    if (formerly, managers) == (actor.formerly, actor.managers):
        return actor
    return actor.model_copy(update={"formerly": formerly, "managers": managers})


def _with_makers(actors: dict[str, Actor], state: Organisation, changed: str) -> dict[str, Actor]:
    """Brings what programs have of their makers and owners up to date after the account `changed` did; `actors` is
    changed in place."""
    programs = state.programs
    for program in programs.values():
        known = actors.get(program.actor_id)
        if known is None or changed not in (program.actor_id, program.made_by, program.owner):
            continue
        maker = actors.get(program.made_by)
        now: dict[str, object] = {"creator": program.maker_human or (maker.human if maker is not None else None)}
        if known.kind == "assistant":
            now["maker"] = maker
        elif (owner := actors.get(program.owner)) is not None and owner.human is not None:
            now["maker_human"] = owner.human
        actors[program.actor_id] = _linked(known.model_copy(update=now), state.same)
    for one in [*actors.values()] if changed in programs else [actors[changed]]:
        made = frozenset(program.actor_id for program in programs.values() if program.made_by_person(one))
        if one.kind == "person" and made != one.programs:
            actors[one.actor_id] = one.model_copy(update={"programs": made})
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
    """The event for what a sign-in says about an account, if any of it is new. A value that it does not give (None)
    stays as it was. Personal data about someone whom HR does not know is not kept, since it could not be erased with a
    person."""
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
        e.ActorRecorded.model_validate(
            {
                "actor_id": actor.actor_id,
                "kind": actor.kind,
                "roles": tuple(sorted(actor.roles)),
                "human": actor.human,
                "managers": tuple(sorted(actor.managers)),
                "up_to": actor.up_to.value if actor.up_to else None,
                "maker_human": actor.maker_human,
                **words,
            }
        )
    ]


def actor_of(state: Organisation, actor_id: str) -> Actor:
    """Raises `NotAllowed` for an account that never signed in."""
    known = state.actors.get(actor_id)
    if known is None:
        raise NotAllowed("unknown_actor", "This account has not signed in here.")
    return known


class Accounts(Protocol):
    """What `Organisation` and a run's `World` have in common."""

    @property
    def actors(self) -> Mapping[str, Actor]: ...

    @property
    def programs(self) -> Mapping[str, TokenProgram]: ...


def acting_now(actor: Actor, accounts: Accounts) -> Actor:
    """The actor of a command with the roles that its account has now: they can have been revoked since the request was
    read. The limit of the access that it came with stays. A program whose token was revoked has no role left. An
    account that the ledger does not know has nothing that could have been revoked."""
    known = accounts.actors.get(actor.actor_id)
    if known is None:
        return actor
    maker = known.maker
    if maker is None and actor.maker is not None:
        maker = accounts.actors.get(actor.maker.actor_id, actor.maker)
    program = accounts.programs.get(actor.actor_id)
    roles = frozenset[str]() if program is not None and program.revoked else known.roles
    now = {"maker_human": known.maker_human or actor.maker_human, "creator": known.creator or actor.creator}
    return known.model_copy(update={"up_to": actor.up_to, "maker": maker, "roles": roles} | now)


@dataclass(frozen=True, slots=True)
class Holds:
    """One stream of holds: a system's, or `*` for everything. `by` are the accounts that placed the hold there is, and
    `since` is the version of the stream at which it began. `lost_tails` are the lost tails of the ledger that were ever
    noticed (`HoldPlaced.lost_tail`), and `restored_at` is when the last of them was. `older_ledger` is whether the hold
    there is was placed for that reason. `ends` has, by account, when the hold of this account ends; None for one
    without an end. `began_at` is when the hold there is was recorded."""

    version: int = 0
    held: bool = False
    since: int = field(default=0, compare=False)
    by: frozenset[str] = field(default=frozenset(), compare=False)
    lost_tails: frozenset[str] = field(default=frozenset(), compare=False)
    restored_at: datetime | None = field(default=None, compare=False)
    older_ledger: bool = field(default=False, compare=False)
    ends: Mapping[str, datetime | None] = field(default_factory=dict, compare=False)
    began_at: datetime | None = field(default=None, compare=False)

    @property
    def until(self) -> datetime | None:
        """When changes are resumed automatically: at the last end, if each account's hold has one."""
        ends = [end for end in self.ends.values() if end is not None]
        return max(ends) if ends and len(ends) == len(self.ends) else None

    def holds(
        self, person_id: str, actors: Mapping[str, Actor], roles: Collection[str], departed: Collection[str]
    ) -> bool:
        """Whether it holds back changes in a run about this person (an opaque id). A hold that only the leaver placed
        does not, since people can't delay their own offboarding. Nor does one that only the leaver and people who
        report to the leaver placed, while another person has one of `roles`, which can place one. `departed` are the
        people (opaque ids) who have left."""
        return self.held and counts_in_run_about(person_id, self.by, actors, roles, departed)


def counts_in_run_about(
    person_id: str, by: Collection[str], actors: Mapping[str, Actor], roles: Collection[str], departed: Collection[str]
) -> bool:
    """Whether what the accounts `by` did counts in a run about this person (an opaque id). `roles` can do it, and
    `departed` are the people (opaque ids) who have left."""
    known = [actors[account] for account in by if account in actors]
    if not known or len(known) < len(by) or any(_independent(one, person_id) for one in known):
        return True
    if all(person_id in one.people for one in known):
        return False
    return not any(
        _independent(other, person_id) and other.human not in departed and not other.roles.isdisjoint(roles)
        for other in actors.values()
    )


def _independent(actor: Actor, person_id: str) -> bool:
    """Whether this is an account of a person who neither is the leaver nor reports to the leaver."""
    known = actor.kind == "person" and actor.human is not None
    return known and person_id not in actor.people and person_id not in actor.managers


def fold_holds(state: Holds, event: Event, at: datetime | None = None) -> Holds:
    """`at` is when the event was recorded: None where that is of no interest."""
    held, by, since, version = state.held, state.by, state.since, state.version + 1
    lost_tails, restored_at, older_ledger = state.lost_tails, state.restored_at, state.older_ledger
    ends, began_at = state.ends, state.began_at
    if isinstance(event, e.HoldPlaced):
        began_at = began_at if held else at
        ends = {**ends, event.by: event.until}
        held, by, since = True, by | {event.by}, since if held else version
        if event.lost_tail is not None:
            lost_tails, restored_at, older_ledger = lost_tails | {event.lost_tail}, at, True
    elif isinstance(event, e.HoldReleased):
        held, by, older_ledger, ends, began_at = False, frozenset(), False, {}, None
    return Holds(version, held, since, by, lost_tails, restored_at, older_ledger, ends, began_at)


def holds_of(events: Iterable[Event]) -> Holds:
    """The whole of one stream of holds, folded."""
    return reduce(fold_holds, events, Holds())
