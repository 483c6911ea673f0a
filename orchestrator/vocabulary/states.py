"""The label of every state: one for each code, the same on pages, in the terminal and in mails.

A place with room for a sentence may say more, and still uses the label. Labels begin with a capital letter;
`in_sentence` is for the middle of a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.domain.organisation.roles import role_words
from orchestrator.domain.run.exceptions import RULES

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

TASK: Vocabulary = {
    "open": "To be done",
    "done": "Done",
    "not_done": "Not done",
    "withdrawn": "Withdrawn",
}

EXCEPTION: Vocabulary = {kind: rule.title for kind, rule in RULES.items()}

EXCEPTION_STATE: Vocabulary = {"open": "Open", "closed": "Closed"}

DISPOSITION: Vocabulary = {
    "settled": "Settled",
    "retried": "Tried again",
    "skipped": "Step left out",
    "replanned": "Planned anew",
    "accepted": "Accepted as it is",
    "overcome": "Over by itself",
    "ended": "Ended with the run",
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

PHASE: Vocabulary = {
    "draft": "Draft",
    "shadow": "Shadow",
    "pilot": "Pilot",
    "production": "Production",
    "retired": "Retired",
}

FAILURE: Vocabulary = {
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


def label(code: object, vocabulary: Vocabulary) -> str:
    """The label of a code; a code that is not in the vocabulary without its underscores."""
    name = str(getattr(code, "value", code))
    return vocabulary[name] if name in vocabulary else sentence_case(name.replace("_", " ").strip())


def role_label(role: str) -> str:
    """`it_approver`: `IT approver`; `operator`: `Operator`."""
    return sentence_case(role_words(role))


def sentence_case(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def in_sentence(label: str) -> str:
    """A label in the middle of a sentence: `Safety owner` becomes `safety owner`, `IT approver` stays."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
