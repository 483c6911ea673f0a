"""The state of a run: a fold over its events. Pure and without a clock; `at` is when the ledger recorded the event.

    RunState ─┬─ accounts    searches, matches                    accounts.py
              ├─ plan        the steps to do                      plan.py
              ├─ decisions   gates, votes, approvals              decisions.py
              ├─ legal_holds what keeps data from destruction     legal_holds.py
              ├─ work        steps done, tasks, exceptions        work.py
              ├─ watch       checks after the close               watch.py
              └─ comparison  a dry run beside what people do      comparison.py

Each part has a fold of its own, which sees the whole run as it was before the event.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Final, Literal

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.accounts import AccountState, fold_accounts
from orchestrator.domain.run.comparison.comparison import ComparisonState, fold_comparison
from orchestrator.domain.run.decisions import Approval, DecisionState, fold_decisions
from orchestrator.domain.run.legal_holds import LegalHolds, fold_legal_holds
from orchestrator.domain.run.plan import PlanState, fold_plan
from orchestrator.domain.run.time import LONG_AGO
from orchestrator.domain.run.watch.watch import WatchState, fold_watch
from orchestrator.domain.run.work import BY_ONE_PERSON, WorkState, fold_work, is_about_selection

MAX_EMBARGO: Final = timedelta(days=365)
"""After the cutoff, or after the request if that is later. An embargo ends then at the latest."""
EMBARGO_ENDS_SOON: Final = timedelta(days=7)
"""How long before its end those whom an embargo names are reminded."""


@dataclass(frozen=True, slots=True)
class RunState:
    """`version` and `recorded_at` are those of the last event. `packet_version` is that of the request, or of the last
    re-plan that took another one. `made_urgent` is the event by which a scheduled run became an urgent one, with its
    time. `held_until` is when a pause ends automatically, None for one without an end. `moved_by` is the account that
    set the cutoff, where it is not the requester's; not known from events of versions that did not record repeated
    steps. `leaving_change` is the last change of HR's record, with its version. `reopened` is how often the run was
    opened again after it was closed. `replay` is the last replay, with its version. `workflow_problem`
    is what is wrong with the run's workflow in Temporal, with the version at which that was first recorded."""

    version: int = 0
    recorded_at: datetime = LONG_AGO
    request: e.RunRequested | None = None
    requested_at: datetime = LONG_AGO
    packet_version: str = ""
    cutoff: datetime = LONG_AGO
    zone: str = "UTC"
    local_cutoff: str = ""
    moved_by: str | None = None
    made_urgent: tuple[e.RunMadeUrgent, datetime] | None = None
    held: bool = False
    held_by: str = ""
    held_version: int = 0
    held_until: datetime | None = None
    embargo_until: datetime | None = None
    embargo_ended_at: datetime | None = None
    named: tuple[str, ...] = ()
    legal_holds: LegalHolds = ()
    second_requests: tuple[tuple[e.SecondRequestReceived, int], ...] = ()
    leaving_change: tuple[e.LeavingChanged, int] | None = None
    finish: Literal["clean", "with_exceptions", "shadow", "ended"] | None = None
    finished_at: datetime | None = None
    reopened: int = 0
    replay: tuple[e.ReplayRequested, int] | None = None
    workflow_problem: tuple[e.WorkflowCompared, int] | None = None
    accounts: AccountState = field(default_factory=AccountState)
    plan: PlanState = field(default_factory=PlanState)
    decisions: DecisionState = field(default_factory=DecisionState)
    work: WorkState = field(default_factory=WorkState)
    watch: WatchState = field(default_factory=WatchState)
    comparison: ComparisonState = field(default_factory=ComparisonState)

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
    def hr_leaving_at(self) -> datetime | None:
        """When the person leaves by HR's own record, as far as the run knows it."""
        return self.leaving_change[0].leaving_at if self.leaving_change is not None else self.asked.hr_leaving_at

    @property
    def urgent(self) -> bool:
        return self.asked.urgent or self.made_urgent is not None

    @property
    def requesters(self) -> tuple[tuple[str, str | None], ...]:
        """Who requested the run, and who made it urgent: accounts, each with the opaque id of the person behind it."""
        made = [(self.made_urgent[0].by, self.made_urgent[0].human)] if self.made_urgent is not None else []
        return ((self.asked.requested_by, self.asked.requester_human), *made)

    @property
    def legal_hold(self) -> bool:
        """Whether a legal hold is in force."""
        return any(hold.in_force for hold in self.legal_holds)

    @property
    def restores(self) -> str | None:
        """The run whose removals this one undoes; None for an offboarding."""
        return self.asked.restores

    @property
    def dry(self) -> bool:
        """Whether it only searches and plans: it takes no place of the person, and nothing follows from it."""
        return self.asked.phase == "shadow"

    @property
    def twin_of(self) -> str | None:
        """The run beside which this dry run is (`comparison/twins.py`); None for any other run."""
        return self.asked.twin_of

    @property
    def blind(self) -> bool:
        """Whether no one sees the run: those who remove access are not to know the plan of a twin before the systems
        were read a day after the cutoff."""
        return self.twin_of is not None and not self.comparison.day_read and self.finish in (None, "ended")

    def exists_for(self, actor_id: str, now: datetime) -> bool:
        """Under an embargo, only the named actors see the run. A twin is seen by no one while it is `blind`."""
        if self.blind:
            return False
        return self.embargo_until is None or now >= self.embargo_until or actor_id in self.named

    def approval_of(self, step: PlannedStep, now: datetime) -> Approval | None:
        """The decision that lets this step be done, while it holds."""
        approval = self.decisions.approved.get(step.digest)
        return approval if approval is not None and approval.holds(self.cutoff, now) else None

    def wants_plan_from(self, system: str) -> bool:
        """Whether the system has not answered since a plan was last wanted."""
        search = self.accounts.searches.get(system)
        return search is None or search.at is None or search.at < self.plan.wanted_since

    def goes_before_gates(self, step: PlannedStep) -> bool:
        """An urgent run starts at once with what cuts access and can be taken back; on an account that one person
        selected, once a second person has confirmed the selection. Until then the step has its gate. So has a step that
        the run got with a later packet version: the review of the urgent start can be over."""
        first = self.urgent and step.cuts_access and step.reversible != "no" and not (step.is_task or step.uncertain)
        added = self.plan.added.get(step.name) == step.system
        return first and not (added or self.selection_unconfirmed(step.system) or self._decided_before_urgent(step))

    def _decided_before_urgent(self, step: PlannedStep) -> bool:
        """Whether the run was made urgent after a person selected the step's account, or approvers refused the step.
        One person selects an account where approvers see it before the removal, and approvers keep their word."""
        if self.made_urgent is None:
            return False
        selected_at = self.accounts.settled_at.get(step.system) if step.system in self.accounts.settled else None
        refused = step.digest in self.decisions.excluded or step.digest in self.decisions.rejected
        return refused or (selected_at is not None and selected_at <= self.made_urgent[1])

    def is_done(self, step_id: str) -> bool:
        """Whether the step is verified or attested. One that removes access and that a person reports as done counts
        once a second person has confirmed that."""
        status = self.work.steps[step_id].status
        return status == "verified" or (
            status == "attested"
            and not any(
                known.opened.kind in BY_ONE_PERSON
                and known.opened.step_id == step_id
                and known.disposition in (None, "ended")
                for known in self.work.exceptions.values()
            )
        )

    def selection_unconfirmed(self, system: str) -> bool:
        """Whether a second person has yet to confirm which accounts on the system are the person's."""
        return any(is_about_selection(known.opened, system) for known in self.work.open_exceptions())


def fold(state: RunState, event: Event, at: datetime) -> RunState:
    """The state after one more event. Total: every event that was ever accepted can be folded. Raises `TypeError` for
    an event that is not one of a run's."""
    if type(event) not in _RUN_EVENTS:
        raise TypeError(f"{event.type_name()} is not an event of a run")
    return replace(
        _fold_run(event, state, at),
        version=state.version + 1,
        recorded_at=at,
        legal_holds=fold_legal_holds(event, state, at),
        accounts=fold_accounts(event, state, at),
        plan=fold_plan(event, state, at),
        decisions=fold_decisions(event, state, at),
        work=fold_work(event, state, at),
        watch=fold_watch(event, state, at),
        comparison=fold_comparison(event, state, at),
    )


_RUN_EVENTS = frozenset(e.RUN_EVENTS)


@singledispatch
def _fold_run(event: Event, state: RunState, at: datetime) -> RunState:
    """What concerns the run as a whole; unchanged for an event of one of its parts."""
    return state


@_fold_run.register(e.RunRequested)
def _(event: e.RunRequested, state: RunState, at: datetime) -> RunState:
    return replace(
        state,
        request=event,
        requested_at=at,
        packet_version=event.packet_version,
        cutoff=event.cutoff,
        zone=event.zone,
        local_cutoff=event.local_cutoff,
        embargo_until=_bounded(event.embargo_until, event.cutoff, at),
        named=event.named,
    )


@_fold_run.register(e.RunRescheduled)
def _(event: e.RunRescheduled, state: RunState, at: datetime) -> RunState:
    moved_by = event.by if event.repeated_steps is not None else state.moved_by
    return replace(
        state,
        cutoff=event.cutoff,
        zone=event.zone,
        local_cutoff=event.local_cutoff,
        moved_by=moved_by,
        embargo_until=_bounded(state.embargo_until, event.cutoff, state.requested_at),
    )


def _bounded(embargo_until: datetime | None, cutoff: datetime, requested_at: datetime) -> datetime | None:
    return None if embargo_until is None else min(embargo_until, max(cutoff, requested_at) + MAX_EMBARGO)


@_fold_run.register(e.EmbargoChanged)
def _(event: e.EmbargoChanged, state: RunState, at: datetime) -> RunState:
    ended_at = at if event.until is None else state.embargo_ended_at
    return replace(
        state,
        embargo_until=_bounded(event.until, state.cutoff, state.requested_at),
        named=event.named,
        embargo_ended_at=ended_at,
    )


@_fold_run.register(e.RunReplanned)
def _(event: e.RunReplanned, state: RunState, at: datetime) -> RunState:
    return replace(state, packet_version=event.packet_version or state.packet_version)


@_fold_run.register(e.SecondRequestReceived)
def _(event: e.SecondRequestReceived, state: RunState, at: datetime) -> RunState:
    return replace(state, second_requests=(*state.second_requests, (event, state.version + 1)))


@_fold_run.register(e.RunMadeUrgent)
def _(event: e.RunMadeUrgent, state: RunState, at: datetime) -> RunState:
    return replace(state, made_urgent=(event, at))


@_fold_run.register(e.LeavingChanged)
def _(event: e.LeavingChanged, state: RunState, at: datetime) -> RunState:
    return replace(state, leaving_change=(event, state.version + 1))


@_fold_run.register(e.RunHeld)
def _(event: e.RunHeld, state: RunState, at: datetime) -> RunState:
    return replace(state, held=True, held_by=event.by, held_version=state.version + 1, held_until=event.until)


@_fold_run.register(e.RunReleased)
def _(event: e.RunReleased, state: RunState, at: datetime) -> RunState:
    return replace(state, held=False, held_by="", held_version=0, held_until=None)


@_fold_run.register(e.ReplayRequested)
def _(event: e.ReplayRequested, state: RunState, at: datetime) -> RunState:
    replayed = replace(state, replay=(event, state.version + 1))
    if not event.reopens:
        return replayed
    return replace(replayed, finish=None, finished_at=None, reopened=state.reopened + 1)


@_fold_run.register(e.WorkflowCompared)
def _(event: e.WorkflowCompared, state: RunState, at: datetime) -> RunState:
    if not event.problem:
        return replace(state, workflow_problem=None)
    since = state.workflow_problem[1] if state.workflow_problem is not None else state.version + 1
    return replace(state, workflow_problem=(event, since))


@_fold_run.register(e.WorkflowRestarted)
def _(event: e.WorkflowRestarted, state: RunState, at: datetime) -> RunState:
    missing = state.workflow_problem is not None and state.workflow_problem[0].problem == "missing"
    return replace(state, workflow_problem=None) if missing else state


@_fold_run.register(e.RunEnded)
def _(event: e.RunEnded, state: RunState, at: datetime) -> RunState:
    return replace(state, finish="ended", finished_at=at)


@_fold_run.register(e.RunClosed)
def _(event: e.RunClosed, state: RunState, at: datetime) -> RunState:
    return replace(state, finish=event.outcome, finished_at=at)


@_fold_run.register(e.RunReopened)
def _(event: e.RunReopened, state: RunState, at: datetime) -> RunState:
    return replace(state, finish=None, finished_at=None, reopened=state.reopened + 1)
