"""What a client of the API can do after a refusal: the `remedy` of a problem document."""

from __future__ import annotations

from typing import Final

from orchestrator.domain.errors import Remedies
from orchestrator.vocabulary.remedies import FIRST_PACKET, completed

REMEDIES: Final[Remedies] = completed(
    {
        "access_denied": "If the person refused by mistake, begin again.",
        "authorization_pending": "Ask again after `interval` seconds.",
        "bad_cursor": "Use the `after` of the previous page, or omit it.",
        "cutoff_missing": "Give `cutoff`, such as 2026-12-31T18:00.",
        "evidence_missing": "Give `evidence`: a note or an uploaded file.",
        "excluded_from_rejection": "Approve the gate with `excluded`, or reject it as a whole.",
        "expired_token": "Begin again.",
        "not_a_candidate": "Name accounts by the ids in `candidates`.",
        "not_at_this_gate": "Name steps by the `step_id` of the gate's steps.",
        "nothing_to_retry": "Read the step's `status` in the run.",
        "nothing_to_settle": "Read the open exceptions of the run.",
        "packet_not_live": "Both owners sign the packet and move it to its next phase.",
        "packet_problems": "Correct what `errors` names, and send the files again.",
        "person_signs_in": "Get a person's token from the device sign-in: POST /api/v1/device.",
        "preview_over": "Request the preview again.",
        "reason_missing": "Give `reason`; for a task, a `note` in `evidence`.",
        "run_open": "Read the run {run_id}; reschedule it to move its cutoff.",
        "signature_missing": "Each owner signs the version first.",
        "slow_down": "Wait at least `interval` seconds between requests.",
        "step_up_needed": "Sign in again, and repeat this within {minutes} minutes.",
        "unknown_delegation": "List your delegations.",
        "unknown_exception": "List the exceptions of the run.",
        "unknown_gate": "Read the gates of the run.",
        "unknown_inquiry": "Send the request again.",
        "unknown_packet": (FIRST_PACKET, "Use one of: {known}.", "List the packets; adopt one that is missing."),
        "unknown_packet_version": "Use a version of the packet that was adopted, with at least its first 8 characters.",
        "unknown_question": "Request the preview, then answer the questions that it has.",
        "unknown_run": "List the runs.",
        "unknown_step": "Name one by its id: {known}.",
        "unknown_task": "Read the tasks of the run.",
        "unknown_token": "List your tokens.",
        "unknown_verification": "Request a verification: POST /api/v1/ledger/verifications.",
        "unknown_webhook": "List the webhooks.",
        "urgent_not_allowed": "Set `urgent` to false, or ask a person with one of these roles.",
    }
)
