"""What a run is: a fold over its events. Pure and without a clock; `at` is when the ledger recorded the event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import Any, Literal

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.plan import PlannedStep, tells_the_cutoff
from orchestrator.domain.run.parts import (
    FINAL,
    LONG_AGO,
    Approval,
    ExceptionState,
    GateState,
    SearchState,
    StepState,
    StepStatus,
    TaskState,
)

__all__ = [
    "FINAL",
    "LONG_AGO",
    "Approval",
    "ExceptionState",
    "GateState",
    "RunState",
    "SearchState",
    "StepState",
    "StepStatus",
    "TaskState",
    "fold",
    "same_accounts",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunState:
    version: int = 0
    request: e.RunRequested | None = None
    requested_at: datetime = LONG_AGO
    cutoff: datetime = LONG_AGO
    zone: str = "UTC"
    local_cutoff: str = ""
    planned_on: Mapping[str, e.SystemSearched] = field(default_factory=dict)
    searches: Mapping[str, SearchState] = field(default_factory=dict)
    settled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beforehand: Mapping[str, e.MatchSettledBeforehand] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    changed_systems: frozenset[str] = frozenset()
    plan_wanted_since: datetime = LONG_AGO
    plan_stale: bool = True
    revision: int = 0
    first_planned_at: datetime | None = None
    planned_at: datetime | None = None
    steps: Mapping[str, PlannedStep] = field(default_factory=dict)
    remembered: Mapping[str, StepState] = field(default_factory=dict)
    open_steps: frozenset[str] = frozenset()
    states: Mapping[str, StepState] = field(default_factory=dict)
    gates: Mapping[str, GateState] = field(default_factory=dict)
    approved: Mapping[str, Approval] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    exceptions: Mapping[str, ExceptionState] = field(default_factory=dict)
    held: bool = False
    embargo_until: datetime | None = None
    named: tuple[str, ...] = ()
    second_requests: tuple[tuple[e.SecondRequestReceived, int], ...] = ()
    finish: Literal["clean", "with_exceptions", "shadow", "ended"] | None = None
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.finish is not None

    @property
    def asked(self) -> e.RunRequested:
        assert self.request is not None, "a run's first event is RunRequested"
        return self.request

    @property
    def run_id(self) -> str:
        return self.asked.run_id

    @property
    def urgent(self) -> bool:
        return self.asked.urgent

    def exists_for(self, actor_id: str, now: datetime) -> bool:
        """Under an embargo a run exists for those only whom it names."""
        return self.embargo_until is None or now >= self.embargo_until or actor_id in self.named

    def accounts_of(self, system: str) -> tuple[str, ...] | None:
        """The accounts a person or an exact match said are theirs; None while that is an open question."""
        if system in self.settled:
            return self.settled[system]
        found = self.planned_on.get(system)
        return found.accounts if found is not None and found.outcome == "matched" else None

    def approval_of(self, step: PlannedStep, now: datetime) -> Approval | None:
        """The decision that lets this step be done, while it holds."""
        approval = self.approved.get(step.digest)
        return approval if approval is not None and approval.holds(self.cutoff, now) else None

    def wants_plan_from(self, system: str) -> bool:
        """Whether the system has not answered since a plan was last wanted."""
        look = self.searches.get(system)
        return look is None or look.at is None or look.at < self.plan_wanted_since

    def open_exceptions(self) -> list[ExceptionState]:
        return [exception for exception in self.exceptions.values() if exception.open]

    def goes_before_gates(self, step: PlannedStep) -> bool:
        """An urgent run starts at once with what cuts access and can be taken back."""
        return self.urgent and step.cuts_access and step.reversible != "no" and not (step.is_task or step.uncertain)


def fold(state: RunState, event: Event, at: datetime) -> RunState:
    """The state after one more event. Total: every event that was ever accepted can be folded."""
    return replace(_apply(event, state, at), version=state.version + 1)


@singledispatch
def _apply(event: Event, state: RunState, at: datetime) -> RunState:
    raise TypeError(f"{event.type_name()} is not an event of a run")


@_apply.register
def _(event: e.RunRequested, state: RunState, at: datetime) -> RunState:
    return replace(
        state,
        request=event, requested_at=at, plan_wanted_since=at,
        cutoff=event.cutoff, zone=event.zone, local_cutoff=event.local_cutoff,
        embargo_until=event.embargo_until, named=event.named,
    )  # fmt: skip


@_apply.register
def _(event: e.EmbargoChanged, state: RunState, at: datetime) -> RunState:
    return replace(state, embargo_until=event.until, named=event.named)


@_apply.register
def _(event: e.SecondRequestReceived, state: RunState, at: datetime) -> RunState:
    return replace(state, second_requests=(*state.second_requests, (event, state.version + 1)))


@_apply.register
def _(event: e.AccountsSearched, state: RunState, at: datetime) -> RunState:
    searches, planned_on, settled = dict(state.searches), dict(state.planned_on), dict(state.settled)
    beforehand = dict(state.beforehand)
    stale, changed_systems = state.plan_stale, set(state.changed_systems)
    for result in event.results:
        before = searches.get(result.system)
        if result.outcome == "failed":
            failures = (before.failures if before else 0) + 1
            since = before.failing_since if before and before.failing_since else at
            known = before.result if before else result
            searches[result.system] = SearchState(
                known, before.at if before else None, at, since, failures, result.code
            )
            continue
        searches[result.system] = SearchState(result, at, at)
        same = same_accounts(planned_on.get(result.system), result)
        if same or result.purpose == "plan":
            changed_systems.discard(result.system)
        else:
            changed_systems.add(result.system)
        if result.purpose == "plan" and not same:
            # An answer to "which of these?" holds only for the candidates that were asked about.
            settled.pop(result.system, None)
            planned_on[result.system] = result
            stale = True
            if (said := beforehand.get(result.system)) is not None and not same_accounts(said.seen, result):
                del beforehand[result.system]
    return replace(
        state,
        searches=searches, planned_on=planned_on, settled=settled, beforehand=beforehand, plan_stale=stale,
        changed_systems=frozenset(changed_systems), details={**state.details, **(event.details or {})},
    )  # fmt: skip


def same_accounts(one: e.SystemSearched | None, other: e.SystemSearched) -> bool:
    return one is not None and (
        (one.outcome, set(one.accounts), set(one.candidates))
        == (other.outcome, set(other.accounts), set(other.candidates))
    )


@_apply.register
def _(event: e.MatchSettled, state: RunState, at: datetime) -> RunState:
    rest = {system: said for system, said in state.beforehand.items() if system != event.system}
    settled = {**state.settled, event.system: event.accounts}
    return replace(state, settled=settled, beforehand=rest, plan_stale=True)


@_apply.register
def _(event: e.MatchSettledBeforehand, state: RunState, at: datetime) -> RunState:
    return replace(state, beforehand={**state.beforehand, event.system: event})


@_apply.register
def _(event: e.PlanFrozen, state: RunState, at: datetime) -> RunState:
    steps = {step.step_id: step for step in event.steps}
    states = {}
    remembered = {**state.remembered, **state.states}
    for id_, step in steps.items():
        known = remembered.pop(id_, StepState())
        shadowed = state.asked.phase == "shadow" and Level(step.level) > Level.PREPARE
        states[id_] = replace(known, status="withheld") if shadowed else known
    # What was begun stays in the run's account of itself, whatever a later plan says.
    for id_, known in state.states.items():
        if id_ not in steps and known.attempt > 0:
            steps[id_], states[id_] = state.steps[id_], remembered.pop(id_)
    return replace(
        state,
        remembered=remembered,
        revision=event.revision, steps=steps, states=states, open_steps=frozenset(event.open_steps), plan_stale=False,
        first_planned_at=state.first_planned_at or at, planned_at=at,
    )  # fmt: skip


@_apply.register
def _(event: e.RunReplanned, state: RunState, at: datetime) -> RunState:
    return replace(state, plan_wanted_since=at, plan_stale=True, rejected={}, excluded={})


@_apply.register
def _(event: e.RunRescheduled, state: RunState, at: datetime) -> RunState:
    states = dict(state.states)
    for id_, step in state.steps.items():
        known = state.states[id_]
        told = known.status in ("verified", "attested") or known.may_have_taken_effect
        if told and step.repeat == "freely" and tells_the_cutoff(step):
            # A system was told a date that is no longer so, or is being told it: it is told again, as an effect of its
            # own, once nobody is in the middle of the old one.
            states[id_] = StepState(
                generation=known.generation + 1,
                lease_until=known.lease_until,
                settled_generation=known.settled_generation,
                changed_at=at,
            )
    return replace(state, cutoff=event.cutoff, zone=event.zone, local_cutoff=event.local_cutoff, states=states)


@_apply.register
def _(event: e.RunHeld, state: RunState, at: datetime) -> RunState:
    return replace(state, held=True)


@_apply.register
def _(event: e.RunReleased, state: RunState, at: datetime) -> RunState:
    return replace(state, held=False)


@_apply.register
def _(event: e.RunEnded, state: RunState, at: datetime) -> RunState:
    return replace(state, finish="ended", finished_at=at)


@_apply.register
def _(event: e.RunClosed, state: RunState, at: datetime) -> RunState:
    return replace(state, finish=event.outcome, finished_at=at)


@_apply.register
def _(event: e.GateOpened, state: RunState, at: datetime) -> RunState:
    return replace(state, gates={**state.gates, event.gate_id: GateState(event, at)})


@_apply.register
def _(event: e.GateVoted, state: RunState, at: datetime) -> RunState:
    gate = state.gates[event.gate_id]
    return _with_gate(state, event.gate_id, replace(gate, votes=(*gate.votes, (event, at))))


@_apply.register
def _(event: e.GateDecided, state: RunState, at: datetime) -> RunState:
    gate = state.gates[event.gate_id]
    state = _with_gate(state, event.gate_id, replace(gate, outcome=event.outcome, decided_at=at))
    # The latest decision about a digest is the only one: an older one never comes back to life.
    asked = set(gate.opened.digests)
    approved = {digest: known for digest, known in state.approved.items() if digest not in asked}
    excluded = {digest: known for digest, known in state.excluded.items() if digest not in asked}
    rejected = {digest: known for digest, known in state.rejected.items() if digest not in asked}
    if event.outcome == "rejected":
        rejected |= dict.fromkeys(gate.opened.digests, event.gate_id)
    else:
        approval = Approval(event.gate_id, event.rests_on or event.by, event.valid_until)
        approved |= dict.fromkeys(event.approved, approval)
        excluded |= dict.fromkeys(event.excluded, event.gate_id)
    return replace(state, approved=approved, excluded=excluded, rejected=rejected)


@_apply.register
def _(event: e.GateEscalated, state: RunState, at: datetime) -> RunState:
    gate = replace(state.gates[event.gate_id], escalated_at=at, escalated_to=event.roles)
    return _with_gate(state, event.gate_id, gate)


@_apply.register
def _(event: e.GateWithdrawn, state: RunState, at: datetime) -> RunState:
    return _with_gate(state, event.gate_id, replace(state.gates[event.gate_id], outcome="withdrawn", decided_at=at))


def _with_gate(state: RunState, gate_id: str, gate: GateState) -> RunState:
    return replace(state, gates={**state.gates, gate_id: gate})


def _with_step(state: RunState, step_id: str, at: datetime, **changes: Any) -> RunState:
    known = replace(state.states[step_id], changed_at=at, **changes)
    return replace(state, states={**state.states, step_id: known})


@_apply.register
def _(event: e.StepStarted, state: RunState, at: datetime) -> RunState:
    before = state.states[event.step_id]
    return _with_step(
        state, event.step_id, at,
        status="started", attempt=event.attempt, generation=event.generation, lease_until=event.lease_until,
        retry_at=None, may_have_taken_effect=True, first_started_at=before.first_started_at or at,
    )  # fmt: skip


def _done(state: RunState, event: e.StepVerified | e.StepAttested, status: StepStatus, at: datetime) -> RunState:
    return _with_step(
        state, event.step_id, at,
        status=status, lease_until=None, failing_since=None, code="", settled_generation=event.generation,
    )  # fmt: skip


@_apply.register
def _(event: e.StepVerified, state: RunState, at: datetime) -> RunState:
    return _done(state, event, "verified", at)


@_apply.register
def _(event: e.StepAttested, state: RunState, at: datetime) -> RunState:
    return _done(state, event, "attested", at)


@_apply.register
def _(event: e.StepAttemptFailed, state: RunState, at: datetime) -> RunState:
    before = state.states[event.step_id]
    return _with_step(
        state, event.step_id, at,
        status="retrying", lease_until=None, retry_at=event.retry_at, code=event.code,
        may_have_taken_effect=event.happened == "unknown", failing_since=before.failing_since or at,
    )  # fmt: skip


@_apply.register
def _(event: e.StepFailed, state: RunState, at: datetime) -> RunState:
    unknown = event.happened == "unknown"
    return _with_step(
        state, event.step_id, at,
        status="unknown" if unknown else "failed", lease_until=None, retry_at=None,
        may_have_taken_effect=unknown, code=event.code,
    )  # fmt: skip


@_apply.register
def _(event: e.StepRetryOrdered, state: RunState, at: datetime) -> RunState:
    before = state.states[event.step_id]
    anew = event.generation > before.generation
    return _with_step(
        state, event.step_id, at,
        status="retrying", generation=event.generation, retry_at=None, failing_since=None,
        ordered_by=event.on_behalf_of or event.by,
        may_have_taken_effect=before.may_have_taken_effect and not anew,
        first_started_at=None if anew else before.first_started_at,
    )  # fmt: skip


@_apply.register
def _(event: e.StepSkipped, state: RunState, at: datetime) -> RunState:
    return _with_step(state, event.step_id, at, status="skipped", lease_until=None, retry_at=None)


@_apply.register
def _(event: e.TaskOpened, state: RunState, at: datetime) -> RunState:
    return replace(state, tasks={**state.tasks, event.task_id: TaskState(event, at)})


@_apply.register
def _(event: e.TaskCompleted, state: RunState, at: datetime) -> RunState:
    task = replace(state.tasks[event.task_id], outcome=event.outcome, by=event.by)
    return replace(state, tasks={**state.tasks, event.task_id: task})


@_apply.register
def _(event: e.TaskWithdrawn, state: RunState, at: datetime) -> RunState:
    task = replace(state.tasks[event.task_id], outcome="withdrawn")
    return replace(state, tasks={**state.tasks, event.task_id: task})


@_apply.register
def _(event: e.ExceptionOpened, state: RunState, at: datetime) -> RunState:
    return replace(state, exceptions={**state.exceptions, event.exception_id: ExceptionState(event, at)})


@_apply.register
def _(event: e.ExceptionClosed, state: RunState, at: datetime) -> RunState:
    known = state.exceptions[event.exception_id]
    closed = replace(known, disposition=event.disposition, by=event.by, closed_at=at)
    return replace(state, exceptions={**state.exceptions, event.exception_id: closed})
