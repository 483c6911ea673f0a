"""Every word of the domain in plain English, in one place: labels for marks, sentences where a label says too little.

A vocabulary is named after what it speaks of (`run`, `step`, `waits_for`, …), because one code means different things
in different mouths: `open` of a gate is no `open` of an exception. `words` never fails: a code that is new to us is
shown as it is, without its underscores, and a test finds it missing here.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.web import words_of_events, words_of_exceptions

Vocabulary = Mapping[str, str]

RUN: Vocabulary = {
    "searching": "Looking for accounts",
    "awaiting_decision": "To be decided",
    "scheduled": "Scheduled",
    "in_progress": "Under way",
    "needs_attention": "Needs attention",
    "held": "On hold",
    "clean": "Closed",
    "with_exceptions": "Closed, with exceptions",
    "shadow": "Closed, shadow only",
    "ended": "Ended by a person",
    "open": "Open",
    "finished": "Finished",
}

STEP: Vocabulary = {
    "planned": "Planned",
    "started": "Under way",
    "retrying": "Tries again",
    "failed": "Failed",
    "unknown": "Outcome unknown",
    "verified": "Verified",
    "attested": "Attested",
    "skipped": "Left out",
    "withheld": "Withheld (shadow)",
}

WAITS_FOR: Vocabulary = {
    "predecessors": "Waits for earlier steps",
    "time": "Waits for its time",
    "gate": "Waits for a decision",
    "another_attempt": "Waits before it tries again",
    "lease": "An attempt is under way",
    "hold": "On hold",
    "fresh_look": "Waits for a fresh look at the account",
    "open_question": "Waits to hear whose account it is",
    "task": "Waits for a task to be done",
    "exception": "Waits for an exception to be closed",
    "level": "Waits for a level to be granted",
    "plan": "Waits for a new plan",
    "nothing": "Left undone",
}

GATE: Vocabulary = {
    "open": "To be decided",
    "approved": "Approved",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
}

VERDICT: Vocabulary = {"approve": "Approve", "reject": "Reject"}

TASK: Vocabulary = {
    "open": "To be done",
    "done": "Done",
    "not_done": "Not done",
    "withdrawn": "Withdrawn",
}

TASK_KIND: Vocabulary = {
    "work": "Work for a person",
    "confirm_outcome": "Find out whether it was done",
}

SEARCH: Vocabulary = {
    "matched": "Account found",
    "none": "No account",
    "ambiguous": "Several could be theirs",
    "weak": "Perhaps theirs",
    "failed": "Could not be looked at",
    "settled": "Settled by a person",
}

LEVEL: Vocabulary = {"read": "Read", "prepare": "Prepare", "stage": "Stage", "change": "Change"}

LEVEL_MEANING: Vocabulary = {
    "read": "Looks, and changes nothing.",
    "prepare": "Writes only inside Offboard: a plan, a draft.",
    "stage": "Leaves something inert or scheduled in the system.",
    "change": "Takes effect in the system.",
}

REVERSIBLE: Vocabulary = {
    "no": "Cannot be undone",
    "yes": "Can be undone",
    "limited": "Can be undone for a time",
}

REPEAT: Vocabulary = {
    "freely": "May be tried as often as needed",
    "keyed": "Is tried again under the same key",
    "never": "Is tried once, and never again on a doubt",
}

PHASE: Vocabulary = {
    "draft": "Draft",
    "shadow": "Shadow",
    "pilot": "Pilot",
    "production": "Production",
    "retired": "Retired",
}

PHASE_MEANING: Vocabulary = {
    "draft": "Not used for anybody yet.",
    "shadow": "Reads and plans; changes nothing in any system.",
    "pilot": "Works for the people whom its pilot covers.",
    "production": "Works for everybody.",
    "retired": "Out of use; runs that began under it go on.",
}

OWNER: Vocabulary = {"value": "Value owner", "safety": "Safety owner"}

ROLE: Vocabulary = {
    "requester": "Requester",
    "operator": "Operator",
    "auditor": "Auditor",
    "value_owner": "Value owner",
    "safety_owner": "Safety owner",
    "it_approver": "IT approver",
    "finance_approver": "Finance approver",
    "hr_system": "HR system",
}

ACTOR_KIND: Vocabulary = {"person": "Person", "service": "Service", "assistant": "Assistant"}

ANCHOR: Vocabulary = {"approval": "As soon as it is approved", "cutoff": "At the cutoff"}

STRENGTH: Vocabulary = {"strong": "Decides by itself", "weak": "A person is asked"}

HAPPENED: Vocabulary = {"no": "Nothing happened in the system", "unknown": "It may have taken effect"}

READ_BACK: Vocabulary = {"done": "Done", "not_done": "Not done", "unknown": "Cannot be told"}

STANDING: Vocabulary = {
    "final": "Over",
    "ready": "Begins now",
    "waiting": "Waits",
    "stopped": "Stopped",
}

PURPOSE: Vocabulary = {"plan": "To make a plan", "confirm": "To confirm the plan before a change"}

ANSWER: Vocabulary = {
    "none": "No error",
    "try_again": "Later may be better",
    "action_required": "A person must change something first",
    "refused": "The system said no",
}

SPEAKS_OF: Vocabulary = {"person": "The person", "account": "The account", "run": "The run", "step": "The step"}
"""What a packet's conditions may ask about."""

CODE: Vocabulary = {
    "unreachable": "It does not answer",
    "connection_lost": "The connection broke off",
    "deadline_over": "It took too long",
    "too_many_requests": "It asked us to slow down",
    "system_failed": "It failed",
    "error_in_answer": "It said no",
    "refused": "It said no",
    "credential_refused": "It refused our credential",
    "answer_not_understood": "Its answer makes no sense",
    "not_shown": "It does not show the change",
    "parameter_unknown": "A value that the step needs is missing",
    "recipient_not_found": "Nobody is there to take it over",
    "recipient_not_usable": "Whoever was to take it over cannot",
    "setting_missing": "A setting is missing",
    "setting_invalid": "A setting makes no sense",
    "setting_unknown": "A setting is not known",
    "host_not_allowed": "Its host is not one that the packet allows",
    "certificate_refused": "Its certificate is not trusted",
    "not_encrypted": "It offers no encrypted connection",
    "answer_too_large": "Its answer is too large",
    "account_needed": "An account is needed, and there is none",
    "account_gone": "The account is gone",
    "changed_meanwhile": "Somebody else changed it meanwhile",
    "last_member": "The group would be left without a member",
    "parameter_invalid": "A value that the step needs makes no sense",
    "parameter_missing": "A value that the step needs is missing",
    "not_an_address": "A mail address is not one",
    "invalid_id": "The account's id makes no sense",
    "password_policy_missing": "The directory has no password policy",
    "password_policy_refused": "The directory's password policy said no",
    "unknown_ability": "The connector cannot do this",
    "unknown_attribute": "It does not know an attribute to look by",
    "unknown_kind": "There is no connector of this kind",
    "not_found": "The account is gone",
    "not_done": "It was not done",
    "outcome_unknown": "Nobody knows yet whether it took effect",
    "person_says_not_done": "A person looked, and it was not done",
    "person_erased": "The person was erased",
    "nobody_looked": "Nobody has looked there yet",
    "queue_unserved": "No worker serves this system",
    "unexpected": "Something went wrong that nobody foresaw",
}
"""Why an attempt or a look failed. Connectors may say more than stands here."""

PROOF: Vocabulary = {
    "verified": "Read back",
    "attested": "By somebody's word",
    "unverifiable": "Cannot be shown",
}
"""What it rests on that access is gone."""

NOTICE: Vocabulary = {"first": "Notice", "reminder": "Reminder"}

TIMING: Vocabulary = {"late": "Late", "soon": "Soon due"}

VOCABULARIES: Mapping[str, Vocabulary] = {
    "run": RUN,
    "step": STEP,
    "waits_for": WAITS_FOR,
    "gate": GATE,
    "verdict": VERDICT,
    "task": TASK,
    "task_kind": TASK_KIND,
    "exception": words_of_exceptions.KIND,
    "exception_meaning": words_of_exceptions.MEANING,
    "exception_remedy": words_of_exceptions.REMEDY,
    "exception_state": words_of_exceptions.STATE,
    "disposition": words_of_exceptions.DISPOSITION,
    "event": words_of_events.EVENT,
    "search": SEARCH,
    "level": LEVEL,
    "level_meaning": LEVEL_MEANING,
    "reversible": REVERSIBLE,
    "repeat": REPEAT,
    "phase": PHASE,
    "phase_meaning": PHASE_MEANING,
    "owner": OWNER,
    "role": ROLE,
    "actor_kind": ACTOR_KIND,
    "anchor": ANCHOR,
    "strength": STRENGTH,
    "happened": HAPPENED,
    "read_back": READ_BACK,
    "standing": STANDING,
    "purpose": PURPOSE,
    "answer": ANSWER,
    "speaks_of": SPEAKS_OF,
    "timing": TIMING,
    "proof": PROOF,
    "notice": NOTICE,
    "code": CODE,
}


def words(code: object, vocabulary: str | None = None) -> str:
    """A code in words; empty for None. Without a vocabulary the first that knows the code speaks. A vocabulary that
    does not exist is a `KeyError`: that is a fault of the page."""
    if code is None:
        return ""
    said = str(getattr(code, "value", code))
    for known in (VOCABULARIES[vocabulary],) if vocabulary is not None else VOCABULARIES.values():
        if said in known:
            return known[said]
    plain = said.replace("_", " ").strip()
    return plain[:1].upper() + plain[1:]


def in_sentence(label: str) -> str:
    """A label within a sentence: `Safety owner` becomes `safety owner`, `IT approver` stays."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
