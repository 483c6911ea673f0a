"""The work of a run: how far each step is, tasks for people, and exceptions.

Over 400 lines: one state with the fold of each of its events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Final, Literal

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.plan import PlannedStep, sends_cutoff, sent_cutoff_by_first_rule

if TYPE_CHECKING:
    from orchestrator.domain.run.run import RunState

StepStatus = Literal[
    "planned", "started", "retrying", "failed", "unknown", "verified", "attested", "skipped", "withheld"
]
FINAL: frozenset[StepStatus] = frozenset({"verified", "attested", "skipped", "withheld"})


UNDONE: Final = "effect_undone"
"""The code of a step whose effect its system does not show any more."""


@dataclass(frozen=True, slots=True)
class ReadingAgain:
    """A step that is done is read again. `failures` counts the readings that said nothing; the next is due at
    `retry_at`, or at once. `once`: for a comparison, which makes one reading and takes the step as it is where that
    says nothing."""

    since: datetime
    failures: int = 0
    retry_at: datetime | None = None
    once: bool = False


@dataclass(frozen=True, slots=True)
class StepState:
    """`first_started_at` and `may_have_taken_effect` are about the current generation: when it first started, and
    whether its effect may be in the system. `failing_since` is when the current series of failures began.
    `settled_generation` is the last generation with a result: a result is written once. `in_flight_until` is the end of
    the lease of the last attempt with an unknown outcome: until then its call may still take effect. `recorded` is
    what a step that only reads has read in its system: personal data, None once the person is erased. `skipped_by` is
    the account that skipped it last, `attested_by` the one whose word is its result: empty where it is the system's.
    While it is `reading_again`, its status is still that of its result. `read_at` is when it was last read
    again. `replies` are what the system replied to the attempts that took effect, the first one first: personal data.
    `reply_lost`: an attempt may have had effects that no reply names. `by_hand` is the report that it was done by hand,
    until the system was read."""

    status: StepStatus = "planned"
    generation: int = 1
    attempt: int = 0
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    first_started_at: datetime | None = None
    failing_since: datetime | None = None
    may_have_taken_effect: bool = False
    ordered_by: str | None = None
    skipped_by: str = ""
    attested_by: str = ""
    settled_generation: int = 0
    in_flight_until: datetime | None = None
    code: str = ""
    changed_at: datetime | None = None
    recorded: Mapping[str, Any] | None = field(default=None, repr=False)
    reading_again: ReadingAgain | None = None
    read_at: datetime | None = None
    replies: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    reply_lost: bool = False
    by_hand: e.StepDoneByHand | None = None

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def at_rest(self) -> bool:
        """Whether nothing more happens to it by the run: it is final, and is not being read again."""
        return self.final and self.reading_again is None


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
    """`closed`, `assigned` and `snoozed` are the last events of their kind; so is `waiver`, with the time at which it
    was recorded. `waived`: its end has not come yet. `moved_due` is the due date that a waiver or its end has set."""

    opened: e.ExceptionOpened
    opened_at: datetime
    disposition: str | None = None
    by: str = ""
    closed_at: datetime | None = None
    closed: e.ExceptionClosed | None = None
    assigned: e.ExceptionAssigned | None = None
    snoozed: e.ExceptionSnoozed | None = None
    waiver: tuple[e.ExceptionWaived, datetime] | None = None
    waived: bool = False
    moved_due: datetime | None = None
    reopened_at: datetime | None = None
    comments: tuple[tuple[e.ExceptionCommented, datetime], ...] = ()

    @property
    def open(self) -> bool:
        return self.disposition is None

    @property
    def due(self) -> datetime:
        return self.moved_due or self.opened.due

    @property
    def assigned_to(self) -> str:
        """The account of the person who is to resolve it; empty where its roles are."""
        return self.assigned.to if self.assigned is not None else ""

    @property
    def waived_until(self) -> datetime | None:
        return self.waiver[0].until if self.waived and self.waiver is not None else None

    @property
    def snoozed_until(self) -> datetime | None:
        return self.snoozed.until if self.snoozed is not None else None


BY_ONE_PERSON: Final = ("access_kept", "done_by_hand")
"""The kinds of exceptions in which a second person confirms what one person decided or reported."""


def is_about_selection(opened: e.ExceptionOpened, system: str) -> bool:
    """Whether the exception asks a second person which accounts on the system are the leaver's."""
    return opened.kind == "access_kept" and opened.step_id is None and opened.system == system


@dataclass(frozen=True, slots=True)
class WorkState:
    """`steps`, `tasks` and `exceptions` by ID. `remembered` are steps that the current plan does not have; if a later
    plan has one again, it continues from its last state."""

    steps: Mapping[str, StepState] = field(default_factory=dict)
    remembered: Mapping[str, StepState] = field(default_factory=dict)
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    exceptions: Mapping[str, ExceptionState] = field(default_factory=dict)

    def open_exceptions(self) -> list[ExceptionState]:
        return [exception for exception in self.exceptions.values() if exception.open]

    def with_step(self, step_id: str, at: datetime, **changes: Any) -> WorkState:
        return replace(self, steps={**self.steps, step_id: replace(self.steps[step_id], changed_at=at, **changes)})

    def with_task(self, task_id: str, task: TaskState) -> WorkState:
        return replace(self, tasks={**self.tasks, task_id: task})

    def with_exception(self, exception_id: str, exception: ExceptionState) -> WorkState:
        return replace(self, exceptions={**self.exceptions, exception_id: exception})


def steps_that_came_back(run: RunState) -> set[str | None]:
    """The ids of the steps that were done and are not in effect any more, as a check after the close or a replay
    found, while the exceptions about that are open."""
    return {known.opened.step_id for known in run.work.open_exceptions() if known.opened.kind == "access_returned"}


def steps_to_repeat(run: RunState) -> tuple[str, ...]:
    """The ids of the steps that are carried out again when the cutoff moves: a system has, or is being sent, a date
    that no longer holds."""
    return _sent_to_a_system(run, sends_cutoff)


def _sent_to_a_system(run: RunState, sends: Callable[[PlannedStep], bool]) -> tuple[str, ...]:
    return tuple(
        id_
        for id_, step in run.plan.steps.items()
        if step.repeat == "freely"
        and (run.work.steps[id_].status in ("verified", "attested") or run.work.steps[id_].may_have_taken_effect)
        and sends(step)
    )


@singledispatch
def fold_work(event: Event, run: RunState, at: datetime) -> WorkState:
    """The work after one more event; as before where the event is about another part of the run."""
    return run.work


@fold_work.register(e.PlanFrozen)
def _(event: e.PlanFrozen, run: RunState, at: datetime) -> WorkState:
    steps = {}
    remembered = {**run.work.remembered, **run.work.steps}
    for step in event.steps:
        known = remembered.pop(step.step_id, StepState())
        shadowed = run.asked.phase == "shadow" and Level(step.level) > Level.PREPARE
        steps[step.step_id] = replace(known, status="withheld") if shadowed else known
    # A step that was started stays in the run, whatever a later plan says.
    for id_, known in run.work.steps.items():
        if id_ not in steps and known.attempt > 0:
            steps[id_] = remembered.pop(id_)
    return replace(run.work, steps=steps, remembered=remembered)


@fold_work.register(e.RunRescheduled)
def _(event: e.RunRescheduled, run: RunState, at: datetime) -> WorkState:
    steps = dict(run.work.steps)
    repeated = event.repeated_steps
    if repeated is None:
        repeated = _sent_to_a_system(run, sent_cutoff_by_first_rule)
    for id_ in repeated:
        steps[id_] = _repeated(steps[id_], steps[id_].generation + 1, at)
    return replace(run.work, steps=steps)


def _repeated(known: StepState, generation: int, at: datetime) -> StepState:
    """An effect of its own, after any attempt that is still in progress."""
    return StepState(
        generation=generation,
        lease_until=known.lease_until,
        settled_generation=known.settled_generation,
        changed_at=at,
        recorded=known.recorded,
        replies=known.replies,
        reply_lost=known.reply_lost,
    )


@fold_work.register(e.ReplayRequested)
def _(event: e.ReplayRequested, run: RunState, at: datetime) -> WorkState:
    steps, by = dict(run.work.steps), event.on_behalf_of or event.by
    for id_ in event.read_back:
        steps[id_] = replace(steps[id_], reading_again=ReadingAgain(at))
    for id_, generation in event.generations.items():
        steps[id_] = replace(
            _repeated(steps[id_], generation, at), ordered_by=by, in_flight_until=steps[id_].in_flight_until
        )
    for id_ in event.retried:
        steps[id_] = replace(
            steps[id_], status="retrying", retry_at=None, failing_since=None, ordered_by=by, changed_at=at
        )
    return replace(run.work, steps=steps)


@fold_work.register(e.ReadBackRequested)
def _(event: e.ReadBackRequested, run: RunState, at: datetime) -> WorkState:
    steps = dict(run.work.steps)
    for id_ in event.steps:
        steps[id_] = replace(steps[id_], reading_again=ReadingAgain(at, once=True))
    return replace(run.work, steps=steps)


@fold_work.register(e.StepReadBack)
def _(event: e.StepReadBack, run: RunState, at: datetime) -> WorkState:
    known = replace(run.work.steps[event.step_id], read_at=at)
    if known.by_hand is not None:
        shown = "not_done" if event.outcome == "not_done" else known.code
        read = replace(known, reading_again=None, by_hand=None, code=shown, changed_at=at)
    elif event.outcome == "done":
        read = replace(known, reading_again=None, failing_since=None, code="")
    elif known.reading_again is not None and known.reading_again.once and event.outcome == "unknown":
        read = replace(known, reading_again=None)
    elif event.outcome == "not_done":
        read = replace(_repeated(known, event.generation + 1, at), status="failed", code=UNDONE)
    else:
        since = known.reading_again.since if known.reading_again is not None else at
        failures = known.reading_again.failures + 1 if known.reading_again is not None else 1
        read = replace(
            known,
            reading_again=ReadingAgain(since, failures, event.retry_at),
            failing_since=known.failing_since or at,
            code=event.code,
        )
    return replace(run.work, steps={**run.work.steps, event.step_id: read})


@fold_work.register(e.StepStarted)
def _(event: e.StepStarted, run: RunState, at: datetime) -> WorkState:
    before = run.work.steps[event.step_id]
    return run.work.with_step(
        event.step_id,
        at,
        status="started",
        attempt=event.attempt,
        generation=event.generation,
        lease_until=event.lease_until,
        retry_at=None,
        may_have_taken_effect=True,
        first_started_at=before.first_started_at or at,
    )


def _replied(known: StepState, detail: Mapping[str, Any] | None) -> dict[str, Any]:
    reply = (detail or {}).get("reply")
    if isinstance(reply, Mapping):
        return {"replies": (*known.replies, reply)}
    return {"reply_lost": True}


def _done(run: RunState, event: e.StepVerified | e.StepAttested, status: StepStatus, at: datetime) -> WorkState:
    return run.work.with_step(
        event.step_id,
        at,
        **_replied(run.work.steps[event.step_id], event.evidence),
        status=status,
        lease_until=None,
        failing_since=None,
        code="",
        settled_generation=event.generation,
    )


@fold_work.register(e.StepVerified)
def _(event: e.StepVerified, run: RunState, at: datetime) -> WorkState:
    step = run.plan.steps.get(event.step_id)
    work = _done(run, event, "verified", at)
    if step is None or step.level is not Level.READ or run.work.steps[event.step_id].recorded is not None:
        return work  # what was there before the first change stays on record when the step is repeated
    read = (event.evidence or {}).get("read_back")
    return work.with_step(event.step_id, at, recorded=read if isinstance(read, dict) else None)


@fold_work.register(e.StepAttested)
def _(event: e.StepAttested, run: RunState, at: datetime) -> WorkState:
    return _done(run, event, "attested", at).with_step(event.step_id, at, attested_by=event.by)


@fold_work.register(e.StepDoneByHand)
def _(event: e.StepDoneByHand, run: RunState, at: datetime) -> WorkState:
    return run.work.with_step(
        event.step_id,
        at,
        by_hand=event if event.read_back else None,
        reading_again=ReadingAgain(at) if event.read_back else None,
    )


@fold_work.register(e.StepAttemptFailed)
def _(event: e.StepAttemptFailed, run: RunState, at: datetime) -> WorkState:
    before = run.work.steps[event.step_id]
    # A step that a legal hold stopped does not fail: it waits, for as long as the hold is in force.
    failing_since = before.failing_since if event.code == "legal_hold" else before.failing_since or at
    return run.work.with_step(
        event.step_id,
        at,
        **_replied(before, event.detail),
        status="retrying",
        lease_until=None,
        retry_at=event.retry_at,
        code=event.code,
        may_have_taken_effect=event.happened == "unknown",
        failing_since=failing_since,
    )


@fold_work.register(e.StepFailed)
def _(event: e.StepFailed, run: RunState, at: datetime) -> WorkState:
    unknown, before = event.happened == "unknown", run.work.steps[event.step_id]
    return run.work.with_step(
        event.step_id,
        at,
        **_replied(before, event.detail),
        status="unknown" if unknown else "failed",
        lease_until=None,
        retry_at=None,
        code=event.code,
        may_have_taken_effect=unknown,
        in_flight_until=before.lease_until if unknown else before.in_flight_until,
    )


@fold_work.register(e.StepRetryOrdered)
def _(event: e.StepRetryOrdered, run: RunState, at: datetime) -> WorkState:
    before = run.work.steps[event.step_id]
    is_new_generation = event.generation > before.generation
    # A skip that is undone orders nothing: the step goes on with what was decided about it before.
    undone = before.status == "skipped"
    # What a person reported as done is read back first; under a new key it is not repeated while the call could still
    # take effect.
    reported = before.status == "attested" and run.plan.steps[event.step_id].repeat != "keyed"
    return run.work.with_step(
        event.step_id,
        at,
        status="planned" if undone and before.attempt == 0 else "retrying",
        generation=event.generation,
        retry_at=None,
        failing_since=None,
        ordered_by=before.ordered_by if undone else event.on_behalf_of or event.by,
        may_have_taken_effect=before.may_have_taken_effect and (reported or not is_new_generation),
        first_started_at=None if is_new_generation else before.first_started_at,
        reading_again=None,
        by_hand=None,
    )


@fold_work.register(e.StepSkipped)
def _(event: e.StepSkipped, run: RunState, at: datetime) -> WorkState:
    return run.work.with_step(
        event.step_id,
        at,
        status="skipped",
        lease_until=None,
        retry_at=None,
        skipped_by=event.by,
        reading_again=None,
        by_hand=None,
    )


@fold_work.register(e.TaskOpened)
def _(event: e.TaskOpened, run: RunState, at: datetime) -> WorkState:
    return run.work.with_task(event.task_id, TaskState(event, at))


@fold_work.register(e.TaskCompleted)
def _(event: e.TaskCompleted, run: RunState, at: datetime) -> WorkState:
    task = replace(run.work.tasks[event.task_id], outcome=event.outcome, by=event.by)
    return run.work.with_task(event.task_id, task)


@fold_work.register(e.TaskWithdrawn)
def _(event: e.TaskWithdrawn, run: RunState, at: datetime) -> WorkState:
    return run.work.with_task(event.task_id, replace(run.work.tasks[event.task_id], outcome="withdrawn"))


@fold_work.register(e.ExceptionOpened)
def _(event: e.ExceptionOpened, run: RunState, at: datetime) -> WorkState:
    return run.work.with_exception(event.exception_id, ExceptionState(event, at))


@fold_work.register(e.ExceptionClosed)
def _(event: e.ExceptionClosed, run: RunState, at: datetime) -> WorkState:
    known = run.work.exceptions[event.exception_id]
    closed = replace(known, disposition=event.disposition, by=event.by, closed_at=at, closed=event)
    work, step_id = run.work.with_exception(event.exception_id, closed), known.opened.step_id or ""
    step = work.steps.get(step_id)
    if known.opened.kind != "step_failing" or event.disposition != "accepted":
        return work
    if step is None or step.reading_again is None:
        return work
    # The step is done. A person accepted that its system can't be read again.
    left = replace(step, reading_again=None, failing_since=None, code="")
    return replace(work, steps={**work.steps, step_id: left})


@fold_work.register(e.ExceptionAssigned)
def _(event: e.ExceptionAssigned, run: RunState, at: datetime) -> WorkState:
    return _changed(run, event.exception_id, assigned=event)


@fold_work.register(e.ExceptionSnoozed)
def _(event: e.ExceptionSnoozed, run: RunState, at: datetime) -> WorkState:
    return _changed(run, event.exception_id, snoozed=event)


@fold_work.register(e.ExceptionCommented)
def _(event: e.ExceptionCommented, run: RunState, at: datetime) -> WorkState:
    comments = run.work.exceptions[event.exception_id].comments
    return _changed(run, event.exception_id, comments=(*comments, (event, at)))


@fold_work.register(e.ExceptionWaived)
def _(event: e.ExceptionWaived, run: RunState, at: datetime) -> WorkState:
    return _changed(run, event.exception_id, waiver=(event, at), waived=True, moved_due=event.until)


@fold_work.register(e.ExceptionReopened)
def _(event: e.ExceptionReopened, run: RunState, at: datetime) -> WorkState:
    return _changed(run, event.exception_id, waived=False, moved_due=event.due, reopened_at=at, snoozed=None)


def _changed(run: RunState, exception_id: str, **changes: Any) -> WorkState:
    return run.work.with_exception(exception_id, replace(run.work.exceptions[exception_id], **changes))
