"""All commands, one function each.

Pages, API, command line and assistants call these functions and nothing below them, so a rule holds at every entry
point.

A command is decided and recorded first; then the run's workflow is nudged. If Temporal cannot be reached, the command
is recorded all the same, and the relay nudges the workflow later.
"""

from __future__ import annotations

from orchestrator.commands.administration import (
    delegate,
    end_delegation,
    hold_system,
    record_actor,
    release_system,
    revoke_roles,
)
from orchestrator.commands.assistants import resume_assistant, stop_assistant
from orchestrator.commands.credentials import (
    end_sessions,
    list_sessions,
    list_tokens,
    revoke_token,
    sign_out_everywhere,
)
from orchestrator.commands.erasures import erase_person
from orchestrator.commands.exceptions import (
    accept_exception,
    assign_exception,
    comment_on_exception,
    snooze_exception,
    waive_exception,
)
from orchestrator.commands.integrations import (
    add_webhook,
    change_service_owners,
    disable_webhook,
    list_webhooks,
    make_token,
    replace_webhook_secret,
)
from orchestrator.commands.judgements import judge_difference
from orchestrator.commands.packet_versions import (
    adopt_packet,
    move_packet,
    object_to_packet,
    refused_adoption,
    sign_packet,
    withdraw_objection,
)
from orchestrator.commands.parked_steps import MAX_BATCH_RETRIES, parked_steps, retry_parked_steps
from orchestrator.commands.replays import replay_run
from orchestrator.commands.restores import restore_access
from orchestrator.commands.run_commands import (
    MAX_BATCH_APPROVALS,
    approve_gate,
    approve_gates,
    complete_task,
    do_step_by_hand,
    end_run,
    hold_run,
    lift_legal_hold,
    name_decider,
    place_legal_hold,
    reject_gate,
    release_run,
    replan_run,
    report_leaving,
    reschedule_run,
    retry_step,
    set_embargo,
    settle_match,
    skip_step,
)
from orchestrator.commands.services import Done, GateOutcome, Received, Services, started
from orchestrator.commands.starts.batches import (
    cancel_batch,
    confirm_batch,
    hold_batch,
    propose_batch,
    resume_batch,
    start_batch,
)
from orchestrator.commands.starts.run_starts import RowOfBatch, run_started, start_run
from orchestrator.commands.starts.start_limits import confirm_start, release_starts
from orchestrator.commands.urgent_runs import make_run_urgent

__all__ = [
    "MAX_BATCH_APPROVALS",
    "MAX_BATCH_RETRIES",
    "Done",
    "GateOutcome",
    "Received",
    "RowOfBatch",
    "Services",
    "accept_exception",
    "add_webhook",
    "adopt_packet",
    "approve_gate",
    "approve_gates",
    "assign_exception",
    "cancel_batch",
    "change_service_owners",
    "comment_on_exception",
    "complete_task",
    "confirm_batch",
    "confirm_start",
    "delegate",
    "disable_webhook",
    "do_step_by_hand",
    "end_delegation",
    "end_run",
    "end_sessions",
    "erase_person",
    "hold_batch",
    "hold_run",
    "hold_system",
    "judge_difference",
    "lift_legal_hold",
    "list_sessions",
    "list_tokens",
    "list_webhooks",
    "make_run_urgent",
    "make_token",
    "move_packet",
    "name_decider",
    "object_to_packet",
    "parked_steps",
    "place_legal_hold",
    "propose_batch",
    "record_actor",
    "refused_adoption",
    "reject_gate",
    "release_run",
    "release_starts",
    "release_system",
    "replace_webhook_secret",
    "replan_run",
    "replay_run",
    "report_leaving",
    "reschedule_run",
    "restore_access",
    "resume_assistant",
    "resume_batch",
    "retry_parked_steps",
    "retry_step",
    "revoke_roles",
    "revoke_token",
    "run_started",
    "set_embargo",
    "settle_match",
    "sign_out_everywhere",
    "sign_packet",
    "skip_step",
    "snooze_exception",
    "start_batch",
    "start_run",
    "started",
    "stop_assistant",
    "waive_exception",
    "withdraw_objection",
]
