"""What people can do after a refusal, in words that fit every entry point: no options, no addresses, no page names.

The entry points' own tables (`web/pages/remedies.py`, `web/api/remedies.py`, `cli/terminal/remedies.py`) add what is
particular to them; `tests/structure/test_remedies.py` checks that each covers its codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator.domain.errors import Remedies

_REPEAT = "The decision stays. An operator can re-plan the run, which asks for approval again."
_CUTOFF = "Use the form 2026-11-30T17:00, with an IANA time zone such as Europe/Berlin."
FIRST_PACKET: Final = "Set {setting} for the worker to the packet that will be adopted first."
_SMALLER = "Make the file smaller; or keep it elsewhere and say where in the note."
_ASK_ROLE = "Ask a person who has one of these roles."

COMMON: Final[Remedies] = MappingProxyType(
    {
        "access_limited": "Sign in, or use a token with that level.",
        "address_not_allowed": "If it is intended, ask the administrator to add the address to OFFBOARD_WEBHOOK_HOSTS.",
        "already_signed": "No further signature of this owner is needed.",
        "already_voted": "An operator can re-plan the run, which asks for approval again.",
        "attachment_empty": "Attach a file with content.",
        "attachment_too_large": _SMALLER,
        "cutoff_in_gap": "Choose {before} or earlier, or {after} or later.",
        "cutoff_not_understood": _CUTOFF,
        "cutoff_offset_differs": "Leave the offset out, or name the time zone that it belongs to.",
        "cutoff_twice": "Choose one of them: {both}.",
        "cutoff_without_zone": _CUTOFF,
        "decided_one_by_one": "Decide about this gate alone.",
        "delegated_already": "End that delegation first, or choose another time.",
        "delegation_over": "Choose an end that is after the start and still to come.",
        "delegation_too_long": "End it by {latest}; you can delegate again later.",
        "embargo_lacks_people": "Name more people, or request the run without an embargo.",
        "embargo_over": "Choose an end that is still to come.",
        "engine_unavailable": "Try again in a moment; if this continues, contact the administrator.",
        "evidence_missing": "Add a note or attach a file.",
        "exception_closed": "Nothing more is needed.",
        "expression_invalid": "Correct the expression.",
        "file_erased": "The file can't be restored.",
        "gate_decided": _REPEAT,
        "gate_lapsed": "Look at the run: steps that still need approval are at a new gate.",
        "gate_withdrawn": "Look at the run: steps that still need approval are at another gate.",
        "has_left": "If that is wrong, contact HR.",
        "host_not_allowed": "Ask the administrator to add it to OFFBOARD_WEBHOOK_HOSTS.",
        "level_not_granted": (
            "Ask a person with the role {owner!r}, who owns platform.yaml, for a grant under `levels`{condition}. A "
            "run keeps the file that it started with, so the grant counts for new runs.",
            "Ask a person who may change it.",
        ),
        "no_local_sign_in": "Sign in with your account.",
        "no_next_phase": "Adopt the files as a new version to change the packet.",
        "no_packet_folder": "Name a folder with {file}.",
        "no_packets": "Name packets; leave the list out for all packets.",
        "no_provider": "Ask the administrator to set OFFBOARD_OIDC_ISSUER and its client.",
        "not_acceptable": "Use one of the repairs that the exception names.",
        "not_an_operator": "Ask an operator.",
        "not_an_owner": ("Name only your own packets: {packets}.", "Ask one of the owners."),
        "not_answered": "Try again. If this continues, check that a worker runs and that its systems can be reached.",
        "not_encrypted": "Give a URL that begins with https://.",
        "not_in_pilot": "Use a packet in production, or widen `pilot` in workflow.yaml.",
        "not_searched": "Wait until the system answers; the search is retried automatically.",
        "not_the_next_phase": "Continue with {following}.",
        "nothing_granted": "Ask a safety owner for a grant.",
        "nothing_left": "Reject the gate instead.",
        "one_person_signs_once": "Ask another person with that role to sign.",
        "only_people": "Ask a person to do it.",
        "only_people_decide": "Ask a person who has one of the gate's roles.",
        "only_people_delegate": "Sign in as yourself. If HR's record is not linked to your account, have it linked.",
        "only_people_govern": "Ask one of the packet's owners.",
        "own_colleague": "Choose a colleague.",
        "own_review": "Ask a colleague to review it.",
        "own_run": "Ask a colleague with the same role.",
        "packet_not_in_use": (
            "Have both owners sign it for shadow; until then, ask a person with the role {owners}.",
            "Choose a packet in shadow, pilot or production. Both owners sign a packet to move it.",
        ),
        "packet_renamed": "Keep the packet's name.",
        "packet_retired": "Adopt the files as a new version.",
        "packet_unreadable": "Check the permissions of the folder.",
        "person_erased": "Complete the task without files.",
        "reports_to_person": "Ask a person outside the reporting line.",
        "requester_never_decides": "Ask another person who has one of the gate's roles.",
        "role_missing": _ASK_ROLE,
        "role_of_others": "Ask the safety owner of a packet that names the role.",
        "role_of_people": "Choose a role that platform.yaml grants to services or assistants.",
        "run_finished": "If the person is leaving again, start a new run.",
        "settled_twice": "Give each question one answer.",
        "several_people": "Give the employee number or the work email address.",
        "several_runs": "Give more characters of the run's id.",
        "shown_for_another": "Preview this person's run, then answer.",
        "start_withdrawn": "Check whether the run was started; if not, start it again.",
        "step_not_open": "Nothing more is needed for a step that is done; a step in progress can't be skipped.",
        "task_done": "Nothing more is needed.",
        "token_lasts": "Choose a shorter time; create a new token before it expires.",
        "too_many_attachments": "Attach at most {most} files; put more into one archive.",
        "too_many_sign_ins": "Finish a sign-in that is under way, or try again in a few minutes.",
        "too_many_together": "Decide about fewer gates at once.",
        "too_many_uploads": "Complete the task with the uploaded files: at most {most}; put more into one archive. "
        "Unused files are deleted after a day.",
        "too_many_webhooks": "Disable one first.",
        "unknown_actor": ("Use one of: {known}.", "Name people who have signed in, by the ids of their accounts."),
        "unknown_colleague": "Choose a colleague who has signed in and whom HR knows.",
        "unknown_event_type": "Use one of: {known}.",
        "unknown_file": "Use a file that the evidence of the run names.",
        "unknown_item": "Look at the run as it is now.",
        "unknown_outcome": "Use done or not_done.",
        "unknown_person": "Give the employee number or the work email address.",
        "unknown_sort": "Use latest, cutoff or due.",
        "unknown_standing": "Use open, overdue, closed or all.",
        "unknown_starter": "Use one of: {known}.",
        "unknown_state": "Use one of: {known}.",
        "unknown_system": "Use one of: {known}, or * for all.",
        "unknown_to_hr": "Have HR's record linked to the account, then sign in again.",
        "unknown_zone": ("Did you mean {suggestion}?", "Use a zone of the IANA database, such as Europe/Berlin."),
        "url_not_understood": "Give https://HOST/PATH without user name, password or fragment.",
    }
)


def completed(own: Mapping[str, str | tuple[str, ...]]) -> Remedies:
    """An entry point's table: the common sentences, and its own in their place."""
    return MappingProxyType({**COMMON, **own})
