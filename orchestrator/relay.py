"""Follows the ledger and wakes workflows that missed an event: a nudge was lost, or the cluster was replaced.

Three looks. By position, as events come: what concerns runs beyond the one that it is recorded in, as when a hold on a
system is placed or lifted. By sweep: every open run whose workflow has not reported the ledger's version, reported from
another cluster than today's, or is overdue for something. By Temporal's list: open runs that have no workflow, 1,000
at a time.

It records the end of pauses of systems. Beside these it follows for webhooks, which send events, and for the workflow
that mails people what waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.deciding.ended_pauses import EndedPauses
from orchestrator.deciding.runs import Runs
from orchestrator.domain.events import (
    ActorRecorded,
    DecisionsDelegated,
    DelegationEnded,
    HoldPlaced,
    HoldReleased,
    RolesRevoked,
    ServiceOwnersChanged,
    TokenMade,
    TokenRevoked,
    WorkflowRestarted,
)
from orchestrator.domain.packet.history.packet_events import PacketMoved
from orchestrator.engine import ANSWER_WITHIN, Engine, EngineRefused, EngineUnavailable
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.engine import engine_reports, relay_queue
from orchestrator.ledger.engine.notices import is_look_late
from orchestrator.ledger.engine.webhooks import Webhooks
from orchestrator.ledger.persons.erasures import RecordedErasures
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger_marks import LedgerMarks

log = logging.getLogger("offboard.relay")

CURSOR = "relay"
HOOKS_CURSOR = "webhooks"
DELIVERIES_AT_ONCE = 500
"""Deliveries that were due during an outage are sent in batches."""
NUDGED_AT_ONCE = 20
"""Nudges on the way to Temporal at the same time. Lifting a pause nudges every open run."""
CHECKED_AT_ONCE = 1000
"""Open runs of which one look at Temporal's list finds out whether they have a workflow."""
PEOPLE = frozenset(
    kind.type_name()
    for kind in (
        ActorRecorded, RolesRevoked, DecisionsDelegated, DelegationEnded, TokenMade, TokenRevoked, ServiceOwnersChanged,
    )
)  # fmt: skip
HOLDS = frozenset({HoldPlaced.type_name(), HoldReleased.type_name()})
ALL_RUNS = HOLDS | {PacketMoved.type_name()}
"""A pause that keeps access open is reported to HR, and so are systems that only a later packet version covers, also by
a run that nothing else would wake before its cutoff."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """`follow` and `sweep`: seconds between two looks of each kind. `grace`: how late a report or a date must be before
    its run counts as behind. Reports are written in bunches, so it is longer than the time between two bunches.
    `deciders`: seconds between two checks of whether open gates and reviews have enough people who can decide them;
    `deciders_after_change`: the same after a change of people, roles or delegations."""

    follow: float = 1.0
    sweep: float = 10.0
    grace: timedelta = timedelta(seconds=5)
    deciders: float = 3600.0
    deciders_after_change: float = 60.0


class Relay:
    """Runs until it is cancelled. More than one may run: a nudge too many does nothing."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        engine: Engine,
        webhooks: Webhooks,
        *,
        cadence: Cadence | None = None,
        notices_every: float | None = None,
        failed: Callable[[str], None] = lambda task: None,
        service_owners: Callable[[], Awaitable[Collection[str]]] | None = None,
        marks: LedgerMarks | None = None,
        erasures: RecordedErasures | None = None,
        pauses: EndedPauses | None = None,
        runs: Runs | None = None,
    ) -> None:
        """`failed` counts an error that was not expected, under the name of the task that met it. `service_owners` are
        the people (opaque ids) who answer for services: their own runs are checked like those that wait for decisions.

        `runs` records which workflows were started again; without it only the log does.

        Notices are nudged once in `notices_every` seconds at most; None where no one is mailed."""
        self._database = database
        self._ledger = ledger
        self._engine = engine
        self._webhooks = webhooks
        self._cadence = cadence or Cadence()
        self._notices_every = notices_every
        self._failed = failed
        self._service_owners = service_owners
        self._marks = marks
        self._erasures = erasures
        self._pauses = pauses
        self._runs = runs
        self._stopped = asyncio.Event()
        self._notices_after = 0.0
        self._notices_wait = True
        self._people_changed = False
        self._deciders_checked: float | None = None
        self._checked_to = ""
        self._restarted: set[str] = set()
        """Runs whose workflow was started again in another cluster, and has not reported from there yet."""

    def stop(self) -> None:
        """Ends `run` after the check that is in progress: a cancelled query may leave its connection unreturned."""
        self._stopped.set()

    async def run(self) -> None:
        """Until `stop`. Survives every error: what failed is tried again after a pause, and the other parts go on."""
        loop = asyncio.get_running_loop()
        next_sweep = next_check = 0.0
        while not self._stopped.is_set():
            moved = False
            with self._surviving("relay"):
                moved = await self.follow()
            if moved or loop.time() >= next_sweep:
                with self._surviving("relay"):
                    await self.sweep()
                    next_sweep = loop.time() + self._cadence.sweep
            with self._surviving("relay"):
                await self._check_deciders(loop.time())
            if loop.time() >= next_check:
                next_check = loop.time() + self._cadence.sweep
                with self._surviving("ledger marks"):
                    if self._marks is not None:
                        await self._marks.keep()
                with self._surviving("erasures"):
                    if self._erasures is not None:
                        await self._erasures.carry_out()
                with self._surviving("relay"):
                    await self.start_missing()
            with self._surviving("pauses"):
                if self._pauses is not None:
                    await self._pauses.record()
            with self._surviving("webhooks"):
                await self.follow_for_webhooks()
            with self._surviving("notices"):
                await self._look_after_notices(moved, loop.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._cadence.follow)

    @contextlib.contextmanager
    def _surviving(self, part: str) -> Iterator[None]:
        """An error is logged without its message, which may name a person."""
        try:
            yield
        except (LedgerError, EngineUnavailable) as error:
            log.warning("%s paused, retrying: %s", part, type(error).__name__)
        except Exception as error:
            log.error("%s failed, retrying: %s", part, type(error).__name__)
            self._failed(part)

    async def follow(self) -> bool:
        """Nudges the runs that new events outside of them concern, then moves the stored cursor past what is there;
        True if anything was."""
        position = await engine_reports.position_of(self._database, CURSOR)
        tail = await self._ledger.tail_position()
        if tail == position:
            return False
        happened = await engine_reports.event_types_between(self._database, position, tail)
        if self._pauses is not None and HOLDS & happened:
            self._pauses.changed()
        if ALL_RUNS & happened:
            await self._nudge(await relay_queue.open_runs(self._database))
        elif happened:
            self._people_changed = self._people_changed or bool(PEOPLE & happened)
            # Who acts here, or what a packet grants, may have changed.
            await self._nudge(await engine_reports.runs_without_level(self._database))
        await engine_reports.keep_position(self._database, CURSOR, tail)
        return True

    async def _check_deciders(self, clock: float) -> None:
        """Nudges the runs that wait for a decision, so that each finds out whether enough people can still make it, and
        the runs of people who answer for services: after changes of people, delegations and services, once a minute at
        most, and every hour."""
        wait = self._cadence.deciders_after_change if self._people_changed else self._cadence.deciders
        if self._deciders_checked is not None and clock < self._deciders_checked + wait:
            return
        first, self._people_changed, self._deciders_checked = self._deciders_checked is None, False, clock
        if not first:
            await self._nudge(await engine_reports.runs_awaiting_decisions(self._database))
            if self._service_owners is not None:
                people = await self._service_owners()
                await self._nudge(await engine_reports.open_runs_of(self._database, people))

    async def sweep(self) -> int:
        """Nudges every run that is behind, and returns how many there were."""
        cluster = await self._engine.look_at_cluster()
        behind = await relay_queue.runs_behind(self._database, cluster, self._cadence.grace)
        await self._nudge(behind)
        elsewhere = await engine_reports.reported_elsewhere(self._database, cluster, behind)
        await self._record_restarts(sorted(elsewhere - self._restarted))
        self._restarted = elsewhere
        return len(behind)

    async def start_missing(self) -> int:
        """Starts the workflow of every open run that has none, whatever it reported last, and returns how many there
        were. Checks the next `CHECKED_AT_ONCE` open runs; after the last ones it begins again."""
        opened = await relay_queue.open_for(self._database, self._cadence.grace, self._checked_to, CHECKED_AT_ONCE)
        self._checked_to = opened[-1] if len(opened) == CHECKED_AT_ONCE else ""
        running = await self._engine.running(opened[0], opened[-1]) if opened else set()
        missing = [run_id for run_id in opened if run_id not in running]
        if missing:  # a run that was closed in between is none without a workflow
            missing = await engine_reports.still_open(self._database, missing)
        started = [run_id for run_id in missing if await self._engine.start_again(run_id)]
        if started:
            log.warning("relay started %d workflows that did not run", len(started))
            # The workflows of the others had not reported before: this was their first start.
            again = await engine_reports.reported_before(self._database, started)
            self._restarted |= again
            await self._record_restarts(sorted(again))
        return len(missing)

    async def _record_restarts(self, started: list[str]) -> None:
        if self._runs is None:
            return
        for run_id in started:
            await self._runs.record_fact(run_id, lambda state, world: [] if state.finished else [WorkflowRestarted()])

    async def follow_for_webhooks(self) -> int:
        """Starts the deliveries of new events, some at a time, and returns how many there were."""
        position = await engine_reports.position_of(self._database, HOOKS_CURSOR)
        if await self._ledger.tail_position() == position:
            return 0
        due, seen = await self._webhooks.due_after(position, DELIVERIES_AT_ONCE)
        for delivery in due:
            await self._engine.deliver(delivery.hook_id, delivery.position)
        await engine_reports.keep_position(self._database, HOOKS_CURSOR, seen)
        return len(due)

    async def _look_after_notices(self, moved: bool, clock: float) -> None:
        """Whenever the ledger has moved, but no more often than notices are gathered; and where the last look came from
        another cluster or the next one is overdue."""
        if self._notices_every is None:
            return
        self._notices_wait = self._notices_wait or moved
        if clock < self._notices_after:
            return
        if self._notices_wait or await is_look_late(self._database, self._engine.cluster, self._cadence.grace):
            await self._engine.nudge_notices()
            self._notices_wait = False
            self._notices_after = clock + self._notices_every

    async def _nudge(self, run_ids: list[str]) -> None:
        refused = 0
        for first in range(0, len(run_ids), NUDGED_AT_ONCE):
            nudges = [
                self._engine.nudge(run_id, within=ANSWER_WITHIN) for run_id in run_ids[first : first + NUDGED_AT_ONCE]
            ]
            for answer in await asyncio.gather(*nudges, return_exceptions=True):
                if isinstance(answer, EngineRefused):
                    refused += 1  # the other runs are nudged all the same
                elif answer is not None:
                    raise answer
        if refused:
            log.warning("Temporal refused the notification of %d runs", refused)
        if run_ids:
            log.info("relay notified Temporal of %d runs", len(run_ids) - refused)
