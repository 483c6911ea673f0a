"""Every kind of exception in one table: when it opens and closes, its owner, its repairs, and its texts.

A new kind is one rule here and one word in `events.ExceptionKind`. Ids and the order of rules are frozen, since both
decide which events a run gets.

Over 400 lines: one table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import (
    ExceptionContext,
    ExceptionRule,
    Overcome,
    Repair,
    Subject,
    Trigger,
    Wanted,
    roles_only_the_leaver_has,
    services_left_alone,
    subjects,
)
from orchestrator.domain.packet.access_removal import removal_steps
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.postponing import paused_by_hr, postponing_roles
from orchestrator.domain.planning.missing_connectors import MISSING, MISSING_CODES
from orchestrator.domain.run.readiness import World, account_gone, approval_in_force, pause_reported_at, ready_since
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.work import ExceptionState, StepState

# Accounts


def _match_question(kind: e.ExceptionKind) -> tuple[tuple[Trigger, ...], Overcome]:
    """The question that a system's answer asks of a person. It is over once a person has answered, or once the system
    gives another answer."""

    def wanted(context: ExceptionContext, system: str) -> Wanted | None:
        found = context.state.accounts.planned_on.get(system)
        if found is None or e.QUESTION_OF[found.outcome] != kind:
            return None
        return Wanted(system, recurring=True, system=system, code=found.code)

    def overcome(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
        system = opened.system or ""
        return (
            system not in context.unsettled or e.QUESTION_OF[context.state.accounts.planned_on[system].outcome] != kind
        )

    return (Trigger(Subject.OPEN_QUESTION, wanted),), overcome


_FINAL_SEARCH_CODES = frozenset(
    {
        "refused", "error_in_answer", "not_found", "unknown_attribute", "search_unproven", "list_incomplete",
        "no_match_value",
    }
)  # fmt: skip
"""Failures of a search that another attempt does not change: a person has to act, so nothing is gained by waiting."""


def _search_fails(context: ExceptionContext, system: str) -> Wanted | None:
    look = context.state.accounts.searches[system]
    if look.code in MISSING_CODES:
        return None  # connector_missing
    if look.failing_since is None:
        return None
    if look.code not in _FINAL_SEARCH_CODES and context.world.now - look.failing_since < context.patience:
        return None
    return Wanted(f"{system}-{_stamp(look.failing_since)}", system=system, code=look.code)


def _person_erased(context: ExceptionContext, _: str) -> Wanted | None:
    return Wanted("person_erased", code="person_erased") if context.state.asked.facts is None else None


def _not_asked(context: ExceptionContext, system: str) -> Wanted | None:
    state = context.state
    waited = context.world.now - state.plan.wanted_since
    if state.asked.facts is None or state.held or waited < context.patience:
        return None
    return Wanted(f"{system}-unasked", system=system, code="nobody_looked")


def _search_works(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    look = context.state.accounts.searches.get(opened.system or "")
    return look is not None and not look.failures


def _connector_missing(context: ExceptionContext, system: str) -> Wanted | None:
    look = context.state.accounts.searches.get(system)
    failing = look if look is not None and look.code in MISSING_CODES else None
    since = failing.failing_since if failing is not None else context.state.plan.planned_at
    if since is None or context.world.now - since < context.patience:
        return None
    return Wanted(system, recurring=True, system=system, code=failing.code if failing is not None else MISSING)


def _connector_is_there(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return (opened.system or "") not in subjects(Subject.CONNECTOR_MISSING, context)


def _accounts_changed(context: ExceptionContext, system: str) -> Wanted | None:
    state = context.state
    if system not in state.accounts.changed_systems or state.wants_plan_from(system):
        return None
    return Wanted(system, recurring=True, system=system)


def _accounts_as_planned(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return (opened.system or "") not in context.state.accounts.changed_systems


# The request and its gates


def _urgent(context: ExceptionContext, _: str) -> Wanted | None:
    reviewed = context.state.urgent and context.world.pinned.approvals.urgent is not None
    return Wanted("start") if reviewed else None


def _reviewers(packet: Packet) -> tuple[str, ...]:
    return packet.approvals.urgent.review_by if packet.approvals.urgent is not None else ()


def _review_within(packet: Packet) -> timedelta:
    urgent = packet.approvals.urgent
    return urgent.review_within if urgent is not None else packet.approvals.exceptions.due_within


def _never(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    """Only a person closes it."""
    return False


def _rejected(context: ExceptionContext, gate_id: str) -> Wanted | None:
    state, gate = context.state, context.state.decisions.gates[gate_id]
    if gate.outcome != "rejected" or not _keeps_rejected(state, gate_id):
        return None
    before = [
        known
        for known in state.work.exceptions.values()
        if known.opened.kind == "gate_rejected" and known.opened.gate_id == gate_id
    ]
    if any(known.open for known in before):
        return None
    # A step can leave the plan and come back: the exception closes without it, and opens again with it.
    return Wanted(f"{gate_id}-again-{len(before)}" if before else gate_id, gate_id=gate_id)


def _keeps_rejected(state: RunState, gate_id: str) -> bool:
    """Whether the rejection still keeps a step from running. Once an operator has skipped them all, it is final."""
    return any(
        state.decisions.rejected.get(step.digest) == gate_id and not state.work.steps[step_id].final
        for step_id, step in state.plan.steps.items()
    )


def _not_rejected(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.gate_id is None or not _keeps_rejected(context.state, opened.gate_id)


def _decider_missing(context: ExceptionContext, gate_id: str) -> Wanted | None:
    if gate_id not in context.undecidable:
        return None
    return _once_more(context, "decider_missing", gate_id, gate_id)


def _reviewer_missing(context: ExceptionContext, exception_id: str) -> Wanted | None:
    if exception_id not in context.undecidable:
        return None
    return _once_more(context, "reviewer_missing", exception_id.removeprefix("x-"), None)


def _pause_unconfirmed(context: ExceptionContext, _: str) -> Wanted | None:
    """A pause keeps access open. A person without a role of HR can place one, so that a wrong removal can be stopped,
    and HR confirms it."""
    state = context.state
    if not state.held or paused_by_hr(state, context.world):
        return None
    # Its version and not its time, which the ledger decides only when it records the pause.
    return Wanted(str(state.held_version))


def _system_paused(context: ExceptionContext, system: str) -> Wanted | None:
    """Changes on a system are paused and keep access of this person open for longer than the packet has patience. Once
    for each pause that ends; one that HR accepted is not reported again, but a later pause is."""
    state = context.state
    if state.held or state.asked.phase == "shadow":
        return None
    if context.world.now < pause_reported_at(state, context.patience) or not _kept_open(state, system, context.world):
        return None
    before = [
        known
        for known in state.work.exceptions.values()
        if (known.opened.kind, known.opened.system) == ("pause_unconfirmed", system)
    ]
    pause = "-".join(str(context.world.held_since.get(name, 0)) for name in (system, e.EVERYTHING))
    if any(known.open or _accepted_for(known, pause) for known in before):
        return None
    return Wanted(f"{system}-{len(before) + 1}-pause-{pause}", system=system)


def _accepted_for(known: ExceptionState, pause: str) -> bool:
    """Whether HR accepted this pause; of one that an earlier version reported it is not known which one it was."""
    _, named, accepted = known.opened.exception_id.rpartition("-pause-")
    return known.disposition == "accepted" and (not named or accepted == pause)


def _kept_open(state: RunState, system: str, world: World) -> bool:
    """Whether access on the system is to be removed and is not, or is not known."""
    look = state.accounts.searches.get(system)
    searched = bool(world.pinned.platform.systems[system].match)
    if (look is None or look.at is None) if searched else state.plan.planned_at is None:
        return bool(removal_steps(system, world.pinned, world.abilities))
    return any(
        step.system == system and step.removes_access and not state.work.steps[id_].final
        for id_, step in state.plan.steps.items()
    )


def _confirmed_or_over(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    if opened.system is not None:
        paused = opened.system in subjects(Subject.HELD_SYSTEM, context)
        return not paused or not _kept_open(context.state, opened.system, context.world)
    return not context.state.held or paused_by_hr(context.state, context.world)


def _no_longer_kept(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    """The step is no longer skipped, nor done by a person's word alone, or the answer about the accounts no longer
    holds, since the system showed others. A step that the plan no longer has can come back, so that it stays open."""
    state = context.state
    if opened.step_id is None:
        return opened.system not in state.accounts.settled
    known = state.work.steps.get(opened.step_id) or state.work.remembered.get(opened.step_id)
    if known is None:
        return True
    return known.status != "skipped" and not (known.status == "attested" and known.attested_by)


def _alone(context: ExceptionContext, kind: e.ExceptionKind, name: str, due: datetime | None = None) -> Wanted | None:
    """About a service or role that the leaver leaves behind. Under a new id after it was overcome; not after it was
    accepted, since the service or role then ends at the cutoff."""
    before = [
        known
        for known in context.state.work.exceptions.values()
        if known.opened.kind == kind and known.opened.code == name
    ]
    if any(known.open or known.disposition == "accepted" for known in before):
        return None
    return Wanted(f"{name}-{len(before) + 1}", code=name, due=due)


def _service_alone(context: ExceptionContext, service: str) -> Wanted | None:
    return _alone(context, "service_without_owner", service)


def _has_owner(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.code not in services_left_alone(context.state, context.world)


def _role_alone(context: ExceptionContext, role: str) -> Wanted | None:
    return _alone(context, "role_without_holder", role, due=max(context.state.cutoff, context.world.now))


def _has_holder(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.code not in roles_only_the_leaver_has(context.state, context.world)


def _hr_roles(packet: Packet) -> tuple[str, ...]:
    return tuple(sorted(postponing_roles(packet, packet))) or (packet.workflow.value_owner,)


def _once_more(context: ExceptionContext, kind: e.ExceptionKind, about: str, gate_id: str | None) -> Wanted | None:
    """One at a time, under a new id after the one before is closed."""
    before = [
        known
        for id_, known in context.state.work.exceptions.items()
        if known.opened.kind == kind and id_.startswith(f"x-{kind}-{about}-")
    ]
    if any(known.open for known in before):
        return None
    return Wanted(f"{about}-{len(before) + 1}", gate_id=gate_id)


def _has_deciders(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.gate_id not in context.undecidable


def _has_reviewers(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return not any(id_ in context.state.work.exceptions for id_ in context.undecidable)


def _owners_of_packet(packet: Packet) -> tuple[str, ...]:
    """Several roles, since the only person with one of them may be the leaver."""
    owners = (packet.platform.safety_owner, packet.workflow.value_owner, packet.approvals.exceptions.owner)
    return tuple(dict.fromkeys(owners))


def _safety_first(packet: Packet) -> tuple[str, ...]:
    """The role that resolves exceptions as well, since the leaver may be the only safety owner."""
    return tuple(dict.fromkeys((packet.platform.safety_owner, packet.approvals.exceptions.owner)))


# Steps

StepCondition = Callable[[ExceptionContext, str], bool]


def _while(condition: StepCondition) -> Overcome:
    """Overcome once the step is final or no longer in the plan, or once the condition does not hold for it."""

    def overcome(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
        step_id = opened.step_id or ""
        known = context.state.work.steps.get(step_id)
        return known is None or known.final or not condition(context, step_id)

    return overcome


def _for_step(condition: StepCondition, *, with_code: bool = False) -> tuple[Trigger, ...]:
    """A recurring exception about the step while the condition holds."""

    def wanted(context: ExceptionContext, step_id: str) -> Wanted | None:
        if not condition(context, step_id):
            return None
        code = _known(context, step_id).code if with_code else ""
        system = context.state.plan.steps[step_id].system
        return Wanted(step_id, recurring=True, step_id=step_id, system=system, code=code)

    return (Trigger(Subject.STEP, wanted),)


def _known(context: ExceptionContext, step_id: str) -> StepState:
    return context.state.work.steps[step_id]


def _excluded(context: ExceptionContext, step_id: str) -> Wanted | None:
    step = context.state.plan.steps[step_id]
    gate_id = context.state.decisions.excluded.get(step.digest)
    if gate_id is None:
        return None
    before = [
        known
        for known in context.state.work.exceptions.values()
        if known.opened.kind == "excluded_from_approval"
        and (known.opened.step_id, known.opened.gate_id) == (step_id, gate_id)
    ]
    if any(known.open for known in before):
        return None
    # A skip that is undone leaves the step excluded.
    about = f"{step_id}-{gate_id}" + (f"-again-{len(before)}" if before else "")
    return Wanted(about, step_id=step_id, system=step.system, gate_id=gate_id)


def _is_excluded(context: ExceptionContext, step_id: str) -> bool:
    return context.state.plan.steps[step_id].digest in context.state.decisions.excluded


def _has_failed(context: ExceptionContext, step_id: str) -> bool:
    return _known(context, step_id).status == "failed"


def _is_unknown(context: ExceptionContext, step_id: str) -> bool:
    return _known(context, step_id).status == "unknown"


def _is_failing(context: ExceptionContext, step_id: str) -> bool:
    return _known(context, step_id).failing_since is not None


def _keeps_failing(context: ExceptionContext, step_id: str) -> Wanted | None:
    known = _known(context, step_id)
    if known.status in ("failed", "unknown") or known.failing_since is None:
        return None
    if context.world.now - known.failing_since < context.patience:
        return None
    about = f"{step_id}-{known.generation}-{_stamp(known.failing_since)}"
    return Wanted(about, step_id=step_id, system=context.state.plan.steps[step_id].system, code=known.code)


def _lacks_level(context: ExceptionContext, step_id: str) -> bool:
    return context.readiness[step_id].waits_for == "level"


def _account_is_gone(context: ExceptionContext, step_id: str) -> bool:
    return account_gone(context.state, context.state.plan.steps[step_id], context.world)


def _is_unapproved(context: ExceptionContext, step_id: str) -> bool:
    return approval_in_force(context.state, context.state.plan.steps[step_id], context.world) is None


def _unclear(context: ExceptionContext, step_id: str) -> Wanted | None:
    step = context.state.plan.steps[step_id]
    if not step.uncertain or not _is_unapproved(context, step_id):
        return None
    return Wanted(step_id, step_id=step_id, system=step.system)


def _is_idle(context: ExceptionContext, step_id: str) -> bool:
    step = context.state.plan.steps[step_id]
    if context.readiness[step_id].kind != "ready" or step.is_task:
        return False
    return context.world.now - ready_since(context.state, step, context.world) >= context.patience


def _is_ready_or_started(context: ExceptionContext, step_id: str) -> bool:
    return _known(context, step_id).status == "started" or context.readiness[step_id].kind == "ready"


def _overdue(context: ExceptionContext, task_id: str) -> Wanted | None:
    task = context.state.work.tasks[task_id]
    if not task.open or context.world.now < task.opened.due:
        return None
    return Wanted(task_id, step_id=task.opened.step_id)


def _stamp(at: datetime) -> str:
    return f"{at.timestamp():.6f}"


def _question(kind: e.ExceptionKind, title: str, meaning: str, remedy: str, *more: Repair) -> ExceptionRule:
    opens, overcome = _match_question(kind)
    return ExceptionRule(kind, title, meaning, remedy, (Repair.SETTLE, *more), opens, overcome)


_RULES: Final = (
    _question(
        "ambiguous_match",
        "Several possible matches",
        "More than one account on this system matches the person. No step is planned there until the match is "
        "confirmed.",
        "Select the accounts that belong to the person, or none.",
    ),
    _question(
        "weak_match",
        "Possible match",
        "An account matches on a weak key only, such as a name. No step is planned for it until the match is "
        "confirmed.",
        "Confirm whether the account belongs to the person.",
    ),
    _question(
        "no_account",
        "No account found",
        "An account is expected on this system, but none was found.",
        "Confirm that there is no account; or correct the account in the system, then re-plan the run.",
        Repair.REPLAN,
    ),
    ExceptionRule(
        kind="search_failed",
        title="System could not be checked",
        meaning="The search for accounts on this system failed. It is retried automatically.",
        remedy="Wait for the next attempt; or accept the delay and give a reason. If the search still fails after the "
        "packet's due time for exceptions (a day by default), the exception opens again.",
        repairs=(Repair.ACCEPT,),
        opens=(
            Trigger(Subject.SEARCHED_SYSTEM, _search_fails),
            Trigger(Subject.PERSON, _person_erased),
            Trigger(Subject.UNASKED_SYSTEM, _not_asked),
        ),
        overcome=_search_works,
        tried_automatically=True,
    ),
    ExceptionRule(
        kind="connector_missing",
        title="Connector missing",
        meaning="The packet version of this run names a connector that is not installed in that version. Until it is, "
        "no step is planned on this system. Other systems are not affected.",
        remedy="Once the connector is installed in that version, the run continues automatically. Or cancel the run "
        "and start it again under the current packet version.",
        repairs=(Repair.REPLAN, Repair.END),
        opens=(Trigger(Subject.CONNECTOR_MISSING, _connector_missing),),
        overcome=_connector_is_there,
        tried_automatically=True,
    ),
    ExceptionRule(
        kind="accounts_changed",
        title="Accounts changed since planning",
        meaning="The check before the change found accounts that differ from the plan.",
        remedy="Re-plan the run to plan and approve steps for the current accounts.",
        repairs=(Repair.REPLAN,),
        opens=(Trigger(Subject.SEARCHED_SYSTEM, _accounts_changed),),
        overcome=_accounts_as_planned,
        closed_by=frozenset({Repair.REPLAN}),
    ),
    ExceptionRule(
        kind="gate_rejected",
        title="Approval rejected",
        meaning="An approver rejected this gate. Its steps do not run.",
        remedy="The person who rejected it, or a person with the role that the gate escalates to, re-plans the run to "
        "request approval again. Or skip each of its steps, which makes the rejection final; or cancel the run.",
        repairs=(Repair.REPLAN, Repair.END),
        opens=(Trigger(Subject.GATE, _rejected),),
        overcome=_not_rejected,
        closed_by=frozenset({Repair.REPLAN}),
    ),
    ExceptionRule(
        kind="excluded_from_approval",
        title="Step excluded from approval",
        meaning="The gate was approved without this step, so the step does not run.",
        remedy="Skip the step. Or the person who excluded it, or a person with the role that the gate escalates to, "
        "re-plans the run to request approval again.",
        repairs=(Repair.SKIP, Repair.REPLAN),
        opens=(Trigger(Subject.STEP, _excluded),),
        overcome=_while(_is_excluded),
        closed_by=frozenset({Repair.REPLAN}),
    ),
    ExceptionRule(
        kind="step_failed",
        title="Step failed",
        meaning="The step failed and is not retried automatically. Steps that do not depend on it continue.",
        remedy="Correct the cause, then retry the step; or skip it and give a reason.",
        repairs=(Repair.RETRY, Repair.SKIP),
        opens=_for_step(_has_failed, with_code=True),
        overcome=_while(_has_failed),
        closed_by=frozenset({Repair.RETRY}),
    ),
    ExceptionRule(
        kind="outcome_unknown",
        title="Outcome unknown",
        meaning="The step may have taken effect. Reading the system back did not show whether it did.",
        remedy="Check the system and complete the task with what you found; or retry the step with the same "
        "idempotency key. A repeat with a new key waits until the call before it can no longer take effect.",
        repairs=(Repair.COMPLETE_TASK, Repair.RETRY, Repair.RETRY_ANEW, Repair.SKIP),
        opens=_for_step(_is_unknown, with_code=True),
        overcome=_while(_is_unknown),
        closed_by=frozenset({Repair.RETRY}),
    ),
    ExceptionRule(
        kind="step_failing",
        title="Step keeps failing",
        meaning="The step has failed for longer than the packet allows. It is still retried automatically.",
        remedy="Wait for the next attempt; or accept the delay and give a reason. If the step still fails after the "
        "packet's due time for exceptions (a day by default), the exception opens again.",
        repairs=(Repair.ACCEPT, Repair.SKIP),
        opens=(Trigger(Subject.STEP, _keeps_failing),),
        overcome=_while(_is_failing),
        tried_automatically=True,
    ),
    ExceptionRule(
        kind="level_missing",
        title="Permission missing",
        meaning="The requester or approver of this step does not have the permission that it needs on this system.",
        remedy="Grant the permission in the packet's platform.yaml; or let an operator who has it retry the step; or "
        "skip the step and give a reason.",
        repairs=(Repair.RETRY, Repair.SKIP),
        opens=_for_step(_lacks_level),
        overcome=_while(_lacks_level),
        depends_on_levels=True,
    ),
    ExceptionRule(
        kind="account_gone",
        title="Account no longer matches",
        meaning="The account of this step no longer exists, or no longer belongs to the person.",
        remedy="Skip the step; or re-plan the run if the account does belong to the person.",
        repairs=(Repair.SKIP, Repair.REPLAN),
        opens=_for_step(_account_is_gone),
        overcome=_while(_account_is_gone),
    ),
    ExceptionRule(
        kind="condition_unclear",
        title="Condition could not be evaluated",
        meaning="The packet's condition for this step could not be evaluated for this account.",
        remedy="Approve or exclude the step at its gate; or skip it and give a reason.",
        repairs=(Repair.SKIP,),
        opens=(Trigger(Subject.STEP, _unclear),),
        overcome=_while(_is_unapproved),
    ),
    ExceptionRule(
        kind="not_carried_out",
        title="Step not started",
        meaning="The step is due, but no worker has started it.",
        remedy="Check that a worker serves the system; or skip the step and give a reason.",
        repairs=(Repair.SKIP,),
        opens=_for_step(_is_idle),
        overcome=_while(_is_ready_or_started),
    ),
    ExceptionRule(
        kind="task_overdue",
        title="Task overdue",
        meaning="The task was not completed by its due date.",
        remedy="Complete the task; or accept the delay and give a reason.",
        repairs=(Repair.COMPLETE_TASK, Repair.ACCEPT, Repair.SKIP),
        opens=(Trigger(Subject.TASK, _overdue),),
        overcome=_while(lambda context, step_id: True),
    ),
    ExceptionRule(
        kind="urgent_review",
        title="Urgent run needs review",
        meaning="Access was removed before anyone approved it. The urgent start is reviewed afterwards.",
        remedy="Review what was removed, then accept the exception and say what you found.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.RUN, _urgent),),
        overcome=_never,
        owners=_reviewers,
        due_within=_review_within,
        is_review=True,
        people_only=True,
        outlives_run=True,
    ),
    ExceptionRule(
        kind="second_request",
        title="Duplicate request",
        meaning="Another person requested a run for the same person, and cannot see this one.",
        remedy="Check whether the request differs from this run, then accept the exception and say what you did.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.SECOND_REQUEST, lambda context, number: Wanted(number)),),
        overcome=_never,
        people_only=True,
        outlives_run=True,
    ),
    ExceptionRule(
        kind="start_limit",
        title="Limit on starts reached",
        meaning="This run's requester or packet reached its limit of starts. Further starts are held; runs that were "
        "started before continue.",
        remedy="Check the recent starts. Two people release the limit, which closes the exception; or a second person "
        "confirms one held start.",
        repairs=(Repair.RELEASE_STARTS,),
        opens=(),
        overcome=_never,
        owners=lambda packet: (packet.platform.safety_owner,),
        people_only=True,
        outlives_run=True,
    ),
    ExceptionRule(
        kind="decider_missing",
        title="Approver missing",
        meaning="Too few people can decide at this gate. The requester, the leaver and the leaver's reports can't "
        "decide, nor can people without the role or its permissions, nor people who can't see the run.",
        remedy="Two people with these roles name the same person, who can then decide; or give the gate's role "
        "to another person, who then signs in.",
        repairs=(Repair.NAME_DECIDER, Repair.END),
        opens=(Trigger(Subject.GATE, _decider_missing),),
        overcome=_has_deciders,
        owners=_owners_of_packet,
        people_only=True,
        depends_on_levels=True,
    ),
    ExceptionRule(
        kind="reviewer_missing",
        title="Reviewer missing",
        meaning="No one can review this run's urgent start: the requester and the leaver can't review it.",
        remedy="Two people with these roles name the same person, who can then review it; or give the reviewer's "
        "role to another person, who then signs in.",
        repairs=(Repair.NAME_DECIDER,),
        opens=(Trigger(Subject.REVIEW, _reviewer_missing),),
        overcome=_has_reviewers,
        owners=_owners_of_packet,
        people_only=True,
        outlives_run=True,
        depends_on_levels=True,
    ),
    ExceptionRule(
        kind="pause_unconfirmed",
        title="Pause not confirmed by HR",
        meaning="A person without a role of HR paused this run, or all changes on this system. Access stays open until "
        "the run or the system is resumed.",
        remedy="Resume the run or the system; or accept the pause and give a reason.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.RUN, _pause_unconfirmed), Trigger(Subject.HELD_SYSTEM, _system_paused)),
        overcome=_confirmed_or_over,
        owners=_hr_roles,
        people_only=True,
    ),
    ExceptionRule(
        kind="left_behind",
        title="Changes remain after cancellation",
        meaning="The run was cancelled after it had made changes on this system, such as the leaving date in the HR "
        "system. They are not undone.",
        remedy="Correct them in the system, then accept the exception and say what you did.",
        repairs=(Repair.ACCEPT,),
        opens=(),
        overcome=_never,
        owners=_hr_roles,
        people_only=True,
        outlives_run=True,
    ),
    ExceptionRule(
        kind="service_without_owner",
        title="Service without an owner",
        meaning="The leaver answers for this service, such as a feed from an HR system, and no other person does. Its "
        "token stops working at the cutoff.",
        remedy="A safety owner names a new owner or a deputy for the service's token, or revokes the token. To let the "
        "service end with the leaver, accept the exception and give a reason.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.SERVICE, _service_alone),),
        overcome=_has_owner,
        owners=_safety_first,
        people_only=True,
    ),
    ExceptionRule(
        kind="role_without_holder",
        title="Role without another holder",
        meaning="The leaver is the only person with this role in Offboard. The leaver's roles end at the cutoff; from "
        "then on no one decides or acts with it.",
        remedy="Give the role to another person, who then signs in. To let no one have the role, accept the exception "
        "and give a reason.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.ROLE, _role_alone),),
        overcome=_has_holder,
        owners=_owners_of_packet,
        people_only=True,
        depends_on_levels=True,
    ),
    ExceptionRule(
        kind="access_kept",
        title="Access kept open",
        meaning="One person skipped this step, which removes access, or reported that it took effect although nothing "
        "shows it; or said which accounts on this system belong to the leaver: none, not all that match, or accounts "
        "from which access would be removed without another person's approval. The access may stay open.",
        remedy="Retry the step, or select other accounts. If the decision is right, HR accepts the exception and gives "
        "a reason.",
        repairs=(Repair.ACCEPT, Repair.RETRY, Repair.SETTLE),
        opens=(),
        overcome=_no_longer_kept,
        closed_by=frozenset({Repair.RETRY}),
        owners=_hr_roles,
        people_only=True,
    ),
)

RULES: Final[Mapping[str, ExceptionRule]] = MappingProxyType({rule.kind: rule for rule in _RULES})
"""By kind, in the order in which they are asked about a subject. `tests/domain/exceptions/test_exception_rules.py`
checks that every `ExceptionKind` has exactly one."""
