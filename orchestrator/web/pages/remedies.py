"""What a person can do on the pages after a refusal."""

from __future__ import annotations

from typing import Final

from orchestrator.domain.errors import Refusal, Remedies, remedy_in
from orchestrator.vocabulary.remedies import FIRST_PACKET, completed

_NOW = "Look at the run as it is now."

REMEDIES: Final[Remedies] = completed(
    {
        "bad_cursor": "Start at the first page of the list.",
        "cutoff_missing": "Enter when access ends.",
        "embargo_end_missing": "Enter when the embargo ends.",
        "form_not_ours": "Reload the page and try again.",
        "ledger_unavailable": "Try again in a moment; if this continues, contact the administrator. Nothing was lost.",
        "nobody_chosen": "Find the person first.",
        "none_and_some": "Select accounts or select none, not both.",
        "not_a_candidate": "Choose among the accounts that are shown.",
        "not_acceptable": "Use one of the other actions of the exception.",
        "not_at_this_gate": "Choose among the steps that are shown.",
        "nothing_chosen": "Select the accounts that belong to the person, or that none does.",
        "nothing_to_retry": "Look at the step as it is now.",
        "nothing_to_settle": "Look at the exceptions that are open now.",
        "packet_not_live": "Both owners sign the packet and move it to its next phase, on the packet's page.",
        "packet_problems": "Correct the files and try again.",
        "person_signs_in": "People sign in; they need no token made here.",
        "preview_over": "Preview the run again.",
        "reason_missing": "Enter a reason and submit again.",
        "run_open": "Open it in the list of runs; you can move its cutoff there.",
        "signature_missing": "Each owner signs on the packet's page first.",
        "step_up_needed": "Sign in again, and repeat this within {minutes} minutes.",
        "token_name_missing": "Enter what the token is for.",
        "unknown_delegation": "Look at your delegations on this page.",
        "unknown_exception": _NOW,
        "unknown_gate": _NOW,
        "unknown_inquiry": "Start the preview again.",
        "unknown_kind": "Choose a service or an assistant.",
        "unknown_level": "Choose a level.",
        "unknown_packet": (FIRST_PACKET, "Choose one of: {known}.", "Choose a packet in the list of packets."),
        "unknown_packet_version": "Look at the packet as it is now.",
        "unknown_phase": "Choose one of the phases that are offered.",
        "unknown_question": "Preview the run, then answer.",
        "unknown_run": "Open a run from the list of runs.",
        "unknown_step": "Look at the plan as it is now.",
        "unknown_task": _NOW,
        "unknown_token": "Look at the list of your tokens.",
        "unknown_webhook": "Look at the list of webhooks.",
        "urgent_not_allowed": "Choose a planned date, or ask a person with one of these roles.",
        "verdict_missing": "Choose one of the two.",
    }
)


def remedy_of(refused: Refusal) -> str:
    """What a system or a worker said can be done, where it said so; else the table's sentence."""
    return getattr(refused, "remedy", "") or remedy_in(REMEDIES, refused.code, refused.facts)
