"""The work of a run: steps, tasks and exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import field_validator

from orchestrator.domain.events.event import Event, Personal, added_later
from orchestrator.domain.planning.plan import Frozen

ExceptionKind = Literal[
    "ambiguous_match", "weak_match", "no_account", "search_failed", "accounts_changed",
    "gate_rejected", "excluded_from_approval", "step_failed", "step_failing", "outcome_unknown", "level_missing",
    "task_overdue", "urgent_review", "account_gone", "condition_unclear", "not_carried_out", "second_request",
    "connector_missing", "start_limit", "decider_missing", "reviewer_missing",
    "pause_unconfirmed", "left_behind", "service_without_owner", "access_kept",
    "role_without_holder", "legal_hold", "system_not_covered",
    "leaving_changed", "access_returned", "watch_failed",
    "workflow_stopped", "close_rejected", "close_overdue", "done_by_hand",
    "still_removed", "left_open",
]  # fmt: skip

_MERGED_KINDS: Final[Mapping[str, ExceptionKind]] = MappingProxyType({"effect_undone": "access_returned"})
"""Kinds of stored events that are read as another one: a replay and a check after the close find the same."""

QUESTION_OF: dict[str, ExceptionKind] = {"ambiguous": "ambiguous_match", "weak": "weak_match", "none": "no_account"}
"""What a system's answer asks of a person, where it does not say which account is theirs."""


class StepStarted(Event):
    """The intent: from here on the effect may have happened. `caused_by` are the actors whose levels were checked."""

    step_id: str
    generation: int
    attempt: int
    effect_key: str
    lease_until: datetime
    caused_by: tuple[str, ...]


class StepVerified(Event):
    step_id: str
    generation: int
    attempt: int
    evidence: Personal[dict[str, Any]] = None


class StepAttested(Event):
    """Done by the word of the system (`by` empty) or of a person, not by what was read back."""

    step_id: str
    generation: int
    attempt: int
    by: str = ""
    evidence: Personal[dict[str, Any]] = None


class StepDoneByHand(Event):
    """A person reports that a step which failed was done by hand. `read_back`: the system is read before that counts.
    Then `StepAttested` follows, unless the system shows that it was not done. `confirmed_by` are the roles of which a
    second person confirms the report; empty where none is needed."""

    step_id: str
    generation: int
    by: str
    read_back: bool
    confirmed_by: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    evidence: Personal[dict[str, Any]] = None


class StepAttemptFailed(Event):
    """One attempt did not work and another is due at `retry_at`."""

    step_id: str
    generation: int
    attempt: int
    code: str
    happened: Literal["no", "unknown"]
    retry_at: datetime
    detail: Personal[dict[str, Any]] = None


class StepFailed(Event):
    """Given up until a person acts. `happened` is `unknown` where the effect may stand all the same."""

    step_id: str
    generation: int
    attempt: int
    code: str
    happened: Literal["no", "unknown"]
    detail: Personal[dict[str, Any]] = None


class StepRetryOrdered(Event):
    """`generation` is unchanged to settle an unknown outcome under the same effect key, and one more to repeat.
    `digest` is what the step's gate asks about then, where the repeat needs a new approval."""

    step_id: str
    generation: int
    by: str
    on_behalf_of: str | None = None
    digest: str = added_later("")
    reason: Personal[str] = None


class StepSkipped(Event):
    step_id: str
    by: str
    on_behalf_of: str | None = None
    reason: Personal[str] = None


class TaskOpened(Event):
    task_id: str
    step_id: str
    kind: Literal["work", "confirm_outcome"]
    role: str
    due: datetime


class StoredFile(Frozen):
    """The row of a file in `ledger.files`, in clear, so that verification without keys finds a row that is missing or
    was changed. `stored` is the SHA-256 of the encrypted file in hexadecimal, `bytes` the size of its content."""

    stored: str
    media_type: str
    bytes: int
    stored_at: datetime


class TaskCompleted(Event):
    """`stored_files` are the files that the evidence names. Earlier versions did not record them."""

    task_id: str
    by: str
    outcome: Literal["done", "not_done"]
    on_behalf_of: str | None = None
    evidence: Personal[dict[str, Any]] = None
    stored_files: tuple[StoredFile, ...] = added_later(())


class TaskWithdrawn(Event):
    """The step came to its end, or is tried again, without this task."""

    task_id: str


class ExceptionOpened(Event):
    """`code` is short and free of personal data; what was said about a person is in the event that caused it."""

    exception_id: str
    kind: ExceptionKind
    owners: tuple[str, ...]
    due: datetime
    step_id: str | None = None
    system: str | None = None
    gate_id: str | None = None
    code: str = ""

    @field_validator("kind", mode="before")
    @classmethod
    def _as_merged(cls, kind: Any) -> Any:
        return _MERGED_KINDS.get(kind, kind)


class ExceptionAssigned(Event):
    """`to` is the account of the person who is to resolve it; empty where it goes back to its roles."""

    exception_id: str
    to: str
    by: str
    on_behalf_of: str | None = None
    reason: Personal[str] = None


class ExceptionSnoozed(Event):
    """Until then inboxes do not show it; None shows it again. Its due date stays as it is."""

    exception_id: str
    until: datetime | None
    by: str
    on_behalf_of: str | None = None
    reason: Personal[str] = None


class ExceptionCommented(Event):
    exception_id: str
    by: str
    text: Personal[str] = None


class ExceptionWaived(Event):
    """The problem is accepted until then. `compensating_control` is what protects the company until it is resolved."""

    exception_id: str
    until: datetime
    by: str
    on_behalf_of: str | None = None
    reason: Personal[str] = None
    compensating_control: Personal[str] = None


class ExceptionReopened(Event):
    """Its waiver has ended, and the problem is still there. `due` is its new due date."""

    exception_id: str
    due: datetime


class ExceptionClosed(Event):
    exception_id: str
    disposition: Literal["settled", "retried", "skipped", "replanned", "accepted", "overcome", "ended", "done_by_hand"]
    by: str = ""
    on_behalf_of: str | None = None
    reason: Personal[str] = None
