"""Who else can act on the open items of a run, and the effects of a delay: what inbox and notices say beside an item.

The same rules as in `gates` and `operating`, for the people whose role or assignment can count. No item waits for what
an assistant may do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.approvals import gates
from orchestrator.domain.commands import operating
from orchestrator.domain.errors import Invalid
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


@dataclass(frozen=True, slots=True)
class DelayEffects:
    """What happens if no one acts: at the time `at`, the roles `escalates_to` are asked as well; if there are none, the
    item is overdue then. `lapses_at` is when a decision would no longer be valid and has to be made again. `undone` are
    the IDs of the steps that wait for the item, and of those that need them, in the plan's order."""

    escalates_to: tuple[str, ...] = ()
    at: datetime | None = None
    lapses_at: datetime | None = None
    undone: tuple[str, ...] = ()


class PeopleByRole:
    """The people among these accounts who can act at all, by role and by account. Made once for all items of a page or
    a response: a company has many accounts, and few of them have a role that counts for an item."""

    def __init__(self, actors: Iterable[Actor]) -> None:
        self._places: dict[str, int] = {}
        self._people: list[Actor] = []
        self._by_role: dict[str, list[int]] = {}
        for actor in actors:
            if actor.kind != "person" or not actor.reaches(Level.PREPARE):
                continue
            place = self._places[actor.actor_id] = len(self._people)
            self._people.append(actor)
            for role in actor.roles:
                self._by_role.setdefault(role, []).append(place)

    def having(self, roles: Collection[str], accounts: Collection[str]) -> list[Actor]:
        """Those with one of these roles or accounts, in the order in which they were given."""
        places = {place for role in roles for place in self._by_role.get(role, ())}
        places |= {self._places[account] for account in accounts if account in self._places}
        return [self._people[place] for place in sorted(places)]


def deciders(state: RunState, item_id: str, people: PeopleByRole, world: World) -> tuple[str, ...]:
    """Those of these people who may act now on an open gate, task, exception or review, by id; for themselves or for
    someone who delegated that to them. None where nothing of this id is open. Raises `Invalid` for an id that the run
    does not have."""
    asked = state.decisions.assigned(item_id) | {held.said.to for held in world.delegations}
    return tuple(
        actor.actor_id
        for actor in people.having(_roles(state, item_id), asked)
        if state.exists_for(actor.actor_id, world.now) and _may(state, item_id, actor, world)
    )


def _roles(state: RunState, item_id: str) -> frozenset[str]:
    """The roles that an item waits for. Raises `Invalid` for an id that the run does not have."""
    if (gate := state.decisions.gates.get(item_id)) is not None:
        return gate.roles
    if (task := state.work.tasks.get(item_id)) is not None:
        return frozenset({task.opened.role})
    if (exception := state.work.exceptions.get(item_id)) is not None:
        return frozenset(exception.opened.owners)
    raise _unknown(state, item_id)


def _may(state: RunState, item_id: str, actor: Actor, world: World) -> bool:
    if (gate := state.decisions.gates.get(item_id)) is not None:
        return gate.open and bool(gates.who_may_vote(state, gate, actor, world))
    if (task := state.work.tasks.get(item_id)) is not None:
        return task.open and bool(operating.may_act(state, actor, (task.opened.role,), world))
    exception = state.work.exceptions.get(item_id)
    if exception is None:
        raise _unknown(state, item_id)
    candidates = operating.may_act(state, actor, exception.opened.owners, world)
    if RULES[exception.opened.kind].is_review:
        if actor.actor_id in state.decisions.assigned(item_id):
            candidates = (actor,)
        if operating.own_review(state, actor) is not None:
            return False
        candidates = tuple(one for one in candidates if operating.own_review(state, one) is None)
    return exception.open and bool(candidates)


def effects_of_delay(state: RunState, item_id: str, world: World) -> DelayEffects:
    """What happens to an item that is not completed. Raises `Invalid` for an id that the run does not have."""
    if (gate := state.decisions.gates.get(item_id)) is not None:
        opened = gate.opened
        asked = {id_ for id_, step in state.plan.steps.items() if step.digest in opened.digests}
        spec = world.pinned.approvals.decisions[opened.gate]
        escalates = spec.escalate_to if gate.escalated_at is None else ()
        return DelayEffects(escalates, opened.decide_by, opened.valid_until, _with_successors(state, asked))
    if (task := state.work.tasks.get(item_id)) is not None:
        # An overdue task becomes an exception, which has an owner.
        owner = (world.pinned.approvals.exceptions.owner,)
        return DelayEffects(owner, task.opened.due, undone=_with_successors(state, {task.opened.step_id}))
    exception = state.work.exceptions.get(item_id)
    if exception is None:
        raise _unknown(state, item_id)
    about = exception.opened
    stopped: set[str] = set()
    if about.step_id is not None:
        stopped = {about.step_id}
    elif about.gate_id is not None:
        digests = state.decisions.gates[about.gate_id].opened.digests
        stopped = {id_ for id_, step in state.plan.steps.items() if step.digest in digests}
    elif about.system is not None:
        stopped = {id_ for id_, step in state.plan.steps.items() if step.system == about.system}
    return DelayEffects(at=exception.due, undone=_with_successors(state, stopped))


def _with_successors(state: RunState, stopped: set[str]) -> tuple[str, ...]:
    """These steps and whatever needs them, as far as they are not final."""
    waiting = {id_ for id_ in stopped if id_ in state.work.steps and not state.work.steps[id_].final}
    while True:
        names = {state.plan.steps[id_].name for id_ in waiting}
        more = {
            id_
            for id_, step in state.plan.steps.items()
            if id_ not in waiting and not state.work.steps[id_].final and not names.isdisjoint(step.needs)
        }
        if not more:
            return tuple(id_ for id_ in state.plan.steps if id_ in waiting)
        waiting |= more


def _unknown(state: RunState, item_id: str) -> Invalid:
    return Invalid("unknown_item", f"Run {state.run_id} has no item {item_id[:80]}.")
