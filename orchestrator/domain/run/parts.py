"""What a run consists of: the state of its steps, gates, tasks and exceptions, and what systems said last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from orchestrator.domain import events as e

StepStatus = Literal[
    "planned", "started", "retrying", "failed", "unknown", "verified", "attested", "skipped", "withheld"
]
FINAL: frozenset[StepStatus] = frozenset({"verified", "attested", "skipped", "withheld"})
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StepState:
    """`first_started_at` and `may_have_taken_effect` are about the current generation: when it first started, and
    whether its effect may be in the system. `failing_since` is when the current series of failures began.
    `settled_generation` is the last generation with a result: a result is written once."""

    status: StepStatus = "planned"
    generation: int = 1
    attempt: int = 0
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    first_started_at: datetime | None = None
    failing_since: datetime | None = None
    may_have_taken_effect: bool = False
    ordered_by: str | None = None
    settled_generation: int = 0
    code: str = ""
    changed_at: datetime | None = None

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class GateState:
    opened: e.GateOpened
    opened_at: datetime
    votes: tuple[tuple[e.GateVoted, datetime], ...] = ()
    outcome: Literal["open", "approved", "rejected", "withdrawn"] = "open"
    decided_at: datetime | None = None
    escalated_at: datetime | None = None
    escalated_to: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.outcome == "open"

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.opened.roles) | frozenset(self.escalated_to)

    @property
    def voters(self) -> frozenset[str]:
        """The people whose one vote has been cast, by themselves or on their behalf."""
        humans = (human for vote, _ in self.votes for human in (vote.human, vote.for_human))
        return frozenset(human for human in humans if human is not None)

    def lapsed(self, cutoff: datetime, now: datetime) -> bool:
        """Whether a decision taken here would hold no longer: it is too late, or the cutoff moved beyond it."""
        return now >= self.opened.valid_until or cutoff > self.opened.valid_until


@dataclass(frozen=True, slots=True)
class Approval:
    """`by` are the accounts that it rests on."""

    gate_id: str
    by: tuple[str, ...]
    valid_until: datetime

    def holds(self, cutoff: datetime, now: datetime) -> bool:
        """A decision stands until its time is over, or the cutoff is moved beyond that."""
        return now < self.valid_until and cutoff <= self.valid_until


@dataclass(frozen=True, slots=True)
class TaskState:
    opened: e.TaskOpened
    opened_at: datetime
    outcome: Literal["open", "done", "not_done", "withdrawn"] = "open"
    by: str = ""

    @property
    def open(self) -> bool:
        return self.outcome == "open"


@dataclass(frozen=True, slots=True)
class ExceptionState:
    opened: e.ExceptionOpened
    opened_at: datetime
    disposition: str | None = None
    by: str = ""
    closed_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.disposition is None


@dataclass(frozen=True, slots=True)
class SearchState:
    """What one system said last. `at` is when it last answered; `failing_since` and `failures` count since then."""

    result: e.SystemSearched
    at: datetime | None = None
    tried_at: datetime = LONG_AGO
    failing_since: datetime | None = None
    failures: int = 0
    code: str = ""
