"""The events of runs, and of the people, holds and actors around them. Names are in the past tense; events are frozen.

Import the package as `e`: `from orchestrator.domain import events as e`. The modules follow the parts of a run's state
in `domain/run`: `lifecycle`, `accounts`, `plan`, `decisions`, `work`; `organisation`, `starts` and
`credentials` have the events outside of runs.
"""

from __future__ import annotations

from orchestrator.domain.events.accounts import (
    AccountsSearched,
    MatchSettled,
    MatchSettledBeforehand,
    SearchOutcome,
    SystemSearched,
)
from orchestrator.domain.events.credentials import (
    ServiceOwnersChanged,
    SessionsEnded,
    TokenMade,
    TokenRevoked,
    WebhookAdded,
    WebhookDisabled,
    WebhookSecretReplaced,
)
from orchestrator.domain.events.decisions import (
    DeciderNamed,
    GateDecided,
    GateEscalated,
    GateOpened,
    GateVoted,
    GateWithdrawn,
)
from orchestrator.domain.events.event import Event
from orchestrator.domain.events.lifecycle import (
    EmbargoChanged,
    LeavingChanged,
    LegalHoldLifted,
    LegalHoldPlaced,
    RunClosed,
    RunEnded,
    RunHeld,
    RunMadeUrgent,
    RunReleased,
    RunRequested,
    RunRescheduled,
    SecondRequestReceived,
)
from orchestrator.domain.events.organisation import (
    ActorRecorded,
    DecisionsDelegated,
    DelegationEnded,
    HoldPlaced,
    HoldReleased,
    RolesRevoked,
    RunOpened,
)
from orchestrator.domain.events.plan import PlanFrozen, RunReplanned
from orchestrator.domain.events.starts import (
    StartConfirmed,
    StartCounted,
    StartHeld,
    StartsReleaseApproved,
    StartsReleased,
    StartsScope,
    StartsTripped,
)
from orchestrator.domain.events.streams import (
    EVERYTHING,
    ORGANISATION,
    STARTS,
    holds_stream,
    person_stream,
    run_stream,
)
from orchestrator.domain.events.work import (
    QUESTION_OF,
    ExceptionClosed,
    ExceptionKind,
    ExceptionOpened,
    StepAttemptFailed,
    StepAttested,
    StepFailed,
    StepRetryOrdered,
    StepSkipped,
    StepStarted,
    StepVerified,
    StoredFile,
    TaskCompleted,
    TaskOpened,
    TaskWithdrawn,
)

RUN_EVENTS: tuple[type[Event], ...] = (
    RunRequested, MatchSettledBeforehand, AccountsSearched, MatchSettled, PlanFrozen, RunReplanned, RunRescheduled,
    RunHeld, RunReleased, RunEnded, RunClosed, GateOpened, GateVoted, GateDecided, GateEscalated, GateWithdrawn,
    StepStarted, StepVerified, StepAttested, StepAttemptFailed, StepFailed, StepRetryOrdered, StepSkipped, TaskOpened,
    TaskCompleted, TaskWithdrawn, ExceptionOpened, ExceptionClosed, EmbargoChanged, SecondRequestReceived,
    DeciderNamed, LegalHoldPlaced, LegalHoldLifted, LeavingChanged,
    RunMadeUrgent,
)  # fmt: skip
ORGANISATION_EVENTS: tuple[type[Event], ...] = (
    RunOpened, HoldPlaced, HoldReleased, ActorRecorded, RolesRevoked, DecisionsDelegated, DelegationEnded,
    StartCounted, StartsTripped, StartHeld, StartConfirmed, StartsReleaseApproved, StartsReleased,
    TokenMade, TokenRevoked, ServiceOwnersChanged, SessionsEnded, WebhookAdded, WebhookSecretReplaced, WebhookDisabled,
)  # fmt: skip

__all__ = [
    "EVERYTHING",
    "ORGANISATION",
    "ORGANISATION_EVENTS",
    "QUESTION_OF",
    "RUN_EVENTS",
    "STARTS",
    "AccountsSearched",
    "ActorRecorded",
    "DeciderNamed",
    "DecisionsDelegated",
    "DelegationEnded",
    "EmbargoChanged",
    "Event",
    "ExceptionClosed",
    "ExceptionKind",
    "ExceptionOpened",
    "GateDecided",
    "GateEscalated",
    "GateOpened",
    "GateVoted",
    "GateWithdrawn",
    "HoldPlaced",
    "HoldReleased",
    "LeavingChanged",
    "LegalHoldLifted",
    "LegalHoldPlaced",
    "MatchSettled",
    "MatchSettledBeforehand",
    "PlanFrozen",
    "RolesRevoked",
    "RunClosed",
    "RunEnded",
    "RunHeld",
    "RunMadeUrgent",
    "RunOpened",
    "RunReleased",
    "RunReplanned",
    "RunRequested",
    "RunRescheduled",
    "SearchOutcome",
    "SecondRequestReceived",
    "ServiceOwnersChanged",
    "SessionsEnded",
    "StartConfirmed",
    "StartCounted",
    "StartHeld",
    "StartsReleaseApproved",
    "StartsReleased",
    "StartsScope",
    "StartsTripped",
    "StepAttemptFailed",
    "StepAttested",
    "StepFailed",
    "StepRetryOrdered",
    "StepSkipped",
    "StepStarted",
    "StepVerified",
    "StoredFile",
    "SystemSearched",
    "TaskCompleted",
    "TaskOpened",
    "TaskWithdrawn",
    "TokenMade",
    "TokenRevoked",
    "WebhookAdded",
    "WebhookDisabled",
    "WebhookSecretReplaced",
    "holds_stream",
    "person_stream",
    "run_stream",
]
