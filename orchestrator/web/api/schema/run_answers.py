"""One run as the API answers it: `documents.runs.run` with a type and a word for each part."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from orchestrator.documents.runs.previews.preview import PreviewPerson
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.status import RunStatus
from orchestrator.web.api.schema.account_answers import AccountInRun
from orchestrator.web.api.schema.close_answers import CloseAtGate
from orchestrator.web.api.schema.closed_run_answers import (
    FailingCheckInRun,
    OutcomeInRun,
    WatchedStepInRun,
)
from orchestrator.web.api.schema.description import ResponseModel
from orchestrator.web.api.schema.exception_answers import ASSIGNED, BEHALF, REASON, SNOOZED, WAIVED, Comment, Waiver
from orchestrator.web.api.schema.restore_answers import StillRemovedInRun

SearchWord = Literal["matched", "none", "ambiguous", "weak", "failed"]


class PersonInRun(PreviewPerson, ResponseModel):
    """The person of a run, with HR's data at the time of the request."""


class Summary(ResponseModel):
    """Counts by state."""

    steps: int = 0
    final: int = Field(0, description="Steps that are finished with any result, skipped ones included")
    verified: int = 0
    attested: int = 0
    skipped: int = 0
    open_gates: int = 0
    open_tasks: int = 0
    open_exceptions: int = 0


class SystemInRun(ResponseModel):
    system: str
    outcome: SearchWord = Field(description="The result of the search for accounts")
    settled: bool = Field(description="Whether a person confirmed the match")
    matched_on: str | None
    accounts: list[AccountInRun] | None = Field(description="Null until the match is confirmed")
    candidates: list[AccountInRun]
    answered_at: datetime | None
    failing_since: datetime | None
    code: str | None


class StepEnded(ResponseModel):
    """What a step ended of sessions and tokens."""

    ended: list[str] = Field(
        description="`sessions`, `refresh_tokens`, `access_tokens`, `kerberos_tickets` or `application_sessions`, by "
        "the system's response"
    )
    not_possible: list[str] = Field(description="Those that the system offers no way to end")
    access_tokens: Literal["until", "not_known"] | None = Field(
        description="Whether access tokens or tickets that were issued before are accepted afterwards; null if none are"
    )
    access_tokens_until: datetime | None = Field(description="Until when they are accepted at most, if it is known")


class StepInRun(ResponseModel):
    step_id: str
    name: str
    title: str
    system: str | None
    account: AccountInRun | None
    level: Level
    reversible: Literal["no", "yes", "limited"]
    task_for: str | None = Field(description="The role that does a manual task")
    gate: str | None
    needs: list[str] = Field(description="Names of the steps it depends on")
    due_at: datetime | None
    status: str = Field(
        description="`planned`, `started`, `retrying`, `failed`, `unknown`, `verified`, `attested`, `skipped` or "
        "`withheld`"
    )
    attempt: int
    generation: int
    waits_for: str | None = Field(description="What the step waits for")
    waits_until: datetime | None
    code: str | None
    changed_at: datetime | None
    evidence: dict[str, Any] | None = Field(description="What was read back, or a person's evidence")
    changed: bool = Field(
        False,
        description="Whether the step has changed its system, or may have. Cancelling the run does not undo that",
    )
    legal_hold: Literal["waits", "may_have_happened", "done"] | None = Field(
        None,
        description="Of a step that destroys data, while a legal hold is in force: it waits; it was begun and may have "
        "taken effect; or it was completed before",
    )
    ended: StepEnded | None = Field(
        None, description="Of a completed step that removes access; null where nothing outlasts it or it is not done"
    )


class StepAtGate(ResponseModel):
    step_id: str
    name: str
    title: str
    digest: str
    excluded: bool
    reversible: Literal["no", "yes", "limited"]
    account: AccountInRun | None
    blocks: list[str] = Field(description="Titles of the steps that do not run either if this one is excluded")
    legal_hold: bool = Field(False, description="Whether a legal hold keeps it from running, also once it is approved")


class AccessFact(ResponseModel):
    """One thing that an account can do or has, as its system showed it."""

    name: str = Field(description="`groups`, `roles`, `admin`, `balance` and others, as the system calls it")
    values: list[str] = Field(description="Names, privileged ones first; at most 20")
    count: int | None = Field(description="How many there are; null for what is not a list")
    amount: str | None = Field(description="A sum of money, in units of the account's currency", examples=["585.70"])
    privileged: bool
    privileged_values: list[str]


class AccountAccess(ResponseModel):
    system: str
    account_id: str
    label: str | None
    facts: list[AccessFact]


class Vote(ResponseModel):
    by: str
    on_behalf_of: str | None = Field(None, description="The delegator's account, if a delegate acted")
    verdict: Literal["approve", "reject"]
    at: datetime
    reason: str | None


class GateInRun(ResponseModel):
    gate_id: str
    gate: str = Field(description="Its name in the packet")
    title: str = Field("", description="Its title in the packet")
    state: str = Field(description="`open`, `approved`, `rejected` or `withdrawn`")
    roles: list[str]
    quorum: int
    decide_by: datetime
    valid_until: datetime
    opened_at: datetime
    decided_at: datetime | None
    escalated_to: list[str]
    steps: list[StepAtGate]
    close: CloseAtGate | None = Field(
        None, description="What people sign at a gate of the close, which has no steps; null at a gate about steps"
    )
    access: list[AccountAccess] = Field(default=[], description="What the accounts can do, from the run's snapshots")
    can_decide: list[str] = Field(default=[], description="The accounts that can decide now, while it is open")
    skipped_hand_overs: list[str] = Field(
        default=[], description="Titles of hand-overs that were skipped before its steps"
    )
    votes: list[Vote]


class TaskInRun(ResponseModel):
    task_id: str
    kind: Literal["work", "confirm_outcome"]
    step_id: str
    step: str | None
    title: str | None
    instruction: str | None
    role: str
    state: str = Field(description="`open`, `done`, `not_done` or `withdrawn`")
    by: str | None
    may_take_effect_until: datetime | None = Field(
        None, description="Of a task that asks for an outcome: until then the call can still take effect"
    )
    opened_at: datetime
    due_at: datetime


class ExceptionInRun(ResponseModel):
    exception_id: str
    kind: str
    state: Literal["open", "closed"]
    owners: list[str]
    step_id: str | None
    step: str | None
    system: str | None
    gate_id: str | None
    code: str | None
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    disposition: str | None
    by: str | None
    assigned_to: str | None = Field(None, description=ASSIGNED)
    snoozed_until: datetime | None = Field(None, description=SNOOZED)
    waived_until: datetime | None = Field(None, description=WAIVED)
    waiver: Waiver | None = None
    comments: list[Comment] = Field([], description="The oldest first")
    reason: str | None = Field(None, description=REASON)
    on_behalf_of: str | None = Field(None, description=BEHALF)
    decision: Vote | None = Field(None, description="The vote that rejected the gate or excluded the step")
    candidates: list[AccountInRun] = Field(description="The possible accounts, of which a person selects")
    not_selected: list[str] = Field(
        default=[], description="The IDs of the candidates that were not selected, where a second person confirms that"
    )
    remedy: str = Field(description="How to resolve it")
    repairs: list[Repair] = Field(default=[], description="The commands that can resolve it, the usual one first")


class Embargo(ResponseModel):
    """Until then the run is visible only to the accounts named. Afterwards it is like any other run."""

    until: datetime
    named: list[str] = Field(description="Account IDs")


class LegalHoldInRun(ResponseModel):
    """While it is in force, no step that destroys data runs."""

    hold_id: str
    placed_by: str | None = Field(description="Null if the packet's condition placed it at the start")
    placed_at: datetime
    reason: str | None
    from_run: str | None = Field(description="The person's run before, from which it was carried over")
    lifted_by: str | None = Field(description="Null while it is in force")
    lifted_at: datetime | None
    lift_reason: str | None


class RunHeader(ResponseModel):
    run_id: str = Field(examples=["r4be8a7a1f1c2d3e4"])
    person: PersonInRun | None = Field(description="Null after erasure")
    state: RunStatus
    packet: str
    packet_version: str
    phase: str = Field(description="The phase of the packet's version when the run started; `shadow`: a dry run")
    cutoff: datetime
    zone: str = Field(description="The IANA time zone of the cutoff")
    local_cutoff: str | None = Field(description="As given, with its offset; null for an urgent start")
    urgent: bool
    requested_by: str
    requested_at: datetime
    reason: str | None = Field(None, description="Why the run was requested")
    finished_at: datetime | None
    held: bool
    held_until: datetime | None = Field(
        None, description="When a paused run resumes automatically; null for a pause without an end"
    )
    legal_hold: bool = Field(False, description="Whether a legal hold is in force")
    restores: str | None = Field(None, description="The run that this one restores; null for an offboarding")
    embargo: Embargo | None
    version: int = Field(description="The number of its events")
    summary: Summary


class EventInRun(ResponseModel):
    version: int = Field(description="Its position in the run, from 1")
    at: datetime
    type: str = Field(examples=["GateVoted"])
    hash: str | None = Field(description="The event's leaf hash, hex")
    data: dict[str, Any] = Field(description="The event's own fields")


class CheckInRun(ResponseModel):
    """What a system showed at a check after the close."""

    system: str
    day: int = Field(description="For which day after the close")
    at: datetime
    outcome: Literal["gone", "unknown", "access_found"] = Field(
        description="`gone`: no access was found. `unknown`: the system does not show that of every step. "
        "`access_found`: steps are not in effect any more, or accounts are new, active again or privileged"
    )
    steps: list[WatchedStepInRun]
    accounts: list[AccountInRun]
    unknown: list[WatchedStepInRun] = Field([], description="Steps whose effect the system does not show")


class WatchInRun(ResponseModel):
    """The checks after the close of the run."""

    since: datetime = Field(description="The close from which the days are counted")
    days: list[int]
    next_at: datetime | None = Field(description="When the next check is due; null if none follows")
    ended: Literal["employed_again", "later_run", "person_erased"] | None = Field(
        description="Why no further check follows"
    )
    checks: list[CheckInRun]
    failing: list[FailingCheckInRun]


class DutyInRun(ResponseModel):
    """What the leaver holds in Offboard itself until the cutoff."""

    kind: Literal["role", "packet_owner", "delegate", "delegator", "service", "assistant", "webhook"]
    name: str = Field(
        description="A role, a packet, the other account of a delegation, a program's account or a webhook"
    )
    passes_to: list[str] = Field(description="The accounts that have it after the cutoff")
    missing: bool = Field(description="Whether another person has to take it over before the cutoff")
    message: str


class WholeRun(RunHeader):
    production_version: str | None = Field(
        None,
        description="Of a dry run: the version of its packet that is in production now, if that is another one. An "
        "ordinary run would use it",
    )
    access_gone_at: datetime | None = Field(
        description="When access ends: the last step that removes access is completed, and the last token that was "
        "issued before has expired. In the future while tokens are accepted; null also if their lifetime is not known"
    )
    access_verified_at: datetime | None = Field(
        None, description="When the last step that removes access was completed"
    )
    tokens_unknown_on: list[str] = Field(
        [], description="Systems of which it is not known for how long they accept tokens that were issued before"
    )
    packet_version_in_use: str | None = Field(
        None,
        description="The newest version of the packet in the phase of the run's own version, or in a later one. A "
        "re-plan can take it if it covers further systems. Of a dry run, it can be in dry run too, unlike "
        "`production_version`",
    )
    access_gone_within: timedelta = Field(description="The packet's target, counted from the cutoff")
    outcomes: list[OutcomeInRun] = Field([], description="By system, in the order of the plan; empty for a dry run")
    systems: list[SystemInRun]
    steps: list[StepInRun] = Field(description="In the order of the plan")
    gates: list[GateInRun]
    tasks: list[TaskInRun]
    exceptions: list[ExceptionInRun]
    watch: WatchInRun | None = Field(None, description="The checks after the close; null before the first close")
    still_removed: list[StillRemovedInRun] = Field([], description="Of a restore: what it has not restored")
    holds: list[str] = Field(description="Its systems with paused changes; `*`: all")
    legal_holds: list[LegalHoldInRun] = Field([], description="In the order in which they were placed")
    duties: list[DutyInRun] = Field([], description="Empty once the run is finished, and in a dry run")
    events: list[EventInRun] | None = Field(None, description="If requested; also at `/events`")


class RunInList(ResponseModel):
    run_id: str
    person: PersonInRun | None
    state: RunStatus
    packet: str
    packet_version: str
    shadow: bool = Field(False, description="Whether it is a dry run")
    cutoff: datetime
    zone: str
    urgent: bool
    legal_hold: bool = Field(False, description="Whether a legal hold is in force")
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    due_at: datetime | None = Field(description="The earliest due date of its open items")
    version: int
    summary: Summary


class RunCounts(ResponseModel):
    """The number of runs under the filter, in any state, of those that the caller can see."""

    open: int
    finished: int
    by_state: dict[str, int]


class RunsPage(ResponseModel):
    runs: list[RunInList]
    after: str | None = Field(description="The value of `after` for the next page; null on the last")
    now: datetime
    counts: RunCounts | None = Field(None, description="If requested")


class RunStanding(ResponseModel):
    """The result of a command."""

    run_id: str
    version: int = Field(description="The number of events of the run afterwards")
    events: int = Field(description="The number of events that the command added; 0 if nothing changed")
    carried_on: bool = Field(description="False if Temporal could not be reached: the run continues later")


class Receipt(ResponseModel):
    """A request that was received and will be reviewed. It reveals nothing about existing runs."""

    message: str
