"""Appends the results of steps that run together as they arrive, several in one append where possible."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from temporalio import activity
from temporalio.service import RPCError

from orchestrator.background import BackgroundTask
from orchestrator.deciding.snapshots import Decide, RunDecision
from orchestrator.domain.events import StepAttemptFailed, StepAttested, StepFailed, StepVerified
from orchestrator.domain.events.event import Event
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.workflows.offboarding import Nudge

SIGNAL_TIMEOUT = timedelta(seconds=5)


class Results:
    """Results that come while an append is in progress share the next one. A step that takes long delays no other: what
    the quick ones made due is reported to the workflow at once."""

    def __init__(self, write: Callable[[Decide], Awaitable[RunDecision]]) -> None:
        self._write = write
        self._missing = 0
        self._waiting: list[tuple[Decide, asyncio.Future[None]]] = []
        self._writing = False
        self._notification: BackgroundTask | None = None  # kept, so that it is not collected half-way
        self.last: RunDecision | None = None

    def expect(self, results: int) -> None:
        """So many more results will come."""
        self._missing += results

    async def record(self, conclude: Decide) -> None:
        """Returns when the result is in the ledger; raises what the append raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((conclude, done))
        if not self._writing:
            self._writing = True
            try:
                await self._write_what_waits()
            finally:
                self._writing = False
        await done

    async def _write_what_waits(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # steps that finish at the same moment share the append
            batch, self._waiting = self._waiting, []
            if not await self._written(batch) and len(batch) > 1:
                # One result that cannot be written takes no other down with it.
                for alone in batch:
                    await self._written([alone], last_try=True)
            if self._missing and not self._waiting and self.last is not None:
                self._notify_workflow(self.last)

    async def _written(self, batch: list[tuple[Decide, asyncio.Future[None]]], *, last_try: bool = False) -> bool:
        try:
            self.last = await self._write(_all([conclude for conclude, _ in batch]))
        except BaseException as error:
            if last_try or len(batch) == 1 or not isinstance(error, Exception):
                for _, done in [*batch, *([] if isinstance(error, Exception) else self._waiting)]:
                    if not done.done():
                        done.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return False
        self._missing -= len(batch)
        for _, done in batch:
            if not done.done():
                done.set_result(None)
        return True

    def _notify_workflow(self, decided: RunDecision) -> None:
        """In a task of its own: no result waits for it, and if it is lost, the activity's answer says the same."""
        progress = decided.progress
        if not (progress.steps or progress.search):
            return
        info = activity.info()
        assert info.workflow_id is not None
        handle = activity.client().get_workflow_handle(info.workflow_id)

        async def notify() -> None:
            with contextlib.suppress(RPCError, TimeoutError):
                await handle.signal("nudge", Nudge(hint=progress), rpc_timeout=SIGNAL_TIMEOUT)

        self._notification = BackgroundTask(notify(), "notification of Temporal", may_end=True)


class ObservedResult:
    """The report of a step's result to the observer: the last decided result is the recorded one."""

    def __init__(self, step: PlannedStep) -> None:
        self._step = step
        self.outcome = ""
        self.code = ""
        self.after_cutoff: float | None = None

    def will_be(self, result: Event | None, state: RunState, world: World) -> None:
        self.code, self.after_cutoff = "", None
        match result:
            case StepVerified():
                self.outcome = "verified"
                if self._step.removes_access:
                    self.after_cutoff = (world.now - state.cutoff).total_seconds()
            case StepAttested():
                self.outcome = "attested"
            case StepAttemptFailed():
                self.outcome, self.code = "retrying", result.code
            case StepFailed():
                self.outcome, self.code = "failed" if result.happened == "no" else "unknown", result.code
            case _:
                self.outcome = "already_known"


def _all(concludes: Sequence[Decide]) -> Decide:
    def decide(state: RunState, world: World) -> list[Event]:
        return [event for conclude in concludes for event in conclude(state, world)]

    return decide
