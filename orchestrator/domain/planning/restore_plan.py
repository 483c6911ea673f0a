"""The plan of a run that restores access: the steps that its request froze, for the accounts that are found now."""

from __future__ import annotations

from orchestrator.domain.events import PlanFrozen
from orchestrator.domain.packet.ability import Catalogue, find_ability
from orchestrator.domain.packet.packet import Packet, WorkflowStep
from orchestrator.domain.planning import searching
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep, plan_digest
from orchestrator.domain.planning.planned_step import planned_step
from orchestrator.domain.run.run import RunState


def restore_plan(state: RunState, packet: Packet, catalogue: Catalogue) -> PlanFrozen:
    """`packet` is the one that `restoring_packet` made. A step on an account that is not the person's any more, or is
    not there, is not planned; one whose system has not said so is left open."""
    unsettled = set(searching.unsettled(state, packet))
    planned: list[PlannedStep] = []
    left_open: list[str] = []
    for step in packet.workflow.steps:
        if step.task is not None:
            planned.append(planned_step(step, None, None, packet, step.gate))
            continue
        found = _planned(step, state, packet, catalogue, unsettled)
        if found is None:
            left_open.append(step.name)
        planned += found or ()
    steps = tuple(planned)
    return PlanFrozen(
        revision=state.plan.revision + 1, digest=plan_digest(steps), steps=steps, open_steps=tuple(left_open)
    )


def _planned(
    step: WorkflowStep, state: RunState, packet: Packet, catalogue: Catalogue, unsettled: set[str]
) -> list[PlannedStep] | None:
    """None where it can't be planned yet."""
    assert step.system is not None
    ability = find_ability(catalogue, packet.platform.systems[step.system].connector, step.ability)
    if ability is None:
        return None
    if not ability.needs_account:
        return [planned_step(step, ability, None, packet, step.gate)]
    if step.system in unsettled:
        return None
    theirs = state.accounts.of(step.system) or ()
    wanted = {one.account_id for one in state.asked.restorations if one.ability == step.ability} & set(theirs)
    return [
        planned_step(step, ability, FoundAccount.model_validate(state.accounts.details[id_]), packet, step.gate)
        for id_ in theirs
        if id_ in wanted
    ]
