"""What a run's recorded facts come to with today's code and the packet in use, where that is not what was recorded.

Nothing is read but the ledger, and nothing is written. The facts are HR's words about the person at the start, the
accounts that searches found, the answers of people, and votes with the roles that the voters had then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.domain.approvals import gates
from orchestrator.domain.errors import TooLate
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.run_projection import require_whole
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.planning.planning import make_plan
from orchestrator.domain.planning.searching import judge
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World, levels_suffice, who_caused

DifferenceKind = Literal["match", "step_added", "step_removed", "step_changed", "approval", "permission"]
_NOT_COMPARED = frozenset({"digest", "title", "task_instruction", "minutes_saved", "queue", "tokens_last"})
"""What of a step changes neither what is done nor who decides about it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`subject` is a system for `match`, a gate's id for `approval`, and a step's name otherwise. `recorded` and
    `today` are ids and words without personal data; `fields` are what differs of a step."""

    kind: DifferenceKind
    subject: str
    recorded: str = ""
    today: str = ""
    fields: tuple[str, ...] = ()


def decided_again(state: RunState, actor: Actor, world: World) -> tuple[Difference, ...]:
    """For an actor who reads the whole run. Raises `NotAllowed` for another one, and `TooLate` (`person_erased`) if the
    facts about the person were erased."""
    require_whole(state, actor, world)
    if state.asked.facts is None:
        raise TooLate("person_erased", f"The person of run {state.run_id} was erased, so nothing can be decided again.")
    return (*_matches(state, world), *_steps(state, world), *_approvals(state, world), *_permissions(state, world))


def _matches(state: RunState, world: World) -> Iterator[Difference]:
    person = PersonFacts.model_validate(state.asked.facts)
    for system, found in state.accounts.planned_on.items():
        if system not in world.current.platform.systems:
            continue  # the plan has no steps there either
        known = [state.accounts.details.get(id_) for id_ in dict.fromkeys((*found.accounts, *found.candidates))]
        accounts = [FoundAccount.model_validate(details) for details in known if details is not None]
        again = judge(person, world.current, system, found.purpose, accounts)
        if (again.outcome, again.accounts) != (found.outcome, found.accounts):
            yield Difference("match", system, found.outcome, again.outcome)


def _steps(state: RunState, world: World) -> Iterator[Difference]:
    planned = make_plan(replace(state, packet_version=world.current.version), world.current, world.abilities)
    today = {step.step_id: step for step in planned.steps}
    for id_, step in state.plan.steps.items():
        if id_ not in today:
            if step.name not in planned.open_steps:
                yield Difference("step_removed", step.name)
        elif fields := _differing(step, today[id_]):
            yield Difference("step_changed", step.name, fields=fields)
    for id_, step in today.items():
        if id_ not in state.plan.steps:
            yield Difference("step_added", step.name)


def _differing(recorded: PlannedStep, today: PlannedStep) -> tuple[str, ...]:
    before, now = recorded.model_dump(exclude=set(_NOT_COMPARED)), today.model_dump(exclude=set(_NOT_COMPARED))
    return tuple(sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name)))


def _approvals(state: RunState, world: World) -> Iterator[Difference]:
    for id_, gate in state.decisions.gates.items():
        if gate.outcome not in ("approved", "rejected"):
            continue
        today = _outcome_today(state, id_, gate, world)
        if today != gate.outcome:
            yield Difference("approval", id_, gate.outcome, today)


def _outcome_today(state: RunState, gate_id: str, gate: GateState, world: World) -> str:
    spec = world.current.approvals.decisions.get(gate.opened.gate)
    if spec is None:
        return "none"
    opened = gate.opened.model_copy(update={"roles": spec.decided_by, "quorum": spec.quorum})
    actors = dict(world.rested_on)
    for vote, _ in gate.votes:
        if vote.on_behalf_of is None and vote.by in actors:
            actors[vote.by] = actors[vote.by].model_copy(update={"roles": frozenset(vote.roles)})
    decided = gates.decision(state, replace(gate, opened=opened), actors)
    return decided.outcome if decided is not None else "open"


def _permissions(state: RunState, world: World) -> Iterator[Difference]:
    for id_, step in state.plan.steps.items():
        known = state.work.steps[id_]
        if step.is_task or not known.attempt or step.system not in world.current.platform.systems:
            continue
        if not levels_suffice(state, step, who_caused(state, step), world):
            yield Difference("permission", step.name, step.level.value, "none")
