"""What can happen to a run, and (from `events_around.py`) to the person, holds and organisation around it. Past tense,
frozen.

Streams: `run:ID`, `person:ID`, `holds:SYSTEM` (and `holds:*`), `organisation`. The packet's own events are in
`packet_history.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from orchestrator.domain.events.event import Event, Personal
from orchestrator.domain.events.organisation_events import ActorRecorded as ActorRecorded
from orchestrator.domain.events.organisation_events import DecisionsDelegated as DecisionsDelegated
from orchestrator.domain.events.organisation_events import DelegationEnded as DelegationEnded
from orchestrator.domain.events.organisation_events import HoldPlaced as HoldPlaced
from orchestrator.domain.events.organisation_events import HoldReleased as HoldReleased
from orchestrator.domain.events.organisation_events import RolesRevoked as RolesRevoked
from orchestrator.domain.events.organisation_events import RunOpened as RunOpened
from orchestrator.domain.planning.plan import Frozen, PlannedStep

ExceptionKind = Literal[
    "ambiguous_match", "weak_match", "no_account", "search_failed", "accounts_changed",
    "gate_rejected", "excluded_from_approval", "step_failed", "step_failing", "outcome_unknown", "level_missing",
    "task_overdue", "urgent_review", "account_gone", "condition_unclear", "not_carried_out", "second_request",
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
    """`facts` are HR's words about the person (a `PersonFacts` as JSON). `local_cutoff` is the time as HR gave it.
    Until `embargo_until` the run exists for those `named` only, actors by their ids."""

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
    embargo_until: datetime | None = None
    named: tuple[str, ...] = ()
    facts: Personal[dict[str, Any]] = None
    reason: Personal[str] = None


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
    """A person said which accounts are theirs; none is an answer too. `beforehand` is whether they said so before the
    run began: a `MatchSettledBeforehand` that the run's own search has borne out."""

    system: str
    accounts: tuple[str, ...]
    by: str
    on_behalf_of: str | None = None
    beforehand: bool = False
    reason: Personal[str] = None


class MatchSettledBeforehand(Event):
    """Whoever asked for the run was shown by a preview what a system said (`seen`), and said which of its candidates
    are theirs; none is an answer too. It counts where the run's own search finds the very same, and nowhere else."""

    seen: SystemSearched
    accounts: tuple[str, ...]
    by: str
    on_behalf_of: str | None = None
    reason: Personal[str] = None

    @property
    def system(self) -> str:
        return self.seen.system


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
    on_behalf_of: str | None = None
    reason: Personal[str] = None


class RunRescheduled(Event):
    cutoff: datetime
    zone: str
    local_cutoff: str
    by: str


class EmbargoChanged(Event):
    """`until` None: the embargo is over, and the whole record is readable as any other."""

    until: datetime | None
    named: tuple[str, ...]
    by: str


class SecondRequestReceived(Event):
    """Somebody who does not see this run asked for the same person to be offboarded. They were told that it was
    received, and nothing else."""

    by: str
    requester_human: str | None = None
    packet: str
    cutoff: datetime
    zone: str
    local_cutoff: str
    urgent: bool = False
    reason: Personal[str] = None


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
    """`human` is the person behind the account as HR knows them; `managers` is the chain that was looked at.
    `on_behalf_of` is the account that delegated its decisions to this one, `for_human` the person behind it: the vote
    then rests on them, and counts for both as the one that each has."""

    gate_id: str
    by: str
    human: str
    roles: tuple[str, ...]
    managers: tuple[str, ...] = ()
    verdict: Literal["approve", "reject"]
    excluded: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    for_human: str | None = None
    reason: Personal[str] = None


class GateDecided(Event):
    """`rests_on` are the accounts whose levels the effects rest on: those who decided, or who delegated that to them.
    Empty where they are the same as `by`."""

    gate_id: str
    outcome: Literal["approved", "rejected"]
    approved: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    by: tuple[str, ...]
    rests_on: tuple[str, ...] = ()
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
    on_behalf_of: str | None = None
    reason: Personal[str] = None


class StepSkipped(Event):
    step_id: str
    by: str
    on_behalf_of: str | None = None
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
    on_behalf_of: str | None = None
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
    on_behalf_of: str | None = None
    reason: Personal[str] = None


RUN_EVENTS: tuple[type[Event], ...] = (
    RunRequested, MatchSettledBeforehand, AccountsSearched, MatchSettled, PlanFrozen, RunReplanned, RunRescheduled,
    RunHeld, RunReleased, RunEnded, RunClosed, GateOpened, GateVoted, GateDecided, GateEscalated, GateWithdrawn,
    StepStarted, StepVerified, StepAttested, StepAttemptFailed, StepFailed, StepRetryOrdered, StepSkipped, TaskOpened,
    TaskCompleted, TaskWithdrawn, ExceptionOpened, ExceptionClosed, EmbargoChanged, SecondRequestReceived,
)  # fmt: skip
SURROUNDING_EVENTS: tuple[type[Event], ...] = (
    RunOpened, HoldPlaced, HoldReleased, ActorRecorded, RolesRevoked, DecisionsDelegated, DelegationEnded,
)  # fmt: skip
