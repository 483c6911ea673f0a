"""Remedies for refusals at the terminal: the commands and options to type."""

from __future__ import annotations

from typing import Final

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.domain.errors import Refusal, Remedies, remedy_in
from orchestrator.vocabulary.remedies import FIRST_PACKET, completed

REMEDIES: Final[Remedies] = completed(
    {
        "access_denied": "If you rejected it by mistake, run `offboard login` again.",
        "authorization_pending": "Confirm the code in a browser.",
        "bad_cursor": "Use the --after of the previous list, or omit it.",
        "cutoff_missing": "Give the time when access ends: --cutoff 2026-12-31T18:00.",
        "evidence_missing": "Add evidence: --evidence TEXT or --attach FILE.",
        "excluded_from_rejection": "Use `offboard approve` with --exclude, or `offboard reject` without it.",
        "expired_token": "Run `offboard login` again.",
        "ledger_unavailable": "Try again in a moment. If it fails again, contact the administrator.",
        "no_stack": "Start one in another terminal: `offboard up`.",
        "not_a_candidate": "Use account IDs from `offboard exceptions` or --preview.",
        "not_acceptable": "Use a command that `offboard exceptions` lists for this exception.",
        "not_at_this_gate": "Use step IDs from `offboard show`.",
        "nothing_to_retry": "View the step: `offboard show`.",
        "nothing_to_settle": "List the open exceptions: `offboard exceptions`.",
        "packet_not_live": "Both owners have to sign it and change its phase: `offboard packet sign`, `offboard "
        "packet move`.",
        "packet_problems": "Correct the files, then check them again: `offboard packet check`.",
        "person_signs_in": "Use `offboard login`.",
        "last_holder": (
            "Another person confirms it: `offboard starts confirm {held_id}`. Then start it again.",
            "Give the role to another person first.",
        ),
        "preview_over": "Run the command with --preview again.",
        "reason_missing": "Give a reason: --reason TEXT; for a task, --evidence TEXT.",
        "run_open": "View it: `offboard show {run_id}`. Change its cutoff: `offboard reschedule`.",
        "signature_missing": "Each owner has to sign first: `offboard packet sign`.",
        "slow_down": "Wait a few seconds before you try again.",
        "starts_held": (
            "Another person confirms it: `offboard starts confirm {held_id}`. Then start it again. Two people can "
            "release the limit: `offboard starts release {trip_id}`.",
            "Two people can release the limit: `offboard starts release {trip_id}`.",
        ),
        "step_up_needed": "Sign in again with `offboard login`, then repeat this within {minutes} minutes.",
        "token_needed": "Sign in: `offboard login`.",
        "unknown_delegation": "List your delegations: `offboard away`.",
        "unknown_exception": "List the exceptions: `offboard exceptions`.",
        "unknown_gate": "List the gates: `offboard show`.",
        "unknown_held_start": "List the held starts: `offboard starts`.",
        "unknown_inquiry": "Run the command again.",
        "unknown_packet": (
            FIRST_PACKET,
            "Use one of: {known}.",
            "Adopt it: `offboard packet sign FOLDER`.",
        ),
        "unknown_packet_version": "Use an adopted version, or adopt one: `offboard packet sign FOLDER`.",
        "unknown_question": "Run the command with --preview, then answer.",
        "unknown_run": "List the runs: `offboard runs`. The start of an ID needs at least 5 characters.",
        "unknown_step": "Use one of the IDs: {known}.",
        "unknown_task": "List the tasks: `offboard tasks`.",
        "unknown_assistant": "List them: `offboard assistants`.",
        "unknown_token": "Sign in again: `offboard login`.",
        "unknown_trip": "List the limits that are reached: `offboard starts`.",
        "unknown_system_test": "Test the system: `offboard systems test SYSTEM`.",
        "unknown_verification": "Verify the ledger: `offboard ledger verify`.",
        "unknown_webhook": "Ask a safety owner for the list of webhooks.",
        "urgent_not_allowed": "Start without --urgent, or ask a person with one of these roles.",
    }
)


def remedy_of(refused: Refusal) -> str:
    """The table's sentence; for a code that it does not have, the refusal's own."""
    known = remedy_in(REMEDIES, refused.code, refused.facts)
    own = refused.remedy if isinstance(refused, LocalRefusal) else ""
    # What this command line refused itself has its own remedy; of what a server said, only codes that are new to us.
    return own if type(refused) is LocalRefusal else known or own
