"""What a person can do at the terminal after a refusal: the commands and options to type."""

from __future__ import annotations

from typing import Final

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.domain.errors import Refusal, Remedies, remedy_in
from orchestrator.vocabulary.remedies import FIRST_PACKET, completed

REMEDIES: Final[Remedies] = completed(
    {
        "access_denied": "If the person refused by mistake, run `offboard login` again.",
        "authorization_pending": "Confirm the code in a browser.",
        "bad_cursor": "Use the --after of the previous list, or omit it.",
        "cutoff_missing": "Say when access ends: --cutoff 2026-12-31T18:00.",
        "evidence_missing": "Say what shows it: --evidence TEXT or --attach FILE.",
        "excluded_from_rejection": "Use `offboard approve` with --exclude, or reject the gate as a whole.",
        "expired_token": "Run `offboard login` again.",
        "ledger_unavailable": "Try again in a moment; if this continues, contact the administrator.",
        "no_stack": "Start one in another terminal: `offboard up`.",
        "not_a_candidate": "Name accounts by the ids that `offboard exceptions` or --preview lists.",
        "not_acceptable": "Use one of the commands that `offboard exceptions` lists for it.",
        "not_at_this_gate": "Name steps by the ids that `offboard show` lists.",
        "nothing_to_retry": "Look at the step: `offboard show`.",
        "nothing_to_settle": "Look at the open exceptions: `offboard exceptions`.",
        "packet_not_live": "Both owners sign it and move it on: `offboard packet sign`, `offboard packet move`.",
        "packet_problems": "Correct the files, and check them again: `offboard packet check`.",
        "person_signs_in": "Use `offboard login`.",
        "preview_over": "Run the command with --preview again.",
        "reason_missing": "Give a reason: --reason TEXT; for a task, --evidence TEXT.",
        "run_open": "Look at it: `offboard show {run_id}`. Move its cutoff: `offboard reschedule`.",
        "signature_missing": "Each owner signs first: `offboard packet sign`.",
        "slow_down": "Wait a moment.",
        "step_up_needed": "Sign in again with `offboard login`, and repeat this within {minutes} minutes.",
        "token_needed": "Sign in: `offboard login`.",
        "unknown_delegation": "List your delegations: `offboard away`.",
        "unknown_exception": "Look at the exceptions: `offboard exceptions`.",
        "unknown_gate": "Look at the gates: `offboard show`.",
        "unknown_inquiry": "Run the command again.",
        "unknown_packet": (
            FIRST_PACKET,
            "Use one of: {known}.",
            "Adopt it: `offboard packet sign FOLDER`.",
        ),
        "unknown_packet_version": "Name an adopted version, or adopt one: `offboard packet sign FOLDER`.",
        "unknown_question": "Run the command with --preview, then answer.",
        "unknown_run": "List the runs: `offboard runs`.",
        "unknown_step": "Name one by its id: {known}.",
        "unknown_task": "List the tasks: `offboard tasks`.",
        "unknown_token": "Sign in again: `offboard login`.",
        "unknown_verification": "Verify the ledger: `offboard ledger verify`.",
        "unknown_webhook": "Ask a safety owner which webhooks there are.",
        "urgent_not_allowed": "Start without --urgent, or ask a person with one of these roles.",
    }
)


def remedy_of(refused: Refusal) -> str:
    """The table's sentence; for a code that it does not have, the refusal's own."""
    known = remedy_in(REMEDIES, refused.code, refused.facts)
    own = refused.remedy if isinstance(refused, LocalRefusal) else ""
    # What this command line refused itself has its own remedy; of what a server said, only codes that are new to us.
    return own if type(refused) is LocalRefusal else known or own
