"""What can happen to a run, and to the person, holds and organisation around it. Past tense, frozen.

Streams: `run:ID`, `person:ID`, `holds:SYSTEM` (and `holds:*`), `organisation`. The packet's own events are in
`packet_history.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from orchestrator.domain.event import Event, Personal
from orchestrator.domain.plan import Frozen, PlannedStep

ExceptionKind = Literal[
    "ambiguous_match", "weak_match", "no_account", "search_failed", "accounts_changed",
    "gate_rejected", "excluded_from_approval", "step_failed", "step_failing", "outcome_unknown", "level_missing",
    "task_overdue", "urgent_review", "account_gone", "condition_unclear", "not_carried_out",
]  # fmt: skip

SearchOutcome = Literal["matched", "none", "ambiguous", "weak", "failed"]

QUESTION_OF: dict[str, ExceptionKind] = {"ambiguous": "ambiguous_match", "weak": "weak_match", "none": "no_account"}
"""What a system's answer asks of a person, where it does not say which account is theirs."""
MATCH_QUESTIONS: tuple[ExceptionKind, ...] = tuple(QUESTION_OF.values())
"""Exceptions that are over once a person has said whose the accounts on a system are."""


def run_stream(run_id: str) -> str:
    return f"run:{run_id}"


def person_stream(person_id: str) -> str:
    return f"person:{person_id}"


def holds_stream(system: str) -> str:
    return f"holds:{system}"


ORGANISATION = "organisation"
EVERYTHING = "*"

# The run: asked for, looked up, planned


class RunRequested(Event):
    """`facts` are HR's words about the person (a `PersonFacts` as JSON). `local_cutoff` is the time as HR gave it."""

    run_id: str
    person_id: str
    packet: str
    packet_version: str
    phase: str
    cutoff: datetime
    zone: str
    local_cutoff: str
    urgent: bool = False
    requested_by: str
    requester_human: str | None = None
    facts: Personal[dict[str, Any]] = None


class SystemSearched(Frozen):
    """What one system said to "which accounts are theirs?". `accounts` are the matched ones, `candidates` those that a
    person has to choose among. The look is made for a new plan, or to confirm the plan just before a change."""

    system: str
    purpose: Literal["plan", "confirm"]
    outcome: SearchOutcome
    accounts: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    matched_on: str = ""
    code: str = ""


class AccountsSearched(Event):
    """`details` maps an account's opaque id to what the system shows of it (a `FoundAccount` as JSON); `troubles` has
    the words of systems that failed."""

    results: tuple[SystemSearched, ...]
    details: Personal[dict[str, Any]] = None
    troubles: Personal[dict[str, str]] = None


class MatchSettled(Event):
    """A person said which accounts are theirs; none is an answer too."""

    system: str
    accounts: tuple[str, ...]
    by: str
    reason: Personal[str] = None


class PlanFrozen(Event):
    """`open_steps` are the packet's names of steps that could not be planned yet, because it is still a question
    which accounts on their system are theirs."""

    revision: int
    digest: str
    steps: tuple[PlannedStep, ...]
    open_steps: tuple[str, ...] = ()


class RunReplanned(Event):
    """Somebody asked for a new search and a new plan, after a rejection or a difference."""

    by: str
    reason: Personal[str] = None


class RunRescheduled(Event):
    cutoff: datetime
    zone: str
    local_cutoff: str
    by: str


class RunHeld(Event):
    by: str
    reason: Personal[str] = None


class RunReleased(Event):
    by: str


class RunEnded(Event):
    """Stopped before its end by a person: the leaving was called off, or the plan was refused for good."""

    by: str
    reason: Personal[str] = None


class RunClosed(Event):
    """Everything planned is final and nothing is open. `outcome` is `shadow` where nothing was to be changed."""

    outcome: Literal["clean", "with_exceptions", "shadow"]
    verified: int
    attested: int
    skipped: int


# Gates


class GateOpened(Event):
    gate_id: str
    gate: str
    digests: tuple[str, ...]
    roles: tuple[str, ...]
    quorum: int
    decide_by: datetime
    valid_until: datetime


class GateVoted(Event):
    """`human` is the person behind the account as HR knows them; `managers` is the chain that was looked at."""

    gate_id: str
    by: str
    human: str
    roles: tuple[str, ...]
    managers: tuple[str, ...] = ()
    verdict: Literal["approve", "reject"]
    excluded: tuple[str, ...] = ()
    reason: Personal[str] = None


class GateDecided(Event):
    gate_id: str
    outcome: Literal["approved", "rejected"]
    approved: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    by: tuple[str, ...]
    valid_until: datetime


class GateEscalated(Event):
    gate_id: str
    roles: tuple[str, ...]


class GateWithdrawn(Event):
    """None of the steps it was about needs a decision any more."""

    gate_id: str


# Steps


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
    """`generation` is the same again to settle an unknown outcome under the same effect key, one more to do it anew."""

    step_id: str
    generation: int
    by: str
    reason: Personal[str] = None


class StepSkipped(Event):
    step_id: str
    by: str
    reason: Personal[str] = None


# Tasks and exceptions


class TaskOpened(Event):
    task_id: str
    step_id: str
    kind: Literal["work", "confirm_outcome"]
    role: str
    due: datetime


class TaskCompleted(Event):
    task_id: str
    by: str
    outcome: Literal["done", "not_done"]
    evidence: Personal[dict[str, Any]] = None


class TaskWithdrawn(Event):
    """The step came to its end, or is tried again, without this task."""

    task_id: str


class ExceptionOpened(Event):
    """`code` is short and free of personal data; what was said about a person stands in the event that caused it."""

    exception_id: str
    kind: ExceptionKind
    owners: tuple[str, ...]
    due: datetime
    step_id: str | None = None
    system: str | None = None
    gate_id: str | None = None
    code: str = ""


class ExceptionClosed(Event):
    exception_id: str
    disposition: Literal["settled", "retried", "skipped", "replanned", "accepted", "overcome", "ended"]
    by: str = ""
    reason: Personal[str] = None


# Around the run


class RunOpened(Event):
    """In the person's stream: who has an open run finds a second one refused."""

    run_id: str


class HoldPlaced(Event):
    by: str
    reason: Personal[str] = None


class HoldReleased(Event):
    by: str


class ActorRecorded(Event):
    """Who acts here, as seen at sign-in: roles, the person HR knows behind the account, and everyone above them."""

    actor_id: str
    kind: Literal["person", "service", "assistant"]
    roles: tuple[str, ...]
    human: str | None = None
    managers: tuple[str, ...] = ()
    name: Personal[str] = None


class RolesRevoked(Event):
    actor_id: str
    roles: tuple[str, ...]
    by: str


RUN_EVENTS: tuple[type[Event], ...] = (
    RunRequested, AccountsSearched, MatchSettled, PlanFrozen, RunReplanned, RunRescheduled, RunHeld, RunReleased,
    RunEnded, RunClosed, GateOpened, GateVoted, GateDecided, GateEscalated, GateWithdrawn, StepStarted, StepVerified,
    StepAttested, StepAttemptFailed, StepFailed, StepRetryOrdered, StepSkipped, TaskOpened, TaskCompleted,
    TaskWithdrawn, ExceptionOpened, ExceptionClosed,
)  # fmt: skip
SURROUNDING_EVENTS: tuple[type[Event], ...] = (RunOpened, HoldPlaced, HoldReleased, ActorRecorded, RolesRevoked)
