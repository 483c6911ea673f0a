"""The interpreter of a run: start what is due, wait for it, for a nudge or for a date; repeat.

It decides nothing. Activities read the ledger and return what is due. It holds ids, versions and the activities in
progress. A first start, a recovery, an operator's retry and a new cluster all begin in the same way: ask what is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError, TimeoutError, TimeoutType

from orchestrator.domain.run.progress import Progress, StepDue
from orchestrator.workflows import activity_stubs as activities
from orchestrator.workflows import retry_policies as retries

MAX_SLEEP = timedelta(days=7)
SOON = timedelta(minutes=1)
MIN_HINT_SECONDS, MAX_HINT_SECONDS = 3.0, 1800.0
"""Seconds that a step begun on a hint may take: every lease of a real step lies within."""
SEARCH = "search"


class Nudge(BaseModel):
    """Something was appended to the run. `hint` saves a read: it says what that made due, and is checked again."""

    model_config = ConfigDict(frozen=True)
    hint: Progress | None = None


def _nudge_of(received: tuple[object, ...]) -> Nudge | None:
    """The nudge that a signal carries; None if it carries anything else. No payload, and null, are a nudge without a
    hint."""
    if received in ((), (None,)):
        return Nudge()
    if len(received) != 1:
        return None
    try:
        return Nudge.model_validate(received[0])
    except ValidationError:
        return None


def _usable(hint: Progress) -> bool:
    """A hint may be invented. What it names is checked by the activity that does it; where and how long is not, so what
    would keep a step in a queue without a worker, or cut it off at once, is only a reason to ask."""
    return (
        bool(hint.steps or hint.search)
        and not hint.queues
        and all(step.queue is None and MIN_HINT_SECONDS <= step.seconds <= MAX_HINT_SECONDS for step in hint.steps)
    )


@workflow.defn(name="Offboarding", failure_exception_types=retries.STARTED_AGAIN)
class Offboarding:
    @workflow.init
    def __init__(self, run: activities.RunRef) -> None:
        self._run = run
        self._known = Progress(version=0)
        self._ask = True  # whether the ledger must be asked before anything else
        self._hinted = 0  # a version that what is in flight should know of when it ends
        self._changed = False
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at: datetime | None = None

    @workflow.signal
    def nudge(self, *received: object) -> None:
        """Whatever reaches Temporal may send this, with any payloads: an error raised here would stop the run, since
        its workflow task would be retried for ever."""
        nudge = _nudge_of(received)
        if nudge is None:
            return
        hint = nudge.hint
        if hint is not None and hint.version <= self._known.version:
            return
        if hint is None or not _usable(hint):
            self._ask = True
        else:
            # Begun on a signal's hint: each activity reads the ledger before it does anything, and says what it
            # saw. What is in flight already may have looked too early to know of this: its answer will show.
            if not self._start(hint):
                self._hinted = max(self._hinted, hint.version)
            self._ask = False
        self._changed = True

    @workflow.run
    async def run(self, run: activities.RunRef) -> None:
        while True:
            if self._ask or (self._hinted > self._known.version and not self._in_flight):
                self._ask = False
                self._hinted = 0
                known = self._known.version
                answer = await self._advance()
                if answer.version < known:  # although it was asked later: the ledger was replaced by an older copy
                    self._known = answer
                self._heard(answer)
            self._start(self._known)
            if self._known.finished and not self._in_flight:
                return
            if workflow.info().is_continue_as_new_suggested() and not self._in_flight:
                workflow.continue_as_new(run)
            self._set_alarm()
            await workflow.wait_condition(lambda: self._changed)
            self._changed = False

    def _start(self, progress: Progress) -> bool:
        """Begins what is not in flight yet, one activity for all searches and one for all steps of a task queue; False
        if something was."""
        all_fresh = True
        searches: dict[str | None, list[str]] = {}
        for system in progress.search:
            searches.setdefault(progress.queues.get(system), []).append(system)
        for queue, systems in searches.items():
            name = SEARCH if queue is None else f"{SEARCH} {queue}"
            if name in self._in_flight:
                all_fresh = False
            else:
                self._begin((name,), self._search(queue, systems))
        queues: dict[str | None, list[StepDue]] = {}
        for step in {step.step_id: step for step in progress.steps}.values():  # a hint may name a step twice
            if step.step_id in self._in_flight:
                all_fresh = False
            else:
                queues.setdefault(step.queue, []).append(step)
        for queue, steps in queues.items():
            self._begin(tuple(step.step_id for step in steps), self._execute(queue, steps))
        return all_fresh

    def _begin(self, names: tuple[str, ...], work: Awaitable[Progress]) -> None:
        task = asyncio.create_task(self._finish(names, work))
        self._in_flight.update(dict.fromkeys(names, task))

    async def _finish(self, names: tuple[str, ...], work: Awaitable[Progress]) -> None:
        try:
            self._heard(await work)
        except ActivityError:
            # Not even the ledger's "this failed" came back. Ask again, but not in a circle.
            await asyncio.sleep(retries.AFTER_A_LOST_ACTIVITY.total_seconds())
            self._ask = True
        finally:
            for name in names:
                self._in_flight.pop(name, None)  # a hint may have named a search twice
            self._changed = True

    def _heard(self, progress: Progress) -> None:
        if progress.version >= self._known.version:
            self._known = progress

    def _set_alarm(self) -> None:
        """One timer at a time: it may ring too early, and then only asks. Every new one costs the engine two events."""
        due_in = self._known.due_in
        wait = MAX_SLEEP if due_in is None else min(timedelta(seconds=due_in + 0.01), MAX_SLEEP)
        if self._in_flight and wait > SOON:
            return  # what is in flight will say more
        at = workflow.now() + wait
        if self._alarm is not None and self._alarm_at is not None:
            if self._alarm_at <= at + timedelta(seconds=1):
                return
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = asyncio.create_task(self._ring(wait))

    async def _ring(self, wait: timedelta) -> None:
        await asyncio.sleep(wait.total_seconds())
        self._alarm = self._alarm_at = None
        self._ask = self._changed = True

    async def _advance(self) -> Progress:
        return await workflow.execute_activity(
            activities.advance,
            self._run,
            start_to_close_timeout=retries.ADVANCE_TIMEOUT,
            retry_policy=retries.UNTIL_THE_LEDGER_IS_BACK,
        )

    async def _search(self, queue: str | None, systems: list[str]) -> Progress:
        search = activities.SearchAccounts(run_id=self._run.run_id, systems=tuple(systems))
        try:
            return await self._search_in(queue, search)
        except ActivityError as error:
            if queue is None or not (
                isinstance(error.cause, TimeoutError) and error.cause.type == TimeoutType.SCHEDULE_TO_START
            ):
                raise
        return await self._search_in(None, search.model_copy(update={"given_up": True}))

    async def _search_in(self, queue: str | None, search: activities.SearchAccounts) -> Progress:
        return await workflow.execute_activity(
            activities.search_accounts,
            search,
            task_queue=queue,
            schedule_to_start_timeout=None if queue is None else retries.SEARCH_TAKEN_WITHIN,
            start_to_close_timeout=retries.SEARCH_TIMEOUT + retries.FURTHER_STEPS,
            heartbeat_timeout=retries.SILENCE,
            retry_policy=retries.UNTIL_THE_LEDGER_IS_BACK,
        )

    async def _execute(self, queue: str | None, steps: list[StepDue]) -> Progress:
        return await workflow.execute_activity(
            activities.execute_steps,
            activities.ExecuteSteps(run_id=self._run.run_id, step_ids=tuple(step.step_id for step in steps)),
            task_queue=queue,
            start_to_close_timeout=timedelta(seconds=max(step.seconds for step in steps)) + retries.FURTHER_STEPS,
            heartbeat_timeout=retries.SILENCE,
            retry_policy=retries.UNTIL_THE_LEDGER_IS_BACK,
        )
