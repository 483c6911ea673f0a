"""One run as the API answers it: `documents.run` with a type and a word for each part."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from orchestrator.documents.preview import PreviewPerson
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.exception_rule import Repair
from orchestrator.domain.run.status import RunStatus
from orchestrator.web.api.schema.description import ResponseModel

SearchWord = Literal["matched", "none", "ambiguous", "weak", "failed"]


class Person(PreviewPerson, ResponseModel):
    """Whom a run is about, as HR said when it was asked for."""


class Summary(ResponseModel):
    """How many of each."""

    steps: int = 0
    final: int = Field(0, description="Steps that are over, however they ended")
    verified: int = 0
    attested: int = 0
    skipped: int = 0
    open_gates: int = 0
    open_tasks: int = 0
    open_exceptions: int = 0


class Account(ResponseModel):
    account_id: str = Field(description="Opaque; the same each time the account is found")
    label: str | None = Field(None, description="What the system calls it")
    active: bool | None = None
    privileged: bool | None = None
    attributes: dict[str, str] = Field({}, description="What the system shows of it")


class SystemInRun(ResponseModel):
    system: str
    outcome: SearchWord = Field(description="What it said to the question which accounts are theirs")
    settled: bool = Field(description="Whether a person said which accounts are theirs")
    matched_on: str | None
    accounts: list[Account] | None = Field(description="Null while it is a question which are theirs")
    candidates: list[Account]
    answered_at: datetime | None
    failing_since: datetime | None
    code: str | None


class StepInRun(ResponseModel):
    step_id: str
    name: str
    title: str
    system: str | None
    account: Account | None
    level: Level
    reversible: Literal["no", "yes", "limited"]
    task_for: str | None = Field(description="The role that does it, where it is work for a person")
    gate: str | None
    needs: list[str] = Field(description="Names of steps that come first")
    due_at: datetime | None
    status: str = Field(
        description="`planned`, `started`, `retrying`, `failed`, `unknown`, `verified`, `attested`, `skipped` or "
        "`withheld`"
    )
    attempt: int
    generation: int
    waits_for: str | None = Field(description="What stands in its way")
    waits_until: datetime | None
    code: str | None
    changed_at: datetime | None
    evidence: dict[str, Any] | None = Field(description="What was read back, or what a person said")


class StepAtGate(ResponseModel):
    step_id: str
    name: str
    title: str
    digest: str
    excluded: bool


class Vote(ResponseModel):
    by: str
    on_behalf_of: str | None = Field(None, description="The account whose decisions were delegated to this one")
    verdict: Literal["approve", "reject"]
    at: datetime
    reason: str | None


class GateInRun(ResponseModel):
    gate_id: str
    gate: str = Field(description="Its name in the packet")
    state: str = Field(description="`open`, `approved`, `rejected` or `withdrawn`")
    roles: list[str]
    quorum: int
    decide_by: datetime
    valid_until: datetime
    opened_at: datetime
    decided_at: datetime | None
    escalated_to: list[str]
    steps: list[StepAtGate]
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
    candidates: list[Account] = Field(description="The accounts among which somebody has to choose")
    remedy: str = Field(description="What people can do about it")
    repairs: list[Repair] = Field(default=[], description="The kinds of commands that make sense, the usual one first")


class Embargo(ResponseModel):
    """Until then the run exists for those named only. After it, it is as any other."""

    until: datetime
    named: list[str] = Field(description="Accounts, by their ids")


class RunHeader(ResponseModel):
    run_id: str = Field(examples=["r4be8a7a1f1c2d3e4"])
    person: Person | None = Field(description="Null once the person is erased")
    state: RunStatus
    packet: str
    packet_version: str
    phase: str = Field(description="The packet's when the run started")
    cutoff: datetime
    zone: str = Field(description="The IANA name in which the cutoff was given")
    local_cutoff: str | None = Field(description="As it was given, with its offset; null for an urgent start")
    urgent: bool
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    held: bool
    embargo: Embargo | None
    version: int = Field(description="How many events it has")
    summary: Summary


class EventInRun(ResponseModel):
    version: int = Field(description="Its place in the run; the first is 1")
    at: datetime
    type: str = Field(examples=["GateVoted"])
    hash: str | None = Field(description="The event's leaf hash, hex")
    data: dict[str, Any] = Field(description="The event's own fields")


class WholeRun(RunHeader):
    access_gone_at: datetime | None = Field(description="When the last step that cuts access was done")
    access_gone_within: timedelta = Field(description="What the packet promises, counted from the cutoff")
    systems: list[SystemInRun]
    steps: list[StepInRun] = Field(description="In the order of the plan")
    gates: list[GateInRun]
    tasks: list[TaskInRun]
    exceptions: list[ExceptionInRun]
    holds: list[str] = Field(description="Which of its systems are held; `*`: all")
    events: list[EventInRun] | None = Field(None, description="Where they were asked for; else `/events` has them")


class RunInList(ResponseModel):
    run_id: str
    person: Person | None
    state: RunStatus
    packet: str
    packet_version: str
    cutoff: datetime
    zone: str
    urgent: bool
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    due_at: datetime | None = Field(description="The next date by which somebody has to do something")
    version: int
    summary: Summary


class RunCounts(ResponseModel):
    """How many runs there are under the filter, whatever their state; of those that whoever asks sees."""

    open: int
    finished: int
    by_state: dict[str, int]


class Runs(ResponseModel):
    runs: list[RunInList]
    after: str | None = Field(description="Give it as `after` for the next page; null on the last")
    now: datetime
    counts: RunCounts | None = Field(None, description="Where they were asked for")


class RunStanding(ResponseModel):
    """What a command came to."""

    run_id: str
    version: int = Field(description="How many events the run has after it")
    events: int = Field(description="How many of them this caused; 0 where it was so already")
    carried_on: bool = Field(description="False where Temporal could not be reached: it is carried on later")


class Receipt(ResponseModel):
    """A request that was received and is looked at by others. It says nothing about what there is."""

    message: str
