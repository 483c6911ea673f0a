"""Who sees a run and which items wait for whom, as conditions on rows: the rules of `domain.permissions.visibility`,
`domain.approvals.gates` and `domain.commands.operating`. Tests compare the two.

A viewer sees with their own eyes, and decides also for those who delegated that to them (`absent`): with the conflicts
of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    true,
)

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.permissions.levels import Actor, ActorKind, Level
from orchestrator.ledger.schema.tables import inbox, runs

_FOR_PEOPLE = [kind for kind, rule in RULES.items() if rule.people_only]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. `human` and `managers` are opaque ids of people as HR knows them; `up_to` is as far as the access goes
    that they came with, `maker` the account that created an assistant's token, `programs` the accounts whose tokens
    the viewer created. `maker_human` is the person who answers for a program, `creator` the one who created its token
    (opaque ids). `formerly` are other opaque ids of these people."""

    actor_id: str
    roles: frozenset[str]
    kind: ActorKind = "person"
    human: str | None = None
    managers: frozenset[str] = frozenset()
    up_to: Level | None = None
    maker: Actor | None = None
    programs: frozenset[str] = frozenset()
    maker_human: str | None = None
    creator: str | None = None
    formerly: frozenset[str] = frozenset()

    @classmethod
    def of(cls, actor: Actor) -> Viewer:
        return cls(
            actor.actor_id,
            actor.roles,
            actor.kind,
            actor.human,
            actor.managers,
            actor.up_to,
            actor.maker,
            actor.programs,
            actor.maker_human,
            actor.creator,
            actor.formerly,
        )

    @property
    def actor(self) -> Actor:
        return Actor(
            actor_id=self.actor_id,
            kind=self.kind,
            roles=self.roles,
            human=self.human,
            managers=self.managers,
            up_to=self.up_to,
            maker=self.maker,
            programs=self.programs,
            maker_human=self.maker_human,
            creator=self.creator,
            formerly=self.formerly,
        )


def visible(viewer: Actor, absent: Sequence[Actor], readable: Sequence[str]) -> ColumnElement[bool]:
    """`readable` are the packet versions whose runs the viewer may read for the packet's sake."""
    return and_(exists_for(viewer), or_(runs.c.packet_version.in_(readable), waits_for(viewer, absent)))


def exists_for(actor: Actor) -> ColumnElement[bool]:
    """Under an embargo, only the named actors see a run. A dry run does not exist for the person whom it is about, and
    one beside a run for no one until the systems were read a day after the cutoff."""
    named = or_(
        runs.c.embargo_until.is_(None),
        runs.c.embargo_until <= func.engine.now(),
        runs.c.named.contains([actor.actor_id]),
    )
    return and_(named, not_(unseen_dry_runs(actor)))


def unseen_dry_runs(actor: Actor) -> ColumnElement[bool]:
    """The dry runs that do not exist for the actor, whatever the packet grants."""
    about = and_(runs.c.shadow, runs.c.person_id.in_(sorted(actor.people))) if actor.people else false()
    return or_(runs.c.blind, about)


def waits_for(viewer: Actor, absent: Sequence[Actor]) -> ColumnElement[bool]:
    """Whether something in the run is open for a role of the viewer, or of a person for whom the viewer decides. Only a
    person can see a run because of a role; assistants and services see what is granted to them by name."""
    if viewer.kind != "person":
        return false()
    return or_(_asks(viewer), *(and_(_asks(one), exists_for(one), _not_about(one)) for one in absent))


def _asks(actor: Actor) -> ColumnElement[bool]:
    waiting = inbox.alias("waiting")
    held = waiting.c.roles.has_any(cast(sorted(actor.roles), ARRAY(Text)))
    return exists().where(waiting.c.run_id == runs.c.run_id, held)


def may_act(viewer: Actor, absent: Sequence[Actor]) -> ColumnElement[bool]:
    """Of what waits, what the domain would let this viewer do."""
    if viewer.kind == "assistant" or (viewer.kind == "person" and viewer.human is None):
        return false()
    if viewer.kind == "service":
        asked = and_(inbox.c.kind == "exception", inbox.c.detail["exception"].astext.not_in(_FOR_PEOPLE))
        return and_(_holds_role(viewer), asked) if viewer.reaches(Level.PREPARE) else false()
    if not viewer.reaches(Level.PREPARE):
        return false()
    own = and_(_holds_role(viewer), _free(viewer))
    return or_(own, *(_instead_of(one, viewer) for one in absent))


def on_behalf_of(viewer: Actor, absent: Sequence[Actor]) -> ColumnElement[Any]:
    """For whom the viewer would act, where they could not act themselves."""
    if viewer.kind != "person" or not absent:
        return null()
    first = (and_(_holds_role(viewer), _free(viewer)), null())
    return case(first, *((_instead_of(one, viewer), literal(one.actor_id)) for one in absent), else_=null())


def _instead_of(absent: Actor, viewer: Actor) -> ColumnElement[bool]:
    return and_(_holds_role(absent), _free(absent), _free(viewer), exists_for(absent))


def _holds_role(actor: Actor) -> ColumnElement[bool]:
    return or_(inbox.c.roles.has_any(cast(sorted(actor.roles), ARRAY(Text))), _assigned(actor))


def _assigned(actor: Actor | Viewer) -> ColumnElement[bool]:
    """Whether two people named this account to decide the gate or review."""
    return func.coalesce(inbox.c.detail["assigned"].contains([actor.actor_id]), False)


def _not_about(actor: Actor) -> ColumnElement[bool]:
    return runs.c.person_id.not_in(sorted(actor.people)) if actor.human is not None else true()


def _free(actor: Actor) -> ColumnElement[bool]:
    """No conflict keeps the viewer from it. The requester of a run decides at none of its gates, and does
    not review that it began at once."""
    asked_for_it: ColumnElement[bool] = runs.c.requested_by.in_(sorted({actor.actor_id, *actor.programs}))
    if actor.human is not None:
        asked_for_it = or_(asked_for_it, runs.c.requester_human.in_(sorted(actor.people)))
    asked_for_it = func.coalesce(asked_for_it, False)
    if actor.human is None:
        gates_barred: ColumnElement[bool] = inbox.c.kind == "gate"
    else:
        voted = or_(*(inbox.c.detail["voted"].contains([human]) for human in sorted(actor.people)))
        reports = and_(runs.c.person_id.in_(sorted(actor.managers)), not_(_assigned(actor)))
        barred = or_(asked_for_it, reports, voted)
        gates_barred = and_(inbox.c.kind == "gate", barred)
    review_barred = and_(inbox.c.kind == "review", asked_for_it)
    return and_(_not_about(actor), not_(gates_barred), not_(review_barred))
