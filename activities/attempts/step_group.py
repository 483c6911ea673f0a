"""The attempts and readings of one activity: the steps that it was asked for, and what falls due on the same task queue
while it runs.

The result of a step and the intents of what it makes due are one append. What falls due elsewhere, and what does not
fit into the time of the activity, is left to the workflow.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Protocol

from activities.attempts.leases import LeaseCheck
from activities.attempts.results import Results
from activities.failures import log_unexpected
from connectors.elapsed import local_seconds
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import Decide, RunDecision, Then
from orchestrator.domain.events.event import Event
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.progress import Progress, StepDue
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps import steps
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.steps.steps import DueReading, Intent
from orchestrator.domain.run.upcoming import progress

MIN_WAKE_SECONDS = 0.1


class StepWork(Protocol):
    """How attempts and readings are carried out, and how intents and results are recorded."""

    async def record_intent(self, run_id: str, begin: Decide) -> RunDecision: ...
    async def record_result(self, run_id: str, conclude: Decide, then: Then) -> RunDecision: ...
    async def attempt_one(self, begun: RunDecision, intent: Intent, lease: LeaseCheck, results: Results) -> None: ...
    async def read_one(self, begun: RunDecision, reading: DueReading, results: Results) -> None: ...


@dataclass(frozen=True, slots=True)
class ActivityLimits:
    """Which further steps an activity carries out: those of its task queue, as long as their attempts end in its time.
    `task_queue` is that of the worker, `seconds` how long the activity may still run; `open` is false once it is to
    end."""

    task_queue: str
    seconds: Callable[[], float]
    open: Callable[[], bool]

    def allow(self, step: StepDue, queue: str | None) -> bool:
        """`queue` is that of the steps for which the activity was begun, None for the installation's own."""
        here = step.queue == queue and queue in (None, self.task_queue)
        return here and self.open() and step.seconds <= self.seconds()


@dataclass(slots=True)
class Begun:
    """What one append begins. It is decided again where the append conflicts with another one: the last counts."""

    sent_at: float = field(default_factory=local_seconds)
    intents: list[Intent] = field(default_factory=list)
    readings: list[DueReading] = field(default_factory=list)

    def decide(self, state: RunState, world: World, step_ids: Iterable[str]) -> list[Event]:
        named = tuple(dict.fromkeys(step_ids))
        self.intents = [i for id_ in named if (i := steps.begin(state, id_, world)) is not None]
        self.readings = [one for id_ in named if (one := steps.reading(state, id_, world)) is not None]
        return [intent.started for intent in self.intents]


class StepGroup:
    """Of one run. `queue` is the task queue of its steps, None for the installation's own; `last` is the latest
    decision, None before the first."""

    def __init__(
        self, runs: Runs, run_id: str, work: StepWork, limits: ActivityLimits, queue: str | None = None
    ) -> None:
        self._runs = runs
        self._run_id = run_id
        self._work = work
        self._limits = limits
        self._results = Results(self.record)
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_progress: set[str] = set()
        self._context = copy_context()  # of the activity: a step that another one made due is no part of its span
        self._error: BaseException | None = None
        self._wake_at = math.inf
        self.queue = queue
        self.last: RunDecision | None = None

    async def begin(self, step_ids: Iterable[str]) -> RunDecision:
        """Begins those of the steps that are due. All are of one task queue, which is the group's from then on."""
        named, begun = tuple(step_ids), Begun()

        def decide(state: RunState, world: World) -> list[Event]:
            self.queue = next((state.plan.steps[id_].queue for id_ in named if id_ in state.plan.steps), None)
            return begun.decide(state, world, named)

        decided = await self._work.record_intent(self._run_id, decide)
        self._start(decided, begun)
        return decided

    async def record(self, conclude: Decide) -> RunDecision:
        """Records a fact, and begins what it makes due."""
        begun = Begun()

        def concluded(state: RunState, world: World) -> Sequence[Event]:
            # An append that conflicted began nothing. `due` is not asked about a run that has finished since.
            begun.intents, begun.readings = [], []
            return conclude(state, world)

        def due(decided: RunDecision) -> list[Event]:
            try:
                return begun.decide(decided.state, decided.world, self._taken(decided.state, decided.progress))
            except Exception as error:  # what was done must be recorded, whatever becomes of the next steps
                log_unexpected("the choice of further steps", error)
                begun.intents, begun.readings = [], []
                return []

        decided = await self._work.record_result(self._run_id, concluded, due)
        self._start(decided, begun)
        return decided

    async def finish(self) -> None:
        """Returns when no attempt is in progress. Raises the first error of one, after all have ended: an attempt is
        never cut off because the result of another one could not be written."""
        try:
            while self._tasks:
                wait = self._wake_at - asyncio.get_running_loop().time()
                ended, _ = await asyncio.wait(
                    self._tasks, timeout=None if wait == math.inf else wait, return_when=asyncio.FIRST_COMPLETED
                )
                self._tasks -= ended
                if not ended:
                    await self._begin_what_time_made_due()
        except asyncio.CancelledError:
            for task in self._tasks:
                task.cancel()
            raise
        if self._error is not None:
            raise self._error

    def _taken(self, state: RunState, due: Progress) -> list[str]:
        """Those of the due steps that are begun here. A step whose attempt has no result, although its lease is over,
        is left to the workflow, which knows whether the activity of that attempt still runs: it may report that it made
        no call."""
        if self._error is not None:
            return []
        return [
            step.step_id
            for step in due.steps
            if step.step_id not in self._in_progress
            and state.work.steps[step.step_id].status != "started"
            and self._limits.allow(step, self.queue)
        ]

    async def _begin_what_time_made_due(self) -> None:
        begun = Begun()

        def due(state: RunState, world: World) -> list[Event]:
            return begun.decide(state, world, self._taken(state, progress(state, world)))

        try:
            decided = await self._work.record_intent(self._run_id, due)
        except Exception as error:  # attempts are in progress; the workflow has this activity repeated once they ended
            self._error, self._wake_at = self._error or error, math.inf
        else:
            self._start(decided, begun)

    def _start(self, decided: RunDecision, begun: Begun) -> None:
        self.last = decided
        due_in = decided.progress.due_in
        wake_in = math.inf if due_in is None else max(due_in, MIN_WAKE_SECONDS)
        self._wake_at = asyncio.get_running_loop().time() + wake_in
        lease = LeaseCheck(self._runs, self._run_id, begun.sent_at)
        for intent in begun.intents:
            self._carry_out(intent.step, self._work.attempt_one(decided, intent, lease, self._results))
        for reading in begun.readings:
            self._carry_out(reading.step, self._work.read_one(decided, reading, self._results))

    def _carry_out(self, step: PlannedStep, work: Coroutine[Any, Any, None]) -> None:
        async def carried_out() -> None:
            try:
                await work
            except BaseException as error:
                self._error = self._error or error
            finally:
                self._in_progress.discard(step.step_id)

        self._in_progress.add(step.step_id)
        self._results.expect(1)
        self._tasks.add(asyncio.create_task(carried_out(), context=self._context.copy()))
