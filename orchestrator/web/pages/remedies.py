"""Remedies for refusals on pages."""

from __future__ import annotations

from typing import Final

from orchestrator.domain.errors import Refusal, Remedies, remedy_in
from orchestrator.vocabulary.remedies import FIRST_PACKET, completed

_NOW = "View the current state of the run."

REMEDIES: Final[Remedies] = completed(
    {
        "bad_cursor": "Go to the first page of the list.",
        "cutoff_missing": "Enter when access ends.",
        "export_unreadable": "Correct the file, or upload another one.",
        "embargo_end_missing": "Enter when the embargo ends.",
        "form_not_ours": "Reload the page and try again.",
        "ledger_fault": "Contact the administrator. The log of the server names the cause.",
        "ledger_unavailable": "Try again in a moment. If it fails again, contact the administrator. No data was lost.",
        "nobody_chosen": "Search for the person first.",
        "none_and_some": "Select accounts, or select “None of these”.",
        "not_a_candidate": "Select from the accounts shown.",
        "not_acceptable": "Use one of the other actions of the exception.",
        "not_at_this_gate": "Select from the steps shown.",
        "no_role_chosen": "Select the roles to revoke.",
        "no_step_chosen": "Tick the steps that are to run. To approve none of them, reject.",
        "nothing_chosen": "Select the accounts that belong to the person, or “None of these”.",
        "nothing_to_retry": "View the current state of the step.",
        "nothing_to_settle": "View the open exceptions of the run.",
        "packet_not_live": "Both owners have to sign the packet and change its phase on the packet's page.",
        "packet_problems": "Correct the files and try again.",
        "person_signs_in": "People get a token by signing in on the command line.",
        "preview_over": "Preview the run again.",
        "reason_missing": "Enter a reason and submit again.",
        "reason_too_long": "Go back, shorten the reason and submit again.",
        "run_open": "Open the run from the list of runs. You can change its cutoff there.",
        "signature_missing": "Each owner has to sign on the packet's page first.",
        "step_up_needed": "Sign in again, then repeat this within {minutes} minutes.",
        "token_name_missing": "Enter a name for the token.",
        "unknown_delegation": "Your delegations are listed on this page.",
        "unknown_exception": _NOW,
        "unknown_gate": _NOW,
        "unknown_inquiry": "Start the preview again.",
        "unknown_kind": "Choose a service or an assistant.",
        "unknown_level": "Choose a maximum permission.",
        "unknown_packet": (FIRST_PACKET, "Choose one of: {known}.", "Choose a packet in the list of packets."),
        "unknown_packet_version": "View the current version of the packet.",
        "unknown_phase": "Choose one of the phases shown.",
        "unknown_question": "Preview the run again, then answer.",
        "unknown_run": "Open a run from the list of runs, or search for it.",
        "unknown_step": "View the current plan of the run.",
        "unknown_task": _NOW,
        "unknown_assistant": "The assistants are listed on the Assistants page.",
        "unknown_token": "Your tokens are listed on the Tokens page.",
        "unknown_webhook": "Webhooks are listed on the Webhooks page.",
        "urgent_not_allowed": "Choose a planned date, or ask a person with one of these roles.",
        "verdict_missing": "Choose Approve or Reject.",
    }
)


def remedy_of(refused: Refusal) -> str:
    """What a system or a worker said can be done, where it said so; else the table's sentence."""
    return getattr(refused, "remedy", "") or remedy_in(REMEDIES, refused.code, refused.facts)
