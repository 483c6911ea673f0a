"""Every word of the domain in plain English, in one place: labels for marks, sentences where a label says too little.

A vocabulary is named after what it speaks of (`run`, `step`, `waits_for`, …), because one code means different things
in different mouths: `open` of a gate is no `open` of an exception. `words` never fails: a code that is new to us is
shown as it is, without its underscores, and a test finds it missing here.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.domain.run.exceptions import RULES
from orchestrator.vocabulary import states
from orchestrator.vocabulary.states import Vocabulary, role_label, sentence_case
from orchestrator.web import words_of_events

VERDICT: Vocabulary = {"approve": "Approve", "reject": "Reject"}

TASK_KIND: Vocabulary = {
    "work": "Work for a person",
    "confirm_outcome": "Find out whether it was done",
}

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

PHASE_MEANING: Vocabulary = {
    "draft": "Not used for anybody yet.",
    "shadow": "Reads and plans; changes nothing in any system.",
    "pilot": "Works for the people whom its pilot covers.",
    "production": "Works for everybody.",
    "retired": "Out of use; runs that began under it go on.",
}

OWNER: Vocabulary = {"value": "Value owner", "safety": "Safety owner"}

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

PROOF: Vocabulary = {
    "verified": "Read back",
    "attested": "By somebody's word",
    "unverifiable": "Cannot be shown",
}
"""What it rests on that access is gone."""

NOTICE: Vocabulary = {"first": "Notice", "reminder": "Reminder"}

TIMING: Vocabulary = {"late": "Late", "soon": "Soon due"}

VOCABULARIES: Mapping[str, Vocabulary] = {
    "run": states.RUN,
    "step": states.STEP,
    "waits_for": states.WAITS_FOR,
    "gate": states.GATE,
    "verdict": VERDICT,
    "task": states.TASK,
    "task_kind": TASK_KIND,
    "exception": states.EXCEPTION,
    "exception_meaning": {kind: rule.meaning for kind, rule in RULES.items()},
    "exception_remedy": {kind: rule.remedy for kind, rule in RULES.items()},
    "exception_state": states.EXCEPTION_STATE,
    "disposition": states.DISPOSITION,
    "event": words_of_events.EVENT,
    "search": states.SEARCH,
    "level": states.LEVEL,
    "level_meaning": LEVEL_MEANING,
    "reversible": REVERSIBLE,
    "repeat": REPEAT,
    "phase": states.PHASE,
    "phase_meaning": PHASE_MEANING,
    "owner": OWNER,
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
    "code": states.FAILURE,
}


def words(code: object, vocabulary: str | None = None) -> str:
    """A code in words; empty for None. Without a vocabulary the first that knows the code speaks. A vocabulary that
    does not exist is a `KeyError`: that is a fault of the page."""
    if code is None:
        return ""
    said = str(getattr(code, "value", code))
    if vocabulary == "role":
        return role_label(said)
    for known in (VOCABULARIES[vocabulary],) if vocabulary is not None else VOCABULARIES.values():
        if said in known:
            return known[said]
    return sentence_case(said.replace("_", " ").strip())
