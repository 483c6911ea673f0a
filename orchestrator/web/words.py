"""The labels of the pages, and sentences where a label says too little. Labels of states are those of
`orchestrator/vocabulary/states.py`.

A vocabulary is named after its subject (`run`, `step`, `waits_for`, …), because one code has several meanings: `open`
of a gate is not `open` of an exception. `words` never fails: an unknown code is shown without its underscores, and a
test finds it missing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.vocabulary import states
from orchestrator.vocabulary.close import CLOSE_CHANGE
from orchestrator.vocabulary.erasures import OBSTACLE
from orchestrator.vocabulary.events import EVENTS
from orchestrator.vocabulary.refused_votes import REFUSED_VOTE
from orchestrator.vocabulary.states import Vocabulary, in_words, role_label

VERDICT: Vocabulary = {"approve": "Approve", "reject": "Reject"}

TASK_KIND: Vocabulary = {
    "work": "Manual task",
    "confirm_outcome": "Confirm the outcome",
}

HELD_BECAUSE: Vocabulary = {
    "requester": "The limit of the requester is reached.",
    "packet": "The limit of the packet is reached.",
    "last_holder": "This person is the last one with a role that runs need.",
}

LEVEL_MEANING: Vocabulary = {
    "read": "Reads, and changes nothing.",
    "prepare": "Creates plans and drafts inside Offboard only.",
    "stage": "Prepares a change in the system that takes effect later or not at all.",
    "change": "Changes data in the system.",
}

REPEAT: Vocabulary = {
    "freely": "Can be retried",
    "keyed": "Is retried with the same idempotency key",
    "never": "Is not retried if the outcome is unknown",
}

PHASE_MEANING: Vocabulary = {
    "draft": "Not in use yet.",
    "shadow": "Runs search accounts and make plans, but change nothing in any system.",
    "pilot": "Applies to the people that the packet's pilot condition selects.",
    "production": "Applies to everyone.",
    "retired": "No longer in use. Runs that are open continue unless they are paused.",
}

OWNER: Vocabulary = {"value": "Value owner", "safety": "Safety owner"}

FILE_OWNER: Vocabulary = {**OWNER, "both": "Both owners"}

ACTOR_KIND: Vocabulary = {"person": "Person", "service": "Service", "assistant": "Assistant"}

ANCHOR: Vocabulary = {"approval": "When approved", "cutoff": "At the cutoff"}

STRENGTH: Vocabulary = {"strong": "Exact match", "weak": "Possible match"}

HAPPENED: Vocabulary = {"no": "Nothing was changed in the system", "unknown": "It may have taken effect"}

READ_BACK: Vocabulary = {"done": "Done", "not_done": "Not done", "unknown": "Unknown"}

STANDING: Vocabulary = {
    "final": "Finished",
    "ready": "Starting",
    "waiting": "Waiting",
    "stopped": "Blocked",
}

PURPOSE: Vocabulary = {"plan": "For the plan", "confirm": "To confirm the plan before a change"}

ANSWER: Vocabulary = {
    "none": "No error",
    "try_again": "Temporary failure, will retry",
    "action_required": "Action required before a retry",
    "refused": "Rejected by the system",
}

SPEAKS_OF: Vocabulary = {"person": "The person", "account": "The account", "run": "The run", "step": "The step"}
"""What a packet's conditions can use."""

PROOF: Vocabulary = {
    "verified": "Read back",
    "attested": "Attested",
    "unverifiable": "Cannot be verified",
}
"""The proof that access is removed."""

NOTICE: Vocabulary = {"first": "Notice", "reminder": "Reminder"}

TIMING: Vocabulary = {"late": "Overdue", "soon": "Due soon"}

OPEN_RUNS: Vocabulary = {"continue": "Open runs continue", "pause": "Open runs are paused"}
DUTY: Vocabulary = {
    "role": "Role",
    "packet_owner": "Owner of a packet",
    "delegate": "Delegation to another person",
    "delegator": "Delegate of another person",
    "service": "Service",
    "assistant": "AI assistant",
    "webhook": "Webhook",
}
VOCABULARIES: Mapping[str, Vocabulary] = {
    "run": states.RUN,
    "step": states.STEP,
    "system_outcome": states.SYSTEM_OUTCOME,
    "close_change": CLOSE_CHANGE,
    "watch": states.WATCH,
    "watch_ended": states.WATCH_ENDED,
    "comparison_read": states.COMPARISON_READ,
    "step_shown": states.STEP_SHOWN,
    "account_change": states.ACCOUNT_CHANGE,
    "comparison_result": states.COMPARISON_RESULT,
    "waits_for": states.WAITS_FOR,
    "under_hold": states.UNDER_HOLD,
    "ownership": states.OWNERSHIP,
    "batch": states.BATCH,
    "batch_row": states.BATCH_ROW,
    "batch_waits_for": states.BATCH_WAITS_FOR,
    "hr_record": states.HR_RECORD,
    "gate": states.GATE,
    "verdict": VERDICT,
    "refused_vote": REFUSED_VOTE,
    "task": states.TASK,
    "task_kind": TASK_KIND,
    "exception": states.EXCEPTION,
    "exception_meaning": {kind: rule.meaning for kind, rule in RULES.items()},
    "held_because": HELD_BECAUSE,
    "exception_state": states.EXCEPTION_STATE,
    "disposition": states.DISPOSITION,
    "event": {name: known.label for name, known in EVENTS.items()},
    "search": states.SEARCH,
    "replay": states.REPLAY,
    "restore": states.RESTORE,
    "difference": states.DIFFERENCE,
    "obstacle": OBSTACLE,
    "level": states.LEVEL,
    "level_meaning": LEVEL_MEANING,
    "reversible": states.REVERSIBLE,
    "repeat": REPEAT,
    "phase": states.PHASE,
    "phase_meaning": PHASE_MEANING,
    "owner": OWNER,
    "file_owner": FILE_OWNER,
    "change_kind": states.CHANGE_KIND,
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
    "open_runs": OPEN_RUNS,
    "system_class": states.SYSTEM_CLASS,
    "test_part": states.TEST_PART,
    "test_outcome": states.TEST_OUTCOME,
    "duty": DUTY,
    "code": states.FAILURE,
    "access_fact": states.ACCESS_FACT,
}


_PROGRAM = re.compile(r"s_[0-9a-f]{16}")
"""The account of a service or an assistant, to be copied as it is."""


def words(code: object, vocabulary: str | None = None) -> str:
    """A code's label; empty for None. Without a vocabulary, the first one that has the code is used. A vocabulary that
    does not exist is a `KeyError`: that is a fault of the page."""
    if code is None:
        return ""
    said = str(getattr(code, "value", code))
    if vocabulary == "role":
        return role_label(said)
    for known in (VOCABULARIES[vocabulary],) if vocabulary is not None else VOCABULARIES.values():
        if said in known:
            return known[said]
    if _PROGRAM.fullmatch(said):
        return said
    return in_words(said)
