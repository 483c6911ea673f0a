"""Every kind of exception in one table: when it opens and closes, its owner, its repairs, and its texts.

A new kind is one rule here and one word in `events.ExceptionKind`. Ids and the order of rules are frozen, since both
decide which events a run gets.

The conditions are in files of their own, by their subject.

Over 400 lines: one table, in which the order of the rules counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.account_conditions import (
    accounts_as_planned,
    accounts_changed,
    connector_is_there,
    connector_missing,
    match_question,
    not_asked,
    person_erased,
    search_fails,
    search_works,
)
from orchestrator.domain.exceptions.decision_conditions import (
    close_decided,
    close_not_rejected,
    close_overdue,
    close_rejected,
    decider_missing,
    gate_rejected,
    has_deciders,
    has_reviewers,
    leaving_agrees,
    leaving_changed,
    never,
    not_rejected,
    reviewer_missing,
    urgent_start,
)
from orchestrator.domain.exceptions.exception_rule import ExceptionRule, Repair, Subject, Trigger, Wanted
from orchestrator.domain.exceptions.open_access_conditions import (
    confirmed_or_over,
    has_holder,
    has_owner,
    is_covered,
    no_longer_kept,
    pause_unconfirmed,
    role_alone,
    service_alone,
    system_not_covered,
    system_paused,
    task_paused,
)
from orchestrator.domain.exceptions.owners import (
    hr_and_legal,
    hr_roles,
    owners_of_packet,
    review_within,
    reviewers,
    safety_first,
)
from orchestrator.domain.exceptions.step_conditions import (
    account_is_gone,
    condition_unclear,
    for_step,
    has_failed,
    is_excluded,
    is_failing,
    is_idle,
    is_kept_by_legal_hold,
    is_ready_or_started,
    is_unapproved,
    is_unknown,
    keeps_failing,
    lacks_level,
    step_excluded,
    task_overdue,
    waits_for_legal_hold,
    while_step,
)
from orchestrator.domain.exceptions.watch_conditions import (
    access_found,
    check_fails,
    check_works,
    no_longer_found,
    operators_and_hr,
    step_undone,
)
from orchestrator.domain.exceptions.workflow_conditions import workflow_runs, workflow_stopped


def _question(kind: e.ExceptionKind, title: str, meaning: str, remedy: str, *more: Repair) -> ExceptionRule:
    opens, overcome = match_question(kind)
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
        "An account matches only on what another person can have too, such as a name, an alias of the account, or an "
        "address that HR has for two people. No step is planned for it until the match is confirmed.",
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
        repairs=(Repair.ACCEPT, Repair.WAIVE),
        opens=(
            Trigger(Subject.SEARCHED_SYSTEM, search_fails),
            Trigger(Subject.PERSON, person_erased),
            Trigger(Subject.UNASKED_SYSTEM, not_asked),
        ),
        overcome=search_works,
        tried_automatically=True,
    ),
    ExceptionRule(
        kind="connector_missing",
        title="Connector missing",
        meaning="The packet version of this run names a connector that is not installed in that version. Until it is, "
        "no step is planned on this system. Other systems are not affected.",
        remedy="Once the connector is installed in that version, the run continues automatically. Or cancel the run "
        "and start it again under the current packet version.",
        repairs=(Repair.REPLAN, Repair.WAIVE, Repair.END),
        opens=(Trigger(Subject.CONNECTOR_MISSING, connector_missing),),
        overcome=connector_is_there,
        tried_automatically=True,
    ),
    ExceptionRule(
        kind="accounts_changed",
        title="Accounts changed since planning",
        meaning="The check before the change found accounts that differ from the plan.",
        remedy="Re-plan the run to plan and approve steps for the current accounts.",
        repairs=(Repair.REPLAN,),
        opens=(Trigger(Subject.SEARCHED_SYSTEM, accounts_changed),),
        overcome=accounts_as_planned,
        closed_by=frozenset({Repair.REPLAN}),
    ),
    ExceptionRule(
        kind="gate_rejected",
        title="Approval rejected",
        meaning="An approver rejected this gate. Its steps do not run.",
        remedy="The person who rejected it, or a person with the role that the gate escalates to, re-plans the run to "
        "request approval again. Or skip each of its steps, which makes the rejection final; or cancel the run.",
        repairs=(Repair.REPLAN, Repair.END),
        opens=(Trigger(Subject.GATE, gate_rejected),),
        overcome=not_rejected,
        closed_by=frozenset({Repair.REPLAN}),
    ),
    ExceptionRule(
        kind="excluded_from_approval",
        title="Step excluded from approval",
        meaning="The gate was approved without this step, so the step does not run.",
        remedy="Skip the step. Or the person who excluded it, or a person with the role that the gate escalates to, "
        "re-plans the run to request approval again.",
        repairs=(Repair.SKIP, Repair.REPLAN),
        opens=(Trigger(Subject.STEP, step_excluded),),
        overcome=while_step(is_excluded),
        closed_by=frozenset({Repair.REPLAN}),
    ),
    ExceptionRule(
        kind="step_failed",
        title="Step failed",
        meaning="The step failed and is not retried automatically. Steps that do not depend on it continue.",
        remedy="Correct the cause, then retry the step; do it by hand and give evidence; or skip it and give a reason.",
        repairs=(Repair.RETRY, Repair.DO_BY_HAND, Repair.SKIP, Repair.WAIVE),
        opens=for_step(has_failed, with_code=True),
        overcome=while_step(has_failed),
        closed_by=frozenset({Repair.RETRY}),
    ),
    ExceptionRule(
        kind="outcome_unknown",
        title="Outcome unknown",
        meaning="The step may have taken effect. Reading the system back did not show whether it did.",
        remedy="Check the system and complete the task with what you found; or retry the step with the same "
        "idempotency key. A retry with a new key starts once the earlier call can no longer take effect.",
        repairs=(Repair.COMPLETE_TASK, Repair.RETRY, Repair.RETRY_ANEW, Repair.SKIP, Repair.WAIVE),
        opens=for_step(is_unknown, with_code=True),
        overcome=while_step(is_unknown),
        closed_by=frozenset({Repair.RETRY}),
    ),
    ExceptionRule(
        kind="step_failing",
        title="Step keeps failing",
        meaning="The step has failed for longer than the packet allows. It is still retried automatically.",
        remedy="Wait for the next attempt; or accept the delay and give a reason. If the step still fails after the "
        "packet's due time for exceptions (a day by default), the exception opens again.",
        repairs=(Repair.ACCEPT, Repair.SKIP, Repair.WAIVE),
        opens=(Trigger(Subject.STEP, keeps_failing),),
        overcome=while_step(is_failing),
        tried_automatically=True,
    ),
    ExceptionRule(
        kind="level_missing",
        title="Permission missing",
        meaning="The requester or approver of this step does not have the permission that it needs on this system.",
        remedy="Grant the permission in the packet's platform.yaml; or let an operator who has it retry the step; or "
        "skip the step and give a reason.",
        repairs=(Repair.RETRY, Repair.SKIP, Repair.WAIVE),
        opens=for_step(lacks_level),
        overcome=while_step(lacks_level),
        depends_on_levels=True,
    ),
    ExceptionRule(
        kind="account_gone",
        title="Account no longer matches",
        meaning="The account of this step no longer exists, or no longer belongs to the person.",
        remedy="Skip the step; or re-plan the run if the account does belong to the person.",
        repairs=(Repair.SKIP, Repair.REPLAN),
        opens=for_step(account_is_gone),
        overcome=while_step(account_is_gone),
    ),
    ExceptionRule(
        kind="condition_unclear",
        title="Condition could not be evaluated",
        meaning="The packet's condition for this step could not be evaluated for this account.",
        remedy="Approve or exclude the step at its gate; or skip it and give a reason.",
        repairs=(Repair.SKIP,),
        opens=(Trigger(Subject.STEP, condition_unclear),),
        overcome=while_step(is_unapproved),
    ),
    ExceptionRule(
        kind="not_carried_out",
        title="Step not started",
        meaning="The step is due, but no worker has started it.",
        remedy="Check that a worker serves the system; or skip the step and give a reason.",
        repairs=(Repair.SKIP, Repair.WAIVE),
        opens=for_step(is_idle),
        overcome=while_step(is_ready_or_started),
    ),
    ExceptionRule(
        kind="task_overdue",
        title="Task overdue",
        meaning="The task was not completed by its due date.",
        remedy="Complete the task; or accept the delay and give a reason.",
        repairs=(Repair.COMPLETE_TASK, Repair.ACCEPT, Repair.SKIP, Repair.WAIVE),
        opens=(Trigger(Subject.TASK, task_overdue),),
        overcome=while_step(lambda context, step_id: True),
    ),
    ExceptionRule(
        kind="urgent_review",
        title="Urgent run needs review",
        meaning="Access was removed before anyone approved it. The urgent start is reviewed afterwards.",
        remedy="Review what was removed, then accept the exception and say what you found.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.RUN, urgent_start),),
        overcome=never,
        owners=reviewers,
        due_within=review_within,
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
        overcome=never,
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
        overcome=never,
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
        opens=(Trigger(Subject.GATE, decider_missing),),
        overcome=has_deciders,
        owners=owners_of_packet,
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
        opens=(Trigger(Subject.REVIEW, reviewer_missing),),
        overcome=has_reviewers,
        owners=owners_of_packet,
        people_only=True,
        outlives_run=True,
        depends_on_levels=True,
    ),
    ExceptionRule(
        kind="pause_unconfirmed",
        title="Pause not confirmed by HR",
        meaning="A person without a role of HR paused this run, or all changes on this system or on all systems. "
        "Access stays open until they are resumed.",
        remedy="Resume the run or the system; or accept the pause and give a reason.",
        repairs=(Repair.ACCEPT,),
        opens=(
            Trigger(Subject.RUN, pause_unconfirmed),
            Trigger(Subject.HELD_SYSTEM, system_paused),
            Trigger(Subject.STEP, task_paused),
        ),
        overcome=confirmed_or_over,
        owners=hr_roles,
        people_only=True,
    ),
    ExceptionRule(
        kind="left_behind",
        title="Changes remain after cancellation",
        meaning="The run was cancelled, and this system still has changes that the run made, or, in the HR system, the "
        "leaving date that HR recorded. They are not undone.",
        remedy="Correct them in the system: if the person stays, remove the leaving date there. Then accept the "
        "exception and say what you did.",
        repairs=(Repair.ACCEPT,),
        opens=(),
        overcome=never,
        owners=hr_roles,
        people_only=True,
        outlives_run=True,
    ),
    ExceptionRule(
        kind="still_removed",
        title="Access not restored after cancellation",
        meaning="The run that restores access was cancelled. Some of what the earlier run removed on this system is "
        "still removed.",
        remedy="If the person needs the access, restore it in the system, or request a restore of the earlier run "
        "again. Then accept the exception and say what you did.",
        repairs=(Repair.ACCEPT,),
        opens=(),
        overcome=never,
        owners=hr_roles,
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
        opens=(Trigger(Subject.SERVICE, service_alone),),
        overcome=has_owner,
        owners=safety_first,
        people_only=True,
        waived_when_accepted=True,
    ),
    ExceptionRule(
        kind="role_without_holder",
        title="Role without another holder",
        meaning="The leaver is the only person with this role in Offboard. The leaver's roles end at the cutoff; from "
        "then on no one decides or acts with it.",
        remedy="Give the role to another person, who then signs in. To let no one have the role, accept the exception "
        "and give a reason.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.ROLE, role_alone),),
        overcome=has_holder,
        owners=owners_of_packet,
        people_only=True,
        waived_when_accepted=True,
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
        overcome=no_longer_kept,
        closed_by=frozenset({Repair.RETRY}),
        owners=hr_roles,
        people_only=True,
    ),
    ExceptionRule(
        kind="legal_hold",
        title="Kept by legal hold",
        meaning="This step destroys data and is due. A legal hold keeps it from running, even if it is approved. Steps "
        "that remove access continue; if this step is the only one that removes the access, the access stays open.",
        remedy="Once every legal hold is lifted, the step runs. To let it wait, accept the exception and give a "
        "reason; to keep the data permanently, skip the step.",
        repairs=(Repair.ACCEPT, Repair.SKIP, Repair.WAIVE),
        opens=(Trigger(Subject.STEP, waits_for_legal_hold),),
        overcome=while_step(is_kept_by_legal_hold),
        owners=hr_and_legal,
        people_only=True,
    ),
    ExceptionRule(
        kind="system_not_covered",
        title="System not covered",
        meaning="The packet version in use has steps on this system. The version of this run has none, or fewer: this "
        "run may leave access open there.",
        remedy="Re-plan the run under the packet version in use: what is approved continues, and the new steps are "
        "submitted for approval. If the run does not have to cover the system, accept the exception and give a reason.",
        repairs=(Repair.REPLAN_UNDER_VERSION, Repair.ACCEPT, Repair.WAIVE),
        opens=(Trigger(Subject.UNCOVERED_SYSTEM, system_not_covered),),
        overcome=is_covered,
        owners=hr_roles,
        people_only=True,
        waived_when_accepted=True,
    ),
    ExceptionRule(
        kind="leaving_changed",
        title="Leaving changed in HR",
        meaning="HR's own record has another leaving date than this run's cutoff, or none any more. The cutoff was not "
        "moved: only a person can move it to a later time or cancel the run.",
        remedy="Move the cutoff, or cancel the run; or accept the exception and give a reason. If the record is wrong, "
        "correct it in HR: the exception then closes.",
        repairs=(Repair.ACCEPT, Repair.END),
        opens=(Trigger(Subject.RUN, leaving_changed),),
        overcome=leaving_agrees,
        owners=hr_roles,
        people_only=True,
        waived_when_accepted=True,
    ),
    ExceptionRule(
        kind="access_returned",
        title="Access came back or change undone",
        meaning="The system was read again, in a check after the close, in a replay or for a comparison of the ledger. "
        "It has access that the run had removed, or an account that is new, active again or privileged; or a change "
        "that the run had made is no longer there. Offboard changed nothing because of that.",
        remedy="Find out who undid it and why. If the exception names a step, retry the step: if its approval is no "
        "longer valid, or the step deletes data or can't be undone, it is approved again first. If the exception "
        "names an account and no step, re-plan the run. If the system is right as it is, HR accepts the exception and "
        "gives a reason; or skip the step.",
        repairs=(Repair.RETRY, Repair.SKIP, Repair.REPLAN, Repair.ACCEPT),
        opens=(Trigger(Subject.RETURNED, access_found), Trigger(Subject.STEP, step_undone)),
        overcome=no_longer_found,
        closed_by=frozenset({Repair.RETRY}),
        owners=operators_and_hr,
        accepted_by=hr_roles,
        people_only=True,
        waived_when_accepted=True,
    ),
    ExceptionRule(
        kind="watch_failed",
        title="System could not be checked after the close",
        meaning="A check after the close of this run could not read this system. It is retried automatically.",
        remedy="Wait for the next attempt; or skip this check: accept the exception and give a reason. The packet's "
        "next check follows on its day.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.UNCHECKED_SYSTEM, check_fails),),
        overcome=check_works,
        waived_when_accepted=True,
    ),
    ExceptionRule(
        kind="workflow_stopped",
        title="Run does not continue",
        meaning="A comparison with Temporal found that the run's workflow is missing, fails each time, or did not "
        "start what is due. Nothing of the run is lost: it continues from the ledger.",
        remedy="Check that Temporal, the worker and the relay run. The relay starts a missing workflow again. If the "
        "workflow fails each time, terminate it in Temporal once the cause is corrected: the relay then starts a new "
        "one. The exception closes once the workflow runs; or accept it and give a reason.",
        repairs=(Repair.ACCEPT, Repair.WAIVE),
        opens=(Trigger(Subject.RUN, workflow_stopped),),
        overcome=workflow_runs,
    ),
    ExceptionRule(
        kind="close_rejected",
        title="Close rejected",
        meaning="A person who was asked to sign the close of this run rejected it. The run stays open.",
        remedy="Correct what the reason names, for example with a retry or a replay: the close is then signed again. "
        "If the run stays as it is, the person who rejected it, or a person with the role that the gate escalates to, "
        "re-plans the run to request the signature again.",
        repairs=(Repair.REPLAN,),
        opens=(Trigger(Subject.GATE, close_rejected),),
        overcome=close_not_rejected,
        closed_by=frozenset({Repair.REPLAN}),
    ),
    ExceptionRule(
        kind="close_overdue",
        title="Close not signed in time",
        meaning="Every step of this run has ended, and a signature of the close is missing after its due date. The run "
        "stays open until it is signed.",
        remedy="Ask the people who can sign; or accept the delay and give a reason. If they are absent, they can "
        "delegate, or another person can get the role.",
        repairs=(Repair.ACCEPT,),
        opens=(Trigger(Subject.GATE, close_overdue),),
        overcome=close_decided,
    ),
    ExceptionRule(
        kind="done_by_hand",
        title="Done by hand, not confirmed",
        meaning="One person reported that this step, which had failed, was done by hand. It counts once a second "
        "person has confirmed that.",
        remedy="Check the system and the evidence, then accept the exception and say what you found. If it was not "
        "done, retry the step.",
        repairs=(Repair.ACCEPT, Repair.RETRY),
        opens=(),
        overcome=no_longer_kept,
        closed_by=frozenset({Repair.RETRY}),
        people_only=True,
    ),
    ExceptionRule(
        kind="left_open",
        title="Access left open",
        meaning="A newer packet version, which is tried in a dry run beside this run, has a step on this system that "
        "removes access. This run has no such step, and no one had removed the access a day after the cutoff, or when "
        "the step was due.",
        remedy="Remove the access in the system: the comparison of that packet version names the account. The "
        "exception closes once a later read shows that it is gone, or the step is judged to be wrong. If the system is "
        "right as it is, HR accepts the exception and gives a reason.",
        repairs=(Repair.ACCEPT,),
        opens=(),
        overcome=never,
        owners=operators_and_hr,
        accepted_by=hr_roles,
        people_only=True,
        waived_when_accepted=True,
        outlives_run=True,
    ),
)

RULES: Final[Mapping[str, ExceptionRule]] = MappingProxyType({rule.kind: rule for rule in _RULES})
"""By kind, in the order in which they are asked about a subject. `tests/domain/exceptions/test_exception_rules.py`
checks that every `ExceptionKind` has exactly one."""
