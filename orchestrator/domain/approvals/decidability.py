"""Whether each open gate and review has enough people who can decide it, and who they are.

The same rules as when a person decides (`gates`, `operating`), asked for every known account. A person who has
delegated their decisions counts through the delegate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.domain.approvals import gates
from orchestrator.domain.commands import operating
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


@dataclass(frozen=True, slots=True)
class Shortage:
    """A gate or review that too few people can decide: `needed` more decisions are needed, `found` people can give
    one."""

    needed: int
    found: int


def too_few_deciders(state: RunState, world: World) -> dict[str, Shortage]:
    """The open gates and reviews that can't be decided as things are, by id."""
    short = {}
    for id_, gate in state.decisions.gates.items():
        if gate.open and (missing := gate_shortage(state, gate, world)) is not None:
            short[id_] = missing
    for id_, exception in state.work.exceptions.items():
        if (
            exception.open
            and RULES[exception.opened.kind].is_review
            and not has_reviewer(state, exception.opened.owners, world, id_)
        ):
            short[id_] = Shortage(1, 0)
    return short


def gate_shortage(state: RunState, gate: GateState, world: World) -> Shortage | None:
    """None where enough people can still decide at this gate."""
    counted = gates.votes_that_count(state, gate, world.rested_on)
    needed = gate.opened.quorum - gates.people_of(counted, world.actors)
    voters: set[frozenset[str]] = set()
    decisions: set[frozenset[str]] = set()
    for voter, decision in _possible_votes(state, gate, world):
        voters.add(voter)
        decisions.add(decision)
        if min(len(voters), len(decisions)) >= needed:
            return None
    return Shortage(needed, min(len(voters), len(decisions))) if needed > 0 else None


def start_shortage(state: RunState, gate: GateState, world: World) -> Shortage | None:
    """As `gate_shortage`, with the roles that the gate escalates to."""
    roles = world.pinned.approvals.decisions[gate.opened.gate].escalate_to
    return gate_shortage(state, gate.escalated(roles, world.now), world)


def escalation_helps(state: RunState, gate: GateState, roles: tuple[str, ...], world: World) -> bool:
    """Whether too few people can decide now, and more could if these roles were asked as well."""
    now = gate_shortage(state, gate, world)
    if now is None or gate.roles.issuperset(roles):
        return False
    then = gate_shortage(state, gate.escalated(roles, world.now), world)
    return then is None or then.found > now.found


def _possible_votes(state: RunState, gate: GateState, world: World) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """People who could vote to approve all of the gate's steps, each with the person on whom the vote rests (their
    opaque ids)."""
    delegators = {held.said.by for held in world.delegations if held.holds(world.now)}
    asked = {held.said.to for held in world.delegations if held.holds(world.now)}
    asked |= state.decisions.assigned(gate.opened.gate_id)
    for actor in _available(state, world):
        if actor.roles.isdisjoint(gate.roles) and actor.actor_id not in asked:
            continue
        for one in gates.who_may_vote(state, gate, actor, world):
            if one.actor_id == actor.actor_id and one.actor_id in delegators:
                continue
            if gates.level_missing(state, gate, actor, one, (), world) is None:
                yield actor.people, one.people


def has_reviewer(state: RunState, roles: Sequence[str], world: World, review: str = "") -> bool:
    """Whether a person with one of these roles, or assigned to the `review`, can review the run's urgent start."""
    assigned = state.decisions.assigned(review)
    return any(
        operating.own_review(state, actor) is None and operating.own_review(state, one) is None
        for actor in _available(state, world)
        for one in ((actor,) if actor.actor_id in assigned else operating.may_act(state, actor, roles, world))
    )


def _available(state: RunState, world: World) -> Iterator[Actor]:
    for actor in world.actors.values():
        known = actor.kind == "person" and actor.human is not None and actor.human not in world.departed
        if known and state.exists_for(actor.actor_id, world.now):
            yield actor
