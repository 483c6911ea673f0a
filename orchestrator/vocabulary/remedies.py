"""What people can do after a refusal, in words that fit every entry point: no options, no addresses, no page names.

The entry points' own tables (`web/pages/remedies.py`, `web/api/remedies.py`, `cli/terminal/remedies.py`) add what is
particular to them; `tests/structure/test_remedies.py` checks that each covers its codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator.domain.errors import Remedies

_REPEAT = "The decision can't be changed. An operator can re-plan the run to request approval again."
_CUTOFF = "Use the format 2026-11-30T17:00, with an IANA time zone such as Europe/Berlin."
FIRST_PACKET: Final = "Set {setting} for the worker to the packet that will be adopted first."
_SMALLER = "Attach a smaller file; or store it elsewhere and give its location in the note."
_ASK_ROLE = "Ask a person with one of these roles."

COMMON: Final[Remedies] = MappingProxyType(
    {
        "access_limited": "Sign in, or use a token with that permission.",
        "address_differs": "Correct the address or the number in the list.",
        "address_not_allowed": "To allow it, ask the administrator to add the address to OFFBOARD_WEBHOOK_HOSTS.",
        "already_signed": "No further signature of this owner is needed.",
        "already_voted": "An operator can re-plan the run to request approval again.",
        "answered_by_itself": "Adopt a version with other files.",
        "assignee_unsuitable": "Assign another person.",
        "attachment_empty": "Attach a file with content.",
        "attachment_too_large": _SMALLER,
        "batch_count_differs": "Check the list. If {count} is right, start the batch with this number.",
        "batch_empty": "Correct the rows in HR and export the list again.",
        "batch_not_running": "Resume the batch, or wait until it is confirmed.",
        "batch_over": "Propose a new batch for the people who have no run.",
        "batch_too_large": "Split the list into batches of at most {limit} rows.",
        "comparing_already": "Wait until it is finished, then try again.",
        "comment_missing": "Enter the text of the comment.",
        "cutoff_implausible": "Check the year.",
        "cutoff_in_gap": "Choose {before} or earlier, or {after} or later.",
        "cutoff_not_understood": _CUTOFF,
        "cutoff_offset_differs": "Omit the offset, or give the time zone that it belongs to.",
        "cutoff_twice": "Choose {both}.",
        "cutoff_without_zone": _CUTOFF,
        "decided_one_by_one": "Approve this gate separately.",
        "decider_unsuitable": "Name another person.",
        "delegated_already": "End that delegation first, or choose another period.",
        "delegation_over": "Choose an end in the future, after the start.",
        "delegation_too_long": "Choose an end until {latest}; you can delegate again later.",
        "assistant_limited": "Wait a minute, then send fewer requests.",
        "assistant_stopped": "Ask a safety owner to resume it.",
        "deputy_of_service": "Create a new assistant instead.",
        "dry_run_follows": "Use the command on that run.",
        "dry_run_legal_hold": "Place it in the person's own run.",
        "dry_run_replay": "Start an ordinary run.",
        "dry_run_restore": "No action is needed.",
        "dry_run_urgent": "For an urgent start, start an ordinary run; for a dry run, give a cutoff.",
        "embargo_lacks_people": "Add more people, or start the run without an embargo.",
        "embargo_over": "Choose an end in the future.",
        "embargo_too_long": "Choose an end at {latest} or before.",
        "engine_unavailable": "Try again in a moment. If it fails again, contact the administrator.",
        "evidence_missing": "Add a note or attach a file.",
        "exception_closed": "No action is needed.",
        "expression_invalid": "Correct the expression.",
        "file_erased": "The file can't be restored.",
        "gate_decided": _REPEAT,
        "gate_lapsed": "View the run: steps that still need approval are at a new gate.",
        "gate_withdrawn": "View the run: steps that still need approval are at another gate.",
        "hand_over_needed": "Complete the hand-over; or skip {step} first, so that it does not run.",
        "has_left": "If this is wrong, contact HR.",
        "host_not_allowed": "Ask the administrator to add it to OFFBOARD_WEBHOOK_HOSTS.",
        "last_holder": (
            "Ask another person to confirm the held start {held_id}, then start it again.",
            "Give the role to another person first.",
        ),
        "legal_hold_lifted": "No action is needed.",
        "level_not_granted": (
            "Ask the owner of platform.yaml (role {owner!r}) to grant it under `levels`{condition}. Open runs keep the "
            "file that they started with, so the grant applies to new runs.",
            "Ask a person with more permissions.",
        ),
        "no_difference": "Judge one of the differences that the dry run lists.",
        "no_dry_run": "Start an ordinary run, or ask both owners to sign a version for the dry run phase (shadow).",
        "no_local_sign_in": "Sign in with your account.",
        "no_next_phase": "To change the packet, adopt its files as a new version.",
        "no_packet_folder": "Give a folder that contains {file}.",
        "no_packets": "Give at least one packet, or omit the list to include all packets.",
        "no_provider": "Ask the administrator to set OFFBOARD_OIDC_ISSUER and its client.",
        "not_acceptable": "Use one of the repairs that the exception lists.",
        "not_an_operator": "Ask an operator.",
        "file_of_other_owner": "Use the file of the version in production, or ask its owner to adopt the change first.",
        "not_an_owner": ("Select only packets that you own: {packets}.", "Ask one of the owners."),
        "not_answered": "Try again. If it fails again, check that a worker is running and can reach the systems.",
        "not_encrypted": "Use a URL that begins with https://.",
        "not_in_pilot": "Use a packet in production, or change the condition `pilot` in workflow.yaml.",
        "not_searched": "Wait for the search; it is retried automatically.",
        "not_the_next_phase": "Continue with {following}.",
        "nothing_granted": "Ask a safety owner for a permission.",
        "nothing_left": "Reject the gate instead.",
        "newer_run": "View the person's latest run.",
        "nothing_to_restore": "View the preview of the restore: it says why each step is left as it is.",
        "restore_cutoff": "Cancel the restore, or pause the run, if access must not be given yet.",
        "restore_exists": "View run {run_id}.",
        "restore_of_restore": "If access is to end again, start a new run.",
        "restore_outdated": "Preview the restore again.",
        "restore_urgent": "Ask the approvers of the restore to decide now.",
        "nothing_to_replay": "View the preview of the replay: it says why each step is left as it is.",
        "close_signed_once": "Ask another person with the gate's role.",
        "one_scope": "Give one of the two.",
        "one_person_signs_once": "Ask another person with that role to sign.",
        "open_runs_unanswered": "Choose whether they continue under this version or are paused.",
        "objected_already": "Withdraw your objection first if you want to state another reason.",
        "objection_open": "Ask the author to withdraw the objection, or adopt a new version that answers it.",
        "support_missing": "Add what is missing under `support` of the systems in platform.yaml, and adopt a new "
        "version.",
        "objection_withdrawn": "No answer is needed.",
        "not_your_objection": "Ask its author.",
        "unknown_objection": "Use an objection that the packet version lists.",
        "only_people": "Ask a person to do it.",
        "only_signatures": "Ask the people who sign the close to decide now.",
        "only_people_decide": "Ask a person with one of the gate's roles.",
        "only_people_delegate": "Sign in with your own account. If it is not linked to a person in HR, ask an "
        "administrator to link it.",
        "only_people_govern": "Ask one of the packet's owners.",
        "owner_unsuitable": "Name another person, who has signed in.",
        "own_colleague": "Choose a colleague.",
        "own_review": "Ask a colleague to review it.",
        "own_run": "Ask a colleague with the same role.",
        "packet_not_in_use": (
            "Ask both owners to sign it for the dry run phase (shadow). Until then, ask a person with the role "
            "{owners}.",
            "Choose a packet in the phase dry run (shadow), pilot or production. Both owners sign a packet to change "
            "its phase.",
        ),
        "packet_renamed": "Use the name of the packet.",
        "packet_retired": "Adopt the files as a new version.",
        "packet_unreadable": "Check the permissions of the folder.",
        "pause_end_past": "Give a later time.",
        "pause_too_long": "Give an earlier time. The pause can be extended before it ends.",
        "postpone_not_allowed": "Ask a person with one of these roles. A cutoff can be moved to an earlier time.",
        "person_erased": "Erased data can't be restored. A task can be completed without files.",
        "person_in_batch": "Cancel that batch, or remove the person from this list.",
        "person_in_use": "Complete or cancel the run, lift the legal hold, or wait; then try again.",
        "reports_to_person": "Ask a person outside the reporting line.",
        "requester_never_decides": "Ask another person with one of the gate's roles.",
        "role_missing": _ASK_ROLE,
        "role_of_others": "Ask the safety owner of a packet that uses the role.",
        "role_of_people": "Choose a role that platform.yaml grants to services or assistants.",
        "person_twice": "Keep one row of this person.",
        "row_done": "No action is needed.",
        "run_finished": "If the person leaves again later, start a new run.",
        "search_too_short": "Enter a name, an employee number, an account or the beginning of a run ID.",
        "second_person_needed": "Ask another person with one of these roles.",
        "settled_twice": "Give each question one answer.",
        "several_legal_holds": "Give the ID of one of them: {known}.",
        "several_people": "Use the work mail address or HR's ID. If their employee numbers differ only in case, spaces "
        "or form, correct one in HR.",
        "several_runs": "Give more characters of the run's ID.",
        "shown_for_another": "Preview this person's run, then answer.",
        "start_withdrawn": "Check whether the run was started; if not, start it again.",
        "starts_held": (
            "Ask another person to confirm the held start {held_id}, then start it again. Two people can release the "
            "limit {trip_id}.",
            "Ask the owners of the packet: two people can release the limit {trip_id}.",
        ),
        "step_not_open": "A completed step needs no action; wait until a step in progress is finished.",
        "task_done": "No action is needed.",
        "text_too_long": "Shorten the text to {most} characters.",
        "time_past": "Choose a time in the future.",
        "time_too_late": "Choose a time until {latest}.",
        "token_lasts": "Choose a shorter period, and create a new token before it expires.",
        "too_many_attachments": "Attach at most {most} files, or put them into one archive.",
        "too_many_dry_runs": "Try again later, or ask a packet owner to raise `per_requester` in approvals.yaml.",
        "too_many_inquiries": "Wait until a request is answered, then try again.",
        "too_many_keys": "Send fewer requests, or omit the key from requests that change nothing twice.",
        "too_many_searches": "Wait a minute, then search again.",
        "too_many_sign_ins": "Finish a pending sign-in, or try again in a few minutes.",
        "too_many_streams": "Close streams that are not used.",
        "too_many_together": "Select fewer of them.",
        "too_many_uploads": "Complete the task with the uploaded files, at most {most}; or put them into one archive. "
        "Unused files are deleted after a day.",
        "too_many_webhooks": "Disable one first.",
        "version_conflicts": "Wait until these steps are done, then re-plan; or, once what is approved is done, cancel "
        "the run and start it again.",
        "version_not_offered": "View the run: its exceptions name the systems and the packet version in use.",
        "unknown_actor": ("Use one of: {known}.", "Use the IDs of users who have signed in."),
        "unknown_batch": "View the list of batches for its ID.",
        "unknown_colleague": "Choose a colleague who has signed in and has a record in HR.",
        "unknown_difference": "Use the ID of a step or change that the dry run lists as a difference.",
        "unknown_event_type": "Use one of: {known}.",
        "unknown_file": "Use a file from the evidence of the run.",
        "unknown_held_start": "View the held starts. One that is older than a day has to be started again.",
        "unknown_item": "View the current state of the run.",
        "unknown_legal_hold": "Use the ID of a legal hold of this run.",
        "unknown_outcome": "Use done or not_done.",
        "unknown_person": "Use the employee number or the work mail address.",
        "unknown_sort": "Use latest, cutoff or due.",
        "unknown_standing": "Use open, overdue, closed or all.",
        "unknown_starter": "Use one of: {known}.",
        "unknown_state": "Use one of: {known}.",
        "unknown_system": "Use one of: {known}, or * for all.",
        "unknown_to_hr": "Ask an administrator to link your account to a person in HR, then sign in again.",
        "unknown_trip": "No action is needed if it was released already.",
        "unknown_verdict": "Use one of: {known}.",
        "unknown_zone": ("Did you mean {suggestion}?", "Use a zone of the IANA database, such as Europe/Berlin."),
        "url_not_understood": "Use https://HOST/PATH without user name, password or fragment.",
    }
)


def completed(own: Mapping[str, str | tuple[str, ...]]) -> Remedies:
    """An entry point's table: the common sentences, and its own in their place."""
    return MappingProxyType({**COMMON, **own})
