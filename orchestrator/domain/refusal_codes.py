"""The codes of refusals. They are frozen: clients and tables of remedies depend on them.

A new code is a word here and a sentence in the tables of remedies that cover its group. mypy checks every place that
refuses, `tests/structure/test_remedies.py` the tables.
"""

from __future__ import annotations

from typing import Literal

CommonCode = Literal[
    "access_limited", "address_differs", "address_not_allowed", "already_signed", "already_voted",
    "assignee_unsuitable", "assistant_limited", "assistant_stopped",
    "attachment_empty", "attachment_too_large", "bad_cursor", "batch_count_differs", "batch_empty",
    "batch_not_running", "batch_over", "batch_too_large", "close_signed_once",
    "comment_missing", "cutoff_implausible", "cutoff_in_gap",
    "cutoff_missing",
    "cutoff_not_understood",
    "cutoff_offset_differs", "cutoff_twice", "cutoff_without_zone", "decided_one_by_one",
    "decider_unsuitable", "deputy_of_service",
    "delegated_already",
    "delegation_over", "delegation_too_long", "dry_run_follows", "dry_run_legal_hold",
    "dry_run_replay", "dry_run_restore", "dry_run_urgent",
    "embargo_lacks_people", "embargo_over", "embargo_too_long",
    "engine_unavailable",
    "evidence_missing", "exception_closed", "expression_invalid", "file_erased",
    "file_of_other_owner", "gate_decided", "gate_lapsed",
    "gate_withdrawn", "hand_over_needed", "has_left", "host_not_allowed", "last_holder",
    "legal_hold_lifted", "level_not_granted", "no_difference", "no_dry_run",
    "newer_run",
    "no_local_sign_in", "no_next_phase", "no_packet_folder", "no_packets", "no_provider", "not_a_candidate",
    "not_acceptable", "not_an_operator", "not_an_owner", "not_answered", "not_at_this_gate", "not_encrypted",
    "not_in_pilot", "not_searched", "not_the_next_phase", "nothing_granted", "nothing_left", "nothing_to_replay",
    "nothing_to_restore", "nothing_to_retry",
    "nothing_to_settle", "one_person_signs_once", "one_scope",
    "only_people", "only_people_decide", "only_people_delegate", "only_signatures",
    "open_runs_unanswered", "owner_unsuitable",
    "only_people_govern", "own_colleague", "own_review", "own_run", "packet_not_in_use", "packet_not_live",
    "packet_problems", "packet_renamed", "packet_retired", "packet_unreadable", "pause_end_past", "pause_too_long",
    "person_erased", "person_in_batch", "person_in_use", "person_signs_in", "person_twice",
    "postpone_not_allowed", "preview_over", "reason_missing", "reports_to_person", "requester_never_decides",
    "restore_cutoff", "restore_exists", "restore_of_restore", "restore_outdated", "restore_urgent",
    "role_missing", "role_of_others", "role_of_people", "row_done", "run_finished", "run_open", "search_too_short",
    "second_person_needed",
    "settled_twice", "several_legal_holds",
    "several_people", "several_runs", "shown_for_another", "signature_missing", "start_withdrawn", "support_missing",
    "objected_already", "objection_open", "not_your_objection", "unknown_objection",
    "answered_by_itself", "objection_withdrawn",
    "starts_held", "step_not_open", "step_up_needed", "task_done", "token_lasts", "too_many_attachments",
    "too_many_inquiries", "too_many_keys", "too_many_searches", "too_many_sign_ins", "too_many_streams",
    "text_too_long", "time_past", "time_too_late", "too_many_together",
    "too_many_uploads", "too_many_webhooks", "unknown_actor", "unknown_assistant", "unknown_batch", "unknown_colleague",
    "unknown_delegation", "unknown_difference",
    "unknown_event_type", "unknown_exception", "unknown_file", "unknown_gate", "unknown_held_start",
    "unknown_inquiry", "unknown_item", "unknown_legal_hold",
    "unknown_outcome", "unknown_packet", "unknown_packet_version",
    "unknown_person", "unknown_question", "unknown_run", "unknown_sort", "unknown_standing", "unknown_starter",
    "unknown_state", "unknown_step", "unknown_system", "unknown_task", "unknown_to_hr", "unknown_token",
    "unknown_trip", "unknown_verdict",
    "unknown_webhook", "unknown_zone", "urgent_not_allowed", "url_not_understood",
    "comparing_already",
    "too_many_dry_runs", "version_conflicts", "version_not_offered",
]  # fmt: skip
"""Refused by what every entry point calls."""

PageCode = Literal[
    "embargo_end_missing", "export_unreadable", "form_not_ours", "no_role_chosen", "no_step_chosen", "nobody_chosen",
    "none_and_some",
    "nothing_chosen", "reason_too_long",
    "token_name_missing", "unknown_kind", "unknown_level", "unknown_phase", "verdict_missing",
]  # fmt: skip
"""Refused by pages, about their own forms."""

ApiCode = Literal[
    "access_denied", "authorization_pending", "excluded_from_rejection", "expired_token", "slow_down",
    "unknown_system_test",
    "unknown_verification",
]  # fmt: skip
"""Refused by the API, about its own requests. The terminal, which is a client of it, gets these too."""

TerminalCode = Literal[
    "no_stack",
]  # fmt: skip
"""Refused on this machine, before any server is asked."""

RefusalCode = CommonCode | PageCode | ApiCode | TerminalCode
