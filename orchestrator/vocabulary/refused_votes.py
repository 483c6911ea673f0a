"""Why a decision at a gate was refused, by the code of the refusal: for the history of runs. `REFUSED_VOTE` has each
code that a run records; `tests/structure/test_labels.py` compares it with the rules of votes."""

from __future__ import annotations

from orchestrator.vocabulary.states import Vocabulary

REFUSED_VOTE: Vocabulary = {
    "access_limited": "This access is read-only",
    "already_voted": "This person or account has already decided here",
    "close_signed_once": "This person has already signed the close of the run",
    "gate_decided": "The approval was already decided",
    "gate_lapsed": "The approval request had expired",
    "gate_withdrawn": "The approval request was withdrawn",
    "level_not_granted": "The account does not have the permission that a step needs",
    "only_people_decide": "Only people can decide",
    "own_run": "The run is about this person, or about the owner of this program",
    "reports_to_person": "This person reports to the leaver",
    "requester_never_decides": "This person requested the run",
    "role_missing": "The account does not have a role that decides here",
    "run_finished": "The run had ended",
    "unknown_to_hr": "The account is not linked to a person in HR",
}
