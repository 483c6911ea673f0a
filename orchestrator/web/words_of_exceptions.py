"""Exceptions in plain English: what kind, what it means, and what a person can do about it on the page."""

from __future__ import annotations

from collections.abc import Mapping

MEANING: Mapping[str, str] = {
    "ambiguous_match": "More than one account on this system fits. Nothing is planned there until it is settled.",
    "weak_match": "The account fits on a weak sign only, such as a name. Nothing is planned until it is settled.",
    "no_account": "An account was expected on this system, and none was found.",
    "search_failed": "The system did not answer the question which accounts are theirs. It is asked again by itself.",
    "accounts_changed": "A look just before the change shows other accounts than the plan was made for.",
    "gate_rejected": "Whoever decides said no. The steps behind that gate do not happen.",
    "excluded_from_approval": "The rest of the gate was approved; this step was taken out and does not happen.",
    "step_failed": "It was given up, and waits for a person. Steps that do not depend on it go on.",
    "step_failing": "It has not worked for longer than the packet allows. It is still tried again by itself.",
    "outcome_unknown": "The system may have done it or not, and reading back did not settle it.",
    "level_missing": "Whoever this step rests on may not do that much on this system.",
    "task_overdue": "A person was to do something, and its time is over.",
    "urgent_review": "Access was cut before anybody decided. Somebody looks at that afterwards.",
    "account_gone": "The account that the step is for is no longer there, or is no longer the person's.",
    "condition_unclear": "The packet says when this step is wanted, and that could not be worked out for this account.",
    "not_carried_out": "The step was due and no worker took it.",
    "second_request": "Whoever asked does not see this run. They were told that it was received, and nothing else.",
}

REMEDY: Mapping[str, str] = {
    "ambiguous_match": "Say which of the accounts are theirs, or that none is.",
    "weak_match": "Say whether the account is theirs.",
    "no_account": "Say that there is none; or have the account put right, then plan anew.",
    "search_failed": "Wait for the next try; or accept that this system is not looked at, and say why.",
    "accounts_changed": "Plan anew, so that the new accounts are decided about.",
    "gate_rejected": "Plan anew and ask again, or end the run.",
    "excluded_from_approval": "Leave the step out for good, or plan anew and ask again.",
    "step_failed": "Put right what stood in the way, then let it try again; or leave the step out, and say why.",
    "step_failing": "Wait for the next try; or accept it, and say why.",
    "outcome_unknown": "Look in the system and say whether it was done; or let it try again under the same key.",
    "level_missing": "Have the level granted in the packet's platform file; or leave the step out, and say why.",
    "task_overdue": "Do the task and say so; or accept the delay, and say why.",
    "urgent_review": "Look at what was cut, then accept it and say what you found.",
    "account_gone": "Leave the step out; or plan anew if the account is theirs after all.",
    "condition_unclear": "Decide about it at its gate; or leave the step out, and say why.",
    "not_carried_out": "See that a worker serves the system; or leave the step out, and say why.",
    "second_request": "Look whether what was asked for differs from this run, then accept it and say what you did.",
}
