"""From what was found to what will be done: the packet's steps for this person's accounts, frozen into a plan."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.events import PlanFrozen
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.ability import AbilityFacts, Catalogue, find_ability
from orchestrator.domain.packet.access_removal import ending_steps, removal_steps
from orchestrator.domain.packet.expressions import Expression, ExpressionFailed, RunFacts, StepFacts
from orchestrator.domain.packet.packet import Packet, WorkflowStep
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning import searching
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep, plan_digest, step_digest
from orchestrator.domain.planning.planned_step import planned_step, tokens_last
from orchestrator.domain.planning.restore_plan import restore_plan
from orchestrator.domain.run.run import RunState


def make_plan(state: RunState, packet: Packet, catalogue: Catalogue) -> PlanFrozen:
    """The plan for what is known now. Steps are left open on systems whose accounts are still a question, and on
    systems whose connector this process does not have; of the latter the steps of the plan before are kept. A run that
    restores access has the steps of its request."""
    if state.restores is not None:
        return restore_plan(state, packet, catalogue)
    person = PersonFacts.model_validate(state.asked.facts)
    run = run_facts(state)
    unsettled = set(searching.unsettled(state, packet))
    planned: list[PlannedStep] = []
    left_open: list[str] = []
    for step in packet.workflow.steps:
        if step.task is not None:
            planned += _for_account(step, None, None, packet, person, run)
            continue
        assert step.system is not None and step.ability is not None
        ability = find_ability(catalogue, packet.platform.systems[step.system].connector, step.ability)
        if ability is None:
            left_open.append(step.name)
            planned += _planned_before(state, step)
        elif not ability.needs_account:
            planned += _for_account(step, ability, None, packet, person, run)
        elif step.system in unsettled:
            left_open.append(step.name)
        else:
            for account_id in state.accounts.of(step.system) or ():
                account = FoundAccount.model_validate(state.accounts.details[account_id])
                now = _for_account(step, ability, account, packet, person, run)
                planned += _despite_own_changes(now, step.name, account_id, state)
    steps = tuple(
        _as_removal(step, packet, catalogue) if _ends_access(step, planned, state, packet, catalogue) else step
        for step in (_asked_about_again(one, state) for one in planned)
    )
    return PlanFrozen(
        revision=state.plan.revision + 1, digest=plan_digest(steps), steps=steps, open_steps=tuple(left_open)
    )


def _asked_about_again(step: PlannedStep, state: RunState) -> PlannedStep:
    """A step that needs an approval of its own for a repeat keeps that digest in every later plan."""
    generation = state.plan.new_approvals.get(step.step_id)
    return step if generation is None else step.model_copy(update={"digest": step_digest(step, generation)})


def widened_plan(state: RunState, packet: Packet, catalogue: Catalogue) -> PlanFrozen | None:
    """The present plan, with what the packet's conditions ask for on accounts that are active again or privileged by
    now. None where they ask for no more. What is planned stays planned, since the run's own steps change accounts
    too."""
    now = make_plan(state, packet, catalogue)
    grown = state.accounts.grown
    further = {step.step_id: step for step in now.steps if step.account_id in grown and _asks_for_more(step, state)}
    if not further:
        return None
    place = {step.name: number for number, step in enumerate(packet.workflow.steps)}
    planned = {**state.plan.steps, **further}.values()
    steps = tuple(sorted(planned, key=lambda step: place.get(step.name, len(place))))
    open_steps = tuple(step.name for step in packet.workflow.steps if step.name in state.plan.open_steps)
    return PlanFrozen(revision=now.revision, digest=plan_digest(steps), steps=steps, open_steps=open_steps)


def _asks_for_more(step: PlannedStep, state: RunState) -> bool:
    """Whether the plan does not have the step, or without its gate, or not as a removal of access."""
    planned = state.plan.steps.get(step.step_id)
    if planned is None:
        return True
    if state.work.steps[step.step_id].attempt:
        return False
    gated = step.gate is not None and planned.gate is None
    return gated or (step.removes_access and not planned.removes_access)


def _ends_access(
    step: PlannedStep, planned: Sequence[PlannedStep], state: RunState, packet: Packet, catalogue: Catalogue
) -> bool:
    """Whether this step removes access although its ability is not for that. So it does for an active account for which
    the packet's conditions leave out every step that is."""
    if step.is_task or step.cuts_access:
        return False
    if step.name in removal_steps(step.system, packet, catalogue):
        return True
    if step.name not in ending_steps(step.system, packet, catalogue):
        return False
    account = state.accounts.details.get(step.account_id)
    active = account is None or FoundAccount.model_validate(account).active is not False
    return active and not any(
        other.cuts_access and other.system == step.system and other.account_id in ("", step.account_id)
        for other in planned
    )


def _as_removal(step: PlannedStep, packet: Packet, catalogue: Catalogue) -> PlannedStep:
    """A step that is what removes access on its system, although its ability is for more than that."""
    system = packet.platform.systems[step.system]
    ability = find_ability(catalogue, system.connector, step.ability)
    lasts = step.tokens_last if ability is None else tokens_last(ability, system)
    return step.model_copy(update={"ends_access": True, "tokens_last": lasts})


def _despite_own_changes(now: list[PlannedStep], name: str, account_id: str, state: RunState) -> list[PlannedStep]:
    """`now` is what the packet's conditions ask for. Once the run has changed the account, such as disabled it, a
    condition can be false because of that alone: the step stays as it was planned before."""
    before = [one for one in state.plan.steps.values() if (one.name, one.account_id) == (name, account_id)]
    ungated = any(one.gate for one in before) and not all(one.gate for one in now)
    if not before or (now and not ungated):
        return now
    return before if _changed_by_run(account_id, before[0].system, state) else now


def _changed_by_run(account_id: str, system: str, state: RunState) -> bool:
    return any(
        (step.account_id, step.system) == (account_id, system)
        and step.level > Level.PREPARE
        and state.work.steps[id_].attempt > 0
        for id_, step in state.plan.steps.items()
    )


def _planned_before(state: RunState, step: WorkflowStep) -> list[PlannedStep]:
    """What the plan before has of a packet's step, without accounts that are not the person's any more."""
    accounts = state.accounts.of(step.system or "") or ()
    return [
        known
        for known in state.plan.steps.values()
        if known.name == step.name and (not known.account_id or known.account_id in accounts)
    ]


def run_facts(state: RunState) -> RunFacts:
    return RunFacts(
        run_id=state.run_id,
        workflow=state.asked.packet,
        cutoff=state.cutoff,
        zone=state.zone,
        urgent=state.urgent,
    )


def _for_account(
    step: WorkflowStep,
    ability: AbilityFacts | None,
    account: FoundAccount | None,
    packet: Packet,
    person: PersonFacts,
    run: RunFacts,
) -> list[PlannedStep]:
    gate, wanted = step.gate, True
    if step.when is not None:
        try:
            condition = Expression.compile(step.when, ("person", "account", "run"))
            wanted = condition.evaluate(person=person, account=account or _NO_ACCOUNT, run=run)
        except ExpressionFailed:
            # Whether the step is wanted cannot be said, so it is planned and people decide about it.
            gate = gate or next(iter(packet.approvals.gates), None)
            return [_as_uncertain(planned_step(step, ability, account, packet, gate))]
    if not wanted:
        return []
    plain = planned_step(step, ability, account, packet, gate)
    # What cannot be taken back keeps its gate, whatever the condition says.
    if gate is not None and plain.reversible != "no" and not _gate_needed(gate, plain, account, packet, person, run):
        plain = planned_step(step, ability, account, packet, None)
    return [plain]


def _as_uncertain(step: PlannedStep) -> PlannedStep:
    uncertain = step.model_copy(update={"uncertain": True})
    return uncertain.model_copy(update={"digest": step_digest(uncertain)})


_NO_ACCOUNT = FoundAccount(system="", account_id="", native_id="")


def _gate_needed(
    gate: str, step: PlannedStep, account: FoundAccount | None, packet: Packet, person: PersonFacts, run: RunFacts
) -> bool:
    source = packet.approvals.gates[gate].needed_when
    if source is None:
        return True
    facts = StepFacts(
        name=step.name,
        system=step.system,
        ability=step.ability,
        level=step.level,
        reversible=step.reversible,
        cuts_access=step.cuts_access,
        privileged=account is not None and account.privileged,
    )
    try:
        return Expression.compile(source, ("person", "run", "step")).evaluate(person=person, run=run, step=facts)
    except ExpressionFailed:
        return True
