"""Remedies for refusals in the API: the `remedy` of a problem document."""

from __future__ import annotations

from typing import Final

from orchestrator.domain.errors import Remedies
from orchestrator.vocabulary.remedies import FIRST_PACKET, completed

REMEDIES: Final[Remedies] = completed(
    {
        "access_denied": "If the person rejected it by mistake, request a new code: POST /api/v1/device.",
        "authorization_pending": "Poll again after `interval` seconds.",
        "bad_cursor": "Use the `after` of the previous page, or omit it.",
        "cutoff_missing": "Give `cutoff`, such as 2026-12-31T18:00.",
        "evidence_missing": "Give `evidence`: a note or an uploaded file.",
        "excluded_from_rejection": "Approve the gate with `excluded`, or reject it without `excluded`.",
        "expired_token": "Request a new code: POST /api/v1/device.",
        "ledger_fault": "Contact the administrator. The log of the server names the cause.",
        "ledger_unavailable": "Repeat the request after `Retry-After` seconds.",
        "not_a_candidate": "Use account IDs from `candidates`.",
        "not_at_this_gate": "Use the `step_id` of the gate's steps.",
        "nothing_to_retry": "Check the step's `status` in the run.",
        "nothing_to_settle": "List the open exceptions of the run.",
        "packet_not_live": "Both owners have to sign the packet and change its phase.",
        "packet_problems": "Correct the problems in `errors`, then send the files again.",
        "person_signs_in": "Get a person's token from the device sign-in: POST /api/v1/device.",
        "preview_over": "Request the preview again.",
        "reason_missing": "Give `reason`; for a task, a `note` in `evidence`.",
        "run_open": "Get the run {run_id}; reschedule it to change its cutoff.",
        "signature_missing": "Each owner has to sign the version first.",
        "slow_down": "Wait at least `interval` seconds between requests.",
        "step_up_needed": "Sign in again, then repeat this within {minutes} minutes.",
        "unknown_delegation": "List your delegations.",
        "unknown_exception": "List the exceptions of the run.",
        "unknown_gate": "Get the run; `gates` lists its gates.",
        "unknown_inquiry": "Send the request again.",
        "unknown_packet": (FIRST_PACKET, "Use one of: {known}.", "List the packets; adopt one that is missing."),
        "unknown_packet_version": "Use at least the first 8 characters of an adopted version of the packet.",
        "unknown_question": "Request a preview, then answer its questions.",
        "unknown_run": "List the runs. The start of an ID needs at least 5 characters.",
        "unknown_step": "Use one of the IDs: {known}.",
        "unknown_task": "List the tasks of the run.",
        "unknown_assistant": "List the assistants.",
        "unknown_token": "List your tokens.",
        "unknown_system_test": "Request a test: POST /api/v1/systems/SYSTEM/test.",
        "unknown_verification": "Request a verification: POST /api/v1/ledger/verifications.",
        "unknown_webhook": "List the webhooks.",
        "urgent_not_allowed": "Set `urgent` to false, or ask a person with one of these roles.",
    }
)
