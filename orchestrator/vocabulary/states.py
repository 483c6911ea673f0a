"""The label of every state: one for each code, the same on pages, in the terminal and in mails.

A longer sentence may say more, and still uses the label. Labels begin with a capital letter;
`in_sentence` is for the middle of a sentence.

Over 400 lines: one table of words for each kind of state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from orchestrator.domain.organisation.roles import role_words

Vocabulary = Mapping[str, str]

RUN: Vocabulary = {
    "searching": "Finding accounts",
    "awaiting_decision": "Awaiting approval",
    "scheduled": "Scheduled",
    "in_progress": "In progress",
    "needs_attention": "Needs attention",
    "held": "Paused",
    "clean": "Completed",
    "with_exceptions": "Completed with exceptions",
    "shadow": "Completed (dry run)",
    "ended": "Cancelled",
    "open": "Open",
    "finished": "Finished",
}
"""`open` and `finished` are groups of states that lists filter by."""

SYSTEM_OUTCOME: Vocabulary = {
    "verified": "Verified",
    "attested": "Attested",
    "with_exceptions": "With exceptions",
}
"""How a run ended on a system."""

WATCH: Vocabulary = {
    "gone": "No access found",
    "unknown": "Not shown by the system",
    "access_found": "Access found",
    "failed": "Could not be checked",
}
"""What a check after the close of a run showed."""

WATCH_ENDED: Vocabulary = {
    "employed_again": "HR had the leaving, and now says that the person works here",
    "later_run": "the person has a later run",
    "person_erased": "the person's data was erased",
}
"""Why no further check follows."""

COMPARISON_READ: Vocabulary = {
    "plan": "When the plan was complete",
    "hour": "One hour after the cutoff",
    "day": "One day after the cutoff",
    "week": "Seven days after the cutoff",
}
"""When systems are read to compare a dry run with what people do."""

STEP_SHOWN: Vocabulary = {
    "done": "Done",
    "not_done": "Not done",
    "other_value": "Another value",
    "may_have_ended": "May have ended without a person",
    "unknown": "Not shown by the system",
}
"""What a system shows of a step that a dry run did not run."""

ACCOUNT_CHANGE: Vocabulary = {
    "account_gone": "Account deleted",
    "account_disabled": "Account disabled",
    "privilege_removed": "Administrator permission removed",
    "access_removed": "Access removed",
}
"""What people changed without a step of the plan."""

COMPARISON_RESULT: Vocabulary = {
    "done_before": "Done before",
    "agreed": "Also done by people",
    "unjudged": "Not judged",
    "plan_wrong": "Plan wrong",
    "wrong_account": "Wrong account",
    "people_missed": "Missed by people",
    "plan_missed": "Missing in the plan",
    "out_of_scope": "Not part of an offboarding",
    "not_compared": "Can't be compared",
    "not_read": "Not read yet",
}
"""How a step of a dry run, or a change without a step, compares with what people did, and how it was judged."""

STEP: Vocabulary = {
    "planned": "Planned",
    "started": "In progress",
    "retrying": "Retrying",
    "failed": "Failed",
    "unknown": "Outcome unknown",
    "verified": "Verified",
    "attested": "Attested",
    "skipped": "Skipped",
    "withheld": "Not run (dry run)",
}

REVERSIBLE: Vocabulary = {
    "no": "Cannot be undone",
    "yes": "Can be undone",
    "limited": "Can be undone for a limited time",
}

WAITS_FOR: Vocabulary = {
    "predecessors": "Waiting for earlier steps",
    "time": "Scheduled",
    "gate": "Awaiting approval",
    "another_attempt": "Retrying",
    "lease": "In progress",
    "hold": "Paused",
    "fresh_look": "Checking the account",
    "open_question": "Waiting for account match",
    "task": "Waiting for a task",
    "exception": "Blocked by an exception",
    "level": "Permission missing",
    "plan": "Waiting for a new plan",
    "legal_hold": "Kept by legal hold",
    "nothing": "Not run",
}
"""What a planned step waits for."""

UNDER_HOLD: Vocabulary = {
    "waits": "Kept by legal hold",
    "may_have_happened": "May already have happened",
    "done": "Completed before",
}
"""What became of a step that destroys data, while a legal hold is in force."""

GATE: Vocabulary = {
    "open": "Awaiting approval",
    "approved": "Approved",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
}

TASK: Vocabulary = {
    "open": "To do",
    "done": "Done",
    "not_done": "Not done",
    "withdrawn": "Withdrawn",
}


class _ExceptionTitles(Mapping[str, str]):
    """The title of every exception rule. The rules are imported at the first look-up: they import most of the domain
    and pydantic, which takes the command line longer than everything else it imports."""

    @cached_property
    def _titles(self) -> Vocabulary:
        from orchestrator.domain.exceptions.exceptions import RULES

        return {kind: rule.title for kind, rule in RULES.items()}

    def __getitem__(self, kind: str) -> str:
        return self._titles[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._titles)

    def __len__(self) -> int:
        return len(self._titles)


EXCEPTION: Vocabulary = _ExceptionTitles()

EXCEPTION_STATE: Vocabulary = {"open": "Open", "waived": "Waived until a date", "closed": "Closed"}

DISPOSITION: Vocabulary = {
    "settled": "Account match resolved",
    "retried": "Retried",
    "done_by_hand": "Done by hand",
    "skipped": "Step skipped",
    "replanned": "Re-planned",
    "accepted": "Accepted",
    "overcome": "Resolved automatically",
    "ended": "Run cancelled",
}
"""How an exception was closed."""

SEARCH: Vocabulary = {
    "matched": "Account found",
    "none": "No account",
    "ambiguous": "Several possible matches",
    "weak": "Possible match",
    "failed": "Could not be checked",
    "settled": "Confirmed by a person",
}
"""What the search for accounts on one system found."""

LEVEL: Vocabulary = {"read": "Read", "prepare": "Prepare", "stage": "Stage", "change": "Change"}

PHASE: Vocabulary = {
    "draft": "Draft",
    "shadow": "Dry run",
    "pilot": "Pilot",
    "production": "Production",
    "retired": "Retired",
}
"""Phases of a packet version."""

CHANGE_KIND: Vocabulary = {"wording": "Wording", "stricter": "Stricter", "laxer": "Laxer", "other": "Other"}
"""Kinds of changes between two versions of a packet."""

REPLAY: Vocabulary = {
    "read_back": "Read again",
    "repeat": "Repeated",
    "retry": "Retried",
    "none": "Nothing",
    "not_included": "Not included",
    "in_progress": "In progress, continues",
    "not_due": "Not started, continues as planned",
    "skipped": "Skipped by a person",
    "not_readable": "Can't be read again",
    "changes_nothing": "Changes nothing in the system",
    "never_repeated": "Must never run twice",
    "being_read": "Is being read again",
}
"""What a replay does about a step, or why it does nothing about it."""

RESTORE: Vocabulary = {
    "restore": "Restored",
    "task": "Task for a person",
    "none": "Nothing",
    "no_inverse": "Can't be undone by Offboard",
    "done_by_hand": "Done by a person",
    "outcome_unknown": "Outcome unknown",
    "record_in_hr": "HR's own record",
    "not_recorded": "What it removed is not recorded",
    "not_done": "Not done",
    "changes_nothing": "Changes nothing in the system",
    "signs_in_again": "The person signs in again",
    "inactive_before": "The account was not active before",
    "account_ended": "Another step ended the account permanently",
    "nothing_taken": "Removed nothing",
}
"""What a restore does about a step, or why Offboard does not restore it."""

DIFFERENCE: Vocabulary = {
    "match": "Match",
    "step_added": "Step added",
    "step_removed": "Step removed",
    "step_changed": "Step changed",
    "approval": "Approval",
    "permission": "Permission",
}
"""In what a run that is decided again differs from what was recorded."""

FAILURE: Vocabulary = {
    "effect_undone": "No longer in effect",
    "workflow_missing": "No workflow in Temporal",
    "workflow_failing": "Workflow fails each time",
    "workflow_late": "Workflow did not start what is due",
    "unreachable": "System not reachable",
    "connection_lost": "Connection lost",
    "deadline_over": "Timed out",
    "too_many_requests": "Rate limited",
    "rate_kept": "Waiting for the request limit",
    "account_deactivated": "Account deactivated",
    "account_archived": "Account archived",
    "role_not_recorded": "Role not recorded",
    "policy_not_recorded": "Policy not recorded",
    "uid_missing": "Entry without a user ID",
    "change_in_progress": "Waiting for another run's change",
    "legal_hold": "Legal hold placed just before the request",
    "lease_over": "Attempt ran out of time before its request",
    "not_reachable": "System not reachable",
    "own_network_only": "Checked only from the system's own network",
    "system_failed": "System error",
    "error_in_answer": "Rejected by the system",
    "refused": "Rejected by the system",
    "credential_refused": "Credentials rejected",
    "rights_missing": "Permissions missing",
    "answer_not_understood": "Unexpected response",
    "not_shown": "Change not visible in the system",
    "parameter_unknown": "Required value missing",
    "recipient_not_found": "New owner not found",
    "recipient_ambiguous": "Several possible new owners",
    "recipient_not_usable": "New owner cannot take over",
    "setting_missing": "Setting missing",
    "setting_invalid": "Invalid setting",
    "setting_unknown": "Unknown setting",
    "redirected": "Redirected to another address",
    "host_not_allowed": "Host not allowed by the packet",
    "certificate_refused": "Certificate not trusted",
    "not_encrypted": "Encryption not available",
    "answer_too_large": "Response too large",
    "connector_missing": "Connector not installed",
    "connector_not_installed": "Connector not installed",
    "connector_version": "Connector installed in another version",
    "connector_broken": "Connector cannot be loaded",
    "library_missing": "Library not installed",
    "not_an_hr_system": "Not an HR system",
    "account_needed": "Account required",
    "employed_again": "Employed again according to HR",
    "another_person": "Another person in HR",
    "account_gone": "Account no longer exists",
    "account_in_use": "Account still in use",
    "wrong_account": "Credential of another account",
    "wrong_instance": "Instance not shown to the credential",
    "provisioned_account": "Account of an identity provider",
    "assignment_not_deleted": "Assignment not deleted",
    "console_access_left": "Password for the console not deleted yet",
    "own_account": "Account that Offboard signs in with",
    "not_deactivated": "Account not deactivated yet",
    "not_revoked": "Sessions not revoked",
    "signs_in_elsewhere": "Guest signs in at another organisation",
    "group_cannot_be_left": "Member of groups that are managed elsewhere",
    "group_cannot_be_joined": "Not added to groups",
    "method_unknown": "Unknown kind of sign-in method",
    "manager_not_set": "Manager could not be set",
    "changed_meanwhile": "Changed by someone else meanwhile",
    "last_member": "Last member of the group",
    "member_by_group": "Member only by another group",
    "own_administrator": "Account that Offboard itself uses",
    "transfer_in_progress": "Transfer of data in progress",
    "application_missing": "No such application to transfer data of",
    "last_owner": "Only owner of the organisation",
    "primary_owner": "Primary owner cannot be removed",
    "other_team": "Credential of another workspace or organisation",
    "other_company": "User of another company",
    "not_a_person": "Not an account of a person",
    "group_filled_elsewhere": "Members of the group are managed elsewhere",
    "seat_by_team": "Seat assigned by a team",
    "parameter_invalid": "Invalid value",
    "parameter_missing": "Required value missing",
    "not_an_address": "Invalid mail address",
    "invalid_id": "Invalid account ID",
    "password_policy_missing": "No password policy in the directory",
    "lock_not_possible": "Accounts cannot be locked in the directory",
    "active_directory_unsupported": "Wrong connector for Active Directory",
    "not_active_directory": "Not Active Directory",
    "password_policy_refused": "Rejected by the directory's password policy",
    "unknown_ability": "Not supported by the connector",
    "unknown_attribute": "Unknown search attribute",
    "unknown_kind": "No connector of this kind",
    "not_found": "Not found in the system",
    "search_unproven": "Search results cannot be relied on",
    "list_incomplete": "Incomplete list",
    "fields_hidden": "Fields hidden from the credential",
    "not_listed": "Accounts cannot be listed",
    "no_match_value": "No value to search for",
    "groups_not_left": "Some groups could not be left",
    "not_all_removed": "Some could not be removed",
    "group_not_found": "Group not found",
    "nested_membership": "Member through another group",
    "ou_not_found": "Organisational unit not found",
    "name_taken": "Name already in use",
    "not_done": "Not done",
    "outcome_unknown": "Outcome unknown",
    "person_says_not_done": "Checked by a person: not done",
    "person_erased": "Personal data erased",
    "nobody_looked": "Not checked yet",
    "queue_unserved": "No worker serves this system",
    "ledger_error": "Ledger not available",
    "unexpected": "Unexpected error",
    "export_columns_incomplete": "Mapping of HR's export incomplete",
    "export_columns_missing": "Column missing in HR's export",
    "export_columns_twice": "Column title repeated in HR's export",
    "export_empty": "HR's export is empty",
    "export_encoding": "Encoding of HR's export not understood",
    "export_format": "Format of HR's export not valid",
    "export_incomplete": "End of HR's export missing",
    "export_quotation": "Quotation mark in HR's export not closed",
    "export_too_large": "HR's export too large",
    "people_file_missing": "No file from HR",
    "people_file_old": "File from HR is too old",
    "people_file_time": "File from HR is dated in the future",
    "people_file_not_complete": "File from HR not complete yet",
    "people_file_too_small": "File from HR has too few people",
    "people_file_unreadable": "File from HR cannot be opened",
    "person_unreadable": "Row in HR's export cannot be read",
}
"""Why an attempt or a check failed. Connectors may have codes that are not here."""


TEST_PART: Vocabulary = {
    "settings": "Settings",
    "dns": "Name",
    "tcp": "Connection",
    "tls": "Certificate",
    "credential": "Credential",
    "permissions": "Permissions",
    "person": "Person",
    "requests": "Requests",
}
"""The parts of a test of a system."""

TEST_OUTCOME: Vocabulary = {"passed": "Passed", "partly": "Partly", "failed": "Failed", "skipped": "Not tested"}


BATCH: Vocabulary = {
    "proposed": "Proposed",
    "awaiting_confirmation": "Awaiting confirmation",
    "running": "Starting runs",
    "held": "Paused",
    "cancelled": "Cancelled",
    "ended": "All runs started",
}
"""The status of a batch."""

BATCH_ROW: Vocabulary = {
    "waiting": "Not started yet",
    "started": "Run started",
    "received": "Request received, will be reviewed",
    "refused": "No run",
    "not_started": "Not started",
}
"""The status of one person of a batch."""

BATCH_WAITS_FOR: Vocabulary = {
    "start": "It starts no run before it is started.",
    "confirmation": "It starts runs once the safety owner has confirmed it.",
    "resume": "It is paused.",
    "limit": "A limit on starts is reached. Two people release it.",
}
"""What keeps a batch from starting runs."""

OWNERSHIP: Vocabulary = {
    "owned": "Owned by a person who works here",
    "left": "Of a person who has left",
    "ambiguous": "Possibly of one person or of several",
    "orphan": "Orphan: of no person whom HR knows",
    "service": "Expected service account",
}
"""Whose an account of a system is."""

HR_RECORD: Vocabulary = {
    "unreadable": "Cannot be read",
    "left_before": "Left before HR's records were first read, or long ago",
    "too_many": "Not started: too many new leavers in one list",
    "held": "Held by a limit on starts",
    "refused": "Not started",
    "changed_since": "Changed while it was read",
    "another_person": "ID of another person, who has a run",
    "date_changed": "Other leaving date than the run",
    "taken_back": "No leaving date any more",
}
"""Why a record of HR, or a run, waits for a person of HR."""

MISSING_LEAVERS = (
    "A person who is missing in a list takes no leaving back: their run stays open. Without a run, none starts until a "
    "list has the person."
)
"""What HR's feed does about leavers who were in the list before."""

SYSTEM_CLASS: Vocabulary = {
    "hr": "HR system",
    "directory": "directory",
    "identity_provider": "identity provider",
    "code_host": "code host",
    "chat": "chat",
    "mail": "mail",
    "documents": "documents",
    "cloud": "cloud",
    "database": "database",
    "finance": "finance",
    "sales": "sales",
    "support": "customer support",
    "password_manager": "password manager",
    "devices": "device management",
    "network": "network access",
    "building": "building access",
}
"""What a system is to the company, as words within a sentence."""


_SPELLED: Vocabulary = {
    "api": "API",
    "arn": "ARN",
    "aws": "AWS",
    "dn": "DN",
    "hr": "HR",
    "iam": "IAM",
    "id": "ID",
    "idp": "IdP",
    "ids": "IDs",
    "licenses": "licences",
    "mfa": "MFA",
    "oauth": "OAuth",
    "posix": "POSIX",
    "saml": "SAML",
    "scim": "SCIM",
    "ssh": "SSH",
    "sso": "SSO",
    "url": "URL",
    "vpn": "VPN",
}
"""Words of codes that are not written in lower case, or that vendors spell in another way."""

ACCESS_FACT: Vocabulary = {
    "admin": "Administrator",
    "alone": "Only member or manager",
    "copilot": "Copilot seat",
    "grants": "Apps that it gave access",
    "groups_by_groups": "Groups through groups",
    "installations_of_the_organisation": "Apps installed in the organisation",
    "methods": "Authentication methods",
    "owned": "Owned apps and groups",
    "reports": "Direct reports",
    "roles_and_units": "Roles and administrative units",
}
"""What an account has of one sort, by the name in its snapshot. Names that say it in words are not here."""


def label(code: object, vocabulary: Vocabulary) -> str:
    """The label of a code; a code that is not in the vocabulary in words."""
    name = str(getattr(code, "value", code))
    return vocabulary[name] if name in vocabulary else in_words(name)


def in_words(code: str) -> str:
    """`idp_groups`: `IdP groups`; a code without its underscores and with a capital letter."""
    return sentence_case(" ".join(_SPELLED.get(word, word) for word in code.replace("_", " ").split()))


def role_label(role: str) -> str:
    """`it_approver`: `IT approver`; `operator`: `Operator`."""
    return sentence_case(role_words(role))


def sentence_case(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def in_sentence(label: str) -> str:
    """A label in the middle of a sentence: `Safety owner` becomes `safety owner`, `IT approver` stays."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
