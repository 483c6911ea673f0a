"""A worker that kills or stops itself: `python -m tests.integration.killable_worker POINT COUNT SIGNAL`.

Its settings are in the environment.

It sends itself SIGNAL (SIGKILL or SIGSTOP) when COUNT attempts are at the point at the same time, so that one death
finds every step there. After a SIGSTOP it continues where it was, and does not stop again:

    before_intent   asked to execute a step, nothing is written yet
    after_intent    the intent is in the ledger, the system has heard nothing
    during_call     the call is on its way
    after_effect    the system has answered, no one has looked or written
    after_read_back it was read back, the result is not written
    after_start     a run is opened, and the answer to `StartAsked` is not written
    never           it works until it is killed from outside
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from activities.attempts.leases import LeaseCheck
from activities.attempts.systems import SystemActivities
from activities.connections import Connections
from activities.inquiries import inquiries
from activities.starts import Starts
from connectors.abilities import Connector, Effect
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import Decide, RunDecision, Then
from orchestrator.documents.runs.questions import StartAsked, Started
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.steps.steps import AttemptResult, Intent
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.settings import Settings
from orchestrator.worker import relaying, working
from tests.integration.cadence import QUICK

StepPoint = Literal["before_intent", "after_intent", "during_call", "after_effect", "after_read_back"]
Point = StepPoint | Literal["after_start", "never"]
POINTS: tuple[StepPoint, ...] = get_args(StepPoint)
"""Those that lie in the execution of a step."""
ANY_NUMBER = 1000
"""For how many attempts an activity counts before its intents: how many they will be is not known yet."""


class Cliff:
    """Where `count` of them wait for the signal."""

    def __init__(self, point: Point, count: int, number: signal.Signals = signal.SIGKILL) -> None:
        self.point: Point = point
        self._missing = count
        self._number = number
        self._continued = asyncio.Event()

    async def reach(self, point: Point, steps: int = 1) -> None:
        """`steps` come by at once. Nothing continues at the point that was named, unless after a SIGSTOP."""
        if point != self.point:
            return
        self._missing -= steps
        if self._missing <= 0:
            os.kill(os.getpid(), self._number)
            self.point = "never"
            self._continued.set()
        await self._continued.wait()

    def is_at(self, point: Point) -> bool:
        return point == self.point


class MortalActivities(SystemActivities):
    def __init__(
        self,
        runs: Runs,
        keyring: Keyring,
        connections: Connections,
        rates: Rates,
        reports: EngineReports,
        *,
        cliff: Cliff,
    ) -> None:
        super().__init__(runs, keyring, connections, rates, reports)
        self._cliff = cliff

    async def record_intent(self, run_id: str, begin: Decide) -> RunDecision:
        await self._cliff.reach("before_intent", steps=ANY_NUMBER)
        return await self._after_intents(await super().record_intent(run_id, begin))

    async def record_result(self, run_id: str, conclude: Decide, then: Then) -> RunDecision:
        return await self._after_intents(await super().record_result(run_id, conclude, then))

    async def _after_intents(self, decided: RunDecision) -> RunDecision:
        begun = sum(event.type_name() == "StepStarted" for event in decided.events)
        if begun:
            await self._cliff.reach("after_intent", begun)
        return decided

    async def attempt(self, connector: Connector, effect: Effect) -> dict[str, Any]:
        if self._cliff.is_at("during_call"):
            call = asyncio.create_task(super().attempt(connector, effect))
            # Long enough for the request to leave; the tests make the systems slower than this.
            await asyncio.wait([call], timeout=0.25)
            await self._cliff.reach("during_call")
            return await call
        reply = await super().attempt(connector, effect)
        await self._cliff.reach("after_effect")
        return reply

    async def _carry_out(self, state: RunState, world: World, intent: Intent, lease: LeaseCheck) -> AttemptResult:
        answer = await super()._carry_out(state, world, intent, lease)
        # Nothing lies between the end of the read-back and here; what is not read back comes by as well.
        await self._cliff.reach("after_read_back")
        return answer


class MortalStarts(Starts):
    cliff: Cliff

    async def start(
        self, asked_by: str, asked: StartAsked, start_id: str, waits: Callable[[], Awaitable[bool]]
    ) -> Started:
        started = await super().start(asked_by, asked, start_id, waits)
        await self.cliff.reach("after_start")
        return started


async def work(point: Point, count: int, number: signal.Signals) -> None:
    cliff = MortalStarts.cliff = Cliff(point, count, number)
    inquiries.Starts = MortalStarts  # type: ignore[misc]  # the worker makes its own; this process is one that dies

    def make(
        runs: Runs, keyring: Keyring, connections: Connections, rates: Rates, reports: EngineReports
    ) -> SystemActivities:
        return MortalActivities(runs, keyring, connections, rates, reports, cliff=cliff)

    async with (
        working(Settings.read(), make_activities=make) as (backend, engine),
        relaying(backend, engine, cadence=QUICK),
    ):
        logging.getLogger("offboard.worker").info("ready")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(work(sys.argv[1], int(sys.argv[2]), signal.Signals[sys.argv[3]]))  # type: ignore[arg-type]
