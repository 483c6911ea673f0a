"""Compares the ledger with Temporal, the read tables and the systems, and reports what does not agree. Repairs nothing.

    ledger ↔ Temporal      open runs without a workflow, workflows without an open run, failing and late ones, queues
    ledger ↔ read tables   some runs at a time, from the events
    ledger ↔ systems       some removals of open runs are read back by their workflows

What was seen for a minute is a finding. One about the workflow of an open run is an exception of that run; all are on
the page Ledger, in the API and in `offboard reconcile`. A finding closes once it is no longer seen. A missing workflow
is started by the relay, and rows are made again by `offboard ledger rebuild`.

After the loss of a cluster the relay needs minutes for thousands of runs. More stopped workflows than the relay starts
in a minute are therefore one finding of the installation, until only a few are left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from orchestrator.comparison import LedgerComparison
from orchestrator.deciding.runs import RUN_EVENT_TYPES, Runs
from orchestrator.documents.findings import Compared
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, TooOften
from orchestrator.domain.events.event import Event
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.watch.reading_back import request_read_back, steps_to_compare
from orchestrator.engine import Engine, EngineUnavailable, WorkflowSeen
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.comparison import RowsCompared, compare_rows
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.engine import engine_reports, relay_queue
from orchestrator.ledger.engine.findings import Findings, Seen
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.schema.database import Database
from orchestrator.vocabulary.findings import FindingKind
from orchestrator.workflows.inquiry import inquiry_queue
from orchestrator.workflows.workflow_ids import run_of, workflow_id

log = logging.getLogger("offboard.reconciler")

LEASE: Final = timedelta(minutes=15)
"""For how long another process leaves a comparison to the one that began it."""
SOON: Final = timedelta(minutes=1)
"""When the next comparison is due while anything is found: a finding opens and closes within about two minutes."""
LOOK_SECONDS: Final = 5.0
ALONE_WITHIN: Final = 20.0
"""Seconds for which a comparison waits for the end of another one."""
POLLED_WITHIN: Final = timedelta(minutes=3)
STOPPED_AT_MOST: Final = 50
"""Up to how many missing and late workflows are findings of their own: the relay starts as many within a few seconds.
More are one finding."""
DESCRIBED_AT_ONCE: Final = 200
DESCRIBED_TOGETHER: Final = 10
DESCRIBED_WITHIN: Final = 15.0
"""How many workflows one comparison asks Temporal to describe, how many of them at the same time, and for how many
seconds. What is not described by then stays as it was found before."""
READ_AT_ONCE: Final = 20
READ_PER_SYSTEM: Final = 5
RUNS_READ_AT_ONCE: Final = 50
"""The budget of one comparison for reading systems: runs that are looked at, steps of them, and steps per system."""
READ_EVERY: Final = timedelta(days=1)
"""How long ago a step was seen done that is read again."""
_WORKFLOW_KINDS: Final[tuple[FindingKind, ...]] = ("workflow_missing", "workflow_failing", "workflow_late")
_STARTED_BY_RELAY: Final[tuple[FindingKind, ...]] = ("workflow_missing", "workflow_late")
_MANY_STOPPED: Final[FindingKind] = "workflows_stopped"
_ABOUT_ROWS: Final[tuple[FindingKind, ...]] = ("rows_differ", "intent_open")


class Reconciler:
    """`every`: seconds between two comparisons that find nothing. `grace`: for how long something must be seen before
    it is reported. `described_within`: seconds for the descriptions of workflows. `failed` counts an error that was not
    expected."""

    def __init__(
        self,
        runs: Runs,
        database: Database,
        engine: Engine,
        *,
        every: float = 600.0,
        grace: timedelta = SOON,
        described_within: float = DESCRIBED_WITHIN,
        failed: Callable[[str], None] = lambda task: None,
    ) -> None:
        self._runs = runs
        self._database = database
        self._engine = engine
        self._every = timedelta(seconds=every)
        self._grace = grace
        self._described_within = described_within
        self._failed = failed
        self._findings = Findings(database)
        self._rates = Rates(database)
        self._codec = EventCodec(RUN_EVENT_TYPES)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Ends `run` after the comparison that is in progress."""
        self._stopped.set()

    async def run(self) -> None:
        """Until `stop`. Survives every error: the next comparison repeats what failed."""
        while not self._stopped.is_set():
            with self._surviving():
                await self.compare_if_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), min(self._every.total_seconds(), LOOK_SECONDS))

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except (LedgerError, EngineUnavailable, TooOften) as error:
            log.warning("the comparison paused, retrying: %s", type(error).__name__)
        except Exception as error:
            log.error("the comparison failed, retrying: %s", type(error).__name__)
            self._failed("reconciler")

    async def compare_if_due(self) -> bool:
        """Compares unless that is not due, or another process does. Raises `LedgerUnavailable` and
        `EngineUnavailable`; the next comparison is then due in a minute."""
        if not await self._findings.claim(LEASE):
            return False
        try:
            async with self._alone(ALONE_WITHIN):
                await self._compare()
        except BaseException:
            with contextlib.suppress(LedgerError):
                await self._findings.due_in(SOON)
            raise
        return True

    @asynccontextmanager
    async def _alone(self, at_most: float) -> AsyncIterator[None]:
        """No other process compares while the block runs. Raises `TooOften` if one still does after `at_most`
        seconds."""
        async with self._rates.one_at_a_time("comparison", at_most=at_most) as alone:
            if not alone:
                raise TooOften("comparing_already", "Another comparison is in progress.", again_after=30)
            yield

    async def compare_now(self, run_id: str | None = None) -> Compared:
        """Compares whatever is due next, or everything about one run; then also its removals are read back, however
        long ago they were. Raises as `compare_if_due`, and `Invalid` for a run that is not there."""
        async with self._alone(ALONE_WITHIN):
            if run_id is None:
                return (await self._compare()).extent(await engine_reports.under_embargo(self._database))
            snapshot = await self._runs.load(run_id)
            looked = LedgerComparison()
            await self._look_at_workflow(run_id, snapshot.state, looked)
            self._note_rows(await compare_rows(self._database, self._codec, 0, [run_id]), looked)
            await self._record(looked)
            looked.steps[run_id] = await self._read_back(run_id, tuple(snapshot.state.plan.steps), timedelta(0))
            return looked.extent(set())

    async def _compare(self) -> LedgerComparison:
        compared_to, read_to = await self._findings.places()
        looked = LedgerComparison()
        await self._look_at_workflows(looked)
        await self._look_at_queues(looked)
        rows = await compare_rows(self._database, self._codec, int(compared_to or 0))
        self._note_rows(rows, looked)
        await self._record(looked)
        read_to = await self._read_some(read_to, looked)
        again = min(SOON, self._every) if await self._findings.any_open() else self._every
        await self._findings.finish(again, str(rows.reached), read_to)
        return looked

    # The ledger and Temporal

    async def _look_at_workflows(self, looked: LedgerComparison) -> None:
        running = await self._engine.workflow_ids()  # before the runs: one that ends in between is not missing
        opened = set(await relay_queue.open_for(self._database, self._grace, "", None))
        missing = sorted(run_id for run_id in opened if workflow_id(run_id) not in running)
        behind = await relay_queue.runs_behind(self._database, self._engine.cluster, self._grace, DESCRIBED_AT_ONCE)
        late = sorted(set(behind) & opened - set(missing))
        stopped: list[Seen] = []
        if len(missing) > STOPPED_AT_MOST:
            stopped += [Seen("workflow_missing", run_id, run_id) for run_id in missing]
        left = await self._describe([*late] if stopped else [*missing, *late], set(behind), stopped)
        looked.seen += [one for one in stopped if one.kind not in _STARTED_BY_RELAY]
        stopped = [one for one in stopped if one.kind in _STARTED_BY_RELAY]
        if many := len(stopped) > STOPPED_AT_MOST:
            looked.seen.append(Seen(_MANY_STOPPED, "open runs", code=str(len(stopped))))
        await self._note_stopped(stopped, many, looked)
        looked.workflows, looked.workflows_left = opened - left, left
        looked.covered.update(dict.fromkeys(_WORKFLOW_KINDS, await self._all_but(left)))
        await self._note_others(running, looked)

    async def _note_others(self, running: set[str], looked: LedgerComparison) -> None:
        """Workflows that run although no open run needs them."""
        others = {run_of(id_): id_ for id_ in running}
        known = await engine_reports.closed_and_known(self._database, [one for one in others if one is not None])
        for named, id_ in others.items():
            if named is None or (named not in known and not await self._runs.ledger.firsts([e.run_stream(named)])):
                looked.seen.append(Seen("workflow_without_run", id_))
            elif known.get(named):
                looked.seen.append(Seen("workflow_of_closed_run", named, named))
        kinds: tuple[FindingKind, ...] = ("workflow_of_closed_run", "workflow_without_run", _MANY_STOPPED)
        looked.covered.update(dict.fromkeys(kinds))

    async def _look_at_workflow(self, run_id: str, state: RunState, looked: LedgerComparison) -> None:
        late = await relay_queue.runs_behind(self._database, self._engine.cluster, self._grace, only=run_id)
        if not state.finished:
            found: list[Seen] = []
            left = await self._describe([run_id], set(late), found)
            if left:
                looked.workflows_left = left
                return
            many = any(one.kind == _MANY_STOPPED for one in await self._findings.all(timedelta(0)))
            await self._note_stopped(found, many, looked)
            looked.workflows = {run_id}
        looked.covered.update({kind: frozenset({run_id}) for kind in _WORKFLOW_KINDS})

    async def _describe(self, run_ids: Sequence[str], late: set[str], found: list[Seen]) -> set[str]:
        """Adds to `found` what is wrong with the workflows of these runs, and returns the runs for which the time was
        not enough."""
        waiting, left = iter(run_ids), set(run_ids)

        async def one_after_another() -> None:
            for run_id in waiting:
                found.extend(_wrong(run_id, await self._engine.look_at_workflow(run_id), run_id in late))
                left.discard(run_id)

        try:
            async with asyncio.timeout(self._described_within), asyncio.TaskGroup() as group:
                for _ in range(min(DESCRIBED_TOGETHER, len(run_ids))):
                    group.create_task(one_after_another())
        except TimeoutError:
            log.warning("a comparison could not look at %d workflows in time", len(left))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return left

    async def _note_stopped(self, found: Sequence[Seen], many: bool, looked: LedgerComparison) -> None:
        """Each by itself. Where `many` are stopped, only those that were reported before: the relay may not have
        reached the others yet."""
        if many:
            before = await self._findings.reported_of_runs(_STARTED_BY_RELAY)
            found = [one for one in found if one.kind not in _STARTED_BY_RELAY or one.run_id in before]
        looked.seen += found

    async def _all_but(self, left: set[str]) -> frozenset[str] | None:
        """The runs whose findings can be closed."""
        if not left:
            return None
        return frozenset(one.run_id for one in await self._findings.all(timedelta(0)) if one.run_id) - left

    async def _look_at_queues(self, looked: LedgerComparison) -> None:
        """The installation's own, and those of systems of the packets in use."""
        queues = {self._engine.task_queue, inquiry_queue(self._engine.task_queue)}
        queues |= await self._queues_of_systems()
        for queue in sorted(queues):
            if not await self._engine.is_polled(POLLED_WITHIN, queue):
                looked.seen.append(Seen("queue_unserved", queue))
        looked.covered["queue_unserved"] = None

    async def _queues_of_systems(self) -> set[str]:
        names = await engine_reports.packet_names(self._database)
        shelves = (await self._runs.organisation_snapshot(names)).shelves
        queues = set()
        for shelf in shelves.values():
            if (current := shelf.history.current) is not None:
                systems = shelf.version(current.version).platform.systems.values()
                queues |= {spec.queue for spec in systems if spec.queue is not None}
        return queues

    # The ledger and the read tables

    def _note_rows(self, rows: RowsCompared, looked: LedgerComparison) -> None:
        looked.rows, looked.rows_left = dict(rows.runs), rows.reached > 0
        looked.seen += [Seen("rows_differ", run_id, run_id) for run_id in sorted(rows.differ)]
        looked.seen += [Seen("rows_without_events", run_id, run_id) for run_id in sorted(rows.without_events)]
        looked.seen += [Seen("head_differs", "ledger")] if rows.head_differs else []
        for run_id, state in rows.states.items():
            looked.seen += [Seen("intent_open", f"{run_id}/{id_}", run_id) for id_ in _open_intents(state, rows.now)]
        looked.covered.update(dict.fromkeys(_ABOUT_ROWS, frozenset(rows.runs)))
        looked.covered.update({"rows_without_events": None, "head_differs": None})

    # What was seen

    async def _record(self, looked: LedgerComparison) -> None:
        """Keeps what was seen, and records in the runs what has changed about their workflows."""
        changed = await self._findings.record(looked.seen, looked.covered, self._grace)
        for kind, count in changed.reported.items():
            log.warning("a comparison found %s: %d", kind, count)
        stopped = await engine_reports.runs_with_open(self._database, "workflow_stopped")
        problems = await self._findings.reported_of_runs(_WORKFLOW_KINDS)
        for run_id in sorted({*changed.runs, *stopped}):
            kind, code = problems.get(run_id, ("", ""))
            compared = e.WorkflowCompared.model_validate({"problem": kind.removeprefix("workflow_"), "code": code})
            with contextlib.suppress(Invalid):  # a row of a run that the ledger does not have
                await self._runs.record_fact(run_id, _differing(compared))

    # The ledger and the systems

    async def _read_some(self, after: str, looked: LedgerComparison) -> str:
        """Has some removals of open runs read back, and returns after which run the next comparison goes on. What runs
        have to do comes first: a system whose rate is in use is left out, and so is one that fails or has no worker."""
        following = await relay_queue.open_for(self._database, self._grace, after, None)
        run_ids, reached = following[:RUNS_READ_AT_ONCE], ""
        busy = await engine_reports.systems_in_use(self._database)
        unserved = {one.about for one in await self._findings.all(timedelta(0)) if one.kind == "queue_unserved"}
        left, per_system = READ_AT_ONCE, dict[str, int]()
        for run_id in run_ids:
            reached = run_id
            try:
                snapshot = await self._runs.load(run_id)
            except Invalid:  # a row of a run that the ledger does not have
                continue
            world, wanted = snapshot.world, []
            for step in steps_to_compare(snapshot.state, world, READ_EVERY):
                spec = world.current.platform.systems.get(step.system)
                served = spec is None or spec.queue is None or spec.queue not in unserved
                used = per_system.get(step.system, 0)
                if left and served and step.system not in busy and used < READ_PER_SYSTEM:
                    wanted.append(step.step_id)
                    left, per_system[step.system] = left - 1, used + 1
                else:
                    looked.steps_left[run_id] = looked.steps_left.get(run_id, 0) + 1
            if wanted:
                looked.steps[run_id] = await self._read_back(run_id, tuple(wanted), READ_EVERY)
            if not left:
                break
        looked.unread = {run_id for run_id in following if run_id > reached}
        return reached if looked.unread else ""

    async def _read_back(self, run_id: str, step_ids: tuple[str, ...], older_than: timedelta) -> int:
        """The run's workflow reads them, in the task queue of each system and at its rate. Returns how many."""

        def decide(state: RunState, world: World) -> Sequence[Event]:
            return request_read_back(state, step_ids, world, older_than)

        decided = await self._runs.record_fact(run_id, decide)
        if decided.events:
            with contextlib.suppress(EngineUnavailable):  # the relay makes good a lost nudge
                await self._engine.nudge(run_id, decided.progress)
        return sum(len(event.steps) for event in decided.events if isinstance(event, e.ReadBackRequested))


def _wrong(run_id: str, found: WorkflowSeen, late: bool) -> list[Seen]:
    if found.ended:
        return [Seen("workflow_missing", run_id, run_id, found.ended)]
    if found.failing:
        return [Seen("workflow_failing", run_id, run_id)]
    return [Seen("workflow_late", run_id, run_id)] if late and not found.busy else []


def _differing(compared: e.WorkflowCompared) -> Callable[[RunState, World], Sequence[Event]]:
    def decide(state: RunState, world: World) -> Sequence[Event]:
        known = state.workflow_problem[0].problem if state.workflow_problem is not None else ""
        return [compared] if not state.finished and compared.problem != known else []

    return decide


def _open_intents(state: RunState, now: datetime) -> list[str]:
    """The steps whose last attempt has no result, although its lease ended a while ago and nothing holds it back."""
    if state.held:
        return []
    return [
        step_id
        for step_id, known in state.work.steps.items()
        if known.status == "started" and known.lease_until is not None and now > known.lease_until + LEASE
    ]
