"""The two activities that call systems: searches for accounts, and one attempt at each of several steps.

Each writes its own events: check, intent, effect, read-back, result. No activity only writes an event. Steps that fall
due together share one, and it also carries out the steps that it makes due (`step_group`).

Over 400 lines: searches, attempts and readings share how a system is reached.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import FailureError

from activities.attempts.accounts import find_accounts, unserved_searches
from activities.attempts.comparing import ComparedReads
from activities.attempts.current_facts import CurrentFacts
from activities.attempts.effects import effect_of
from activities.attempts.leases import LeaseCheck
from activities.attempts.observation import NO_OBSERVER, Observer, observed, reaction
from activities.attempts.pacing import SystemPace, paced
from activities.attempts.results import ObservedResult, Results
from activities.attempts.step_group import ActivityLimits, StepGroup
from activities.attempts.use_observer import UseObserver
from activities.attempts.watch import Watch
from activities.connections import Connections
from activities.failures import log_unexpected, redacted
from activities.heartbeats import with_heartbeats
from connectors.abilities import Connector, Effect, ReadBack
from connectors.elapsed import attempt_ends_at, local_seconds
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError
from connectors.exclusion import others_excluded_by
from orchestrator.deciding.left_open import report_left_open
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import Decide, RunDecision, RunSnapshot, Then
from orchestrator.domain.events import AccountsSearched, SystemSearched
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.expressions import ExpressionFailed
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.planning.searching import queue_of, reached_by, searches_due
from orchestrator.domain.run.comparison.reads import reads_due
from orchestrator.domain.run.progress import Progress
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps import steps
from orchestrator.domain.run.steps.readiness import World, readiness
from orchestrator.domain.run.steps.steps import AttemptResult, DueReading, Intent, ReadAnswer
from orchestrator.domain.run.watch.watching import checks_due
from orchestrator.ledger.book.errors import LedgerError, PersonErased
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.workflows.activity_stubs import ExecuteSteps, SearchAccounts

log = logging.getLogger("offboard.activities")

READ_BACK_INTERVAL_SECONDS = 0.2  # between two checks while a system settles
PACED_READ_BACK_INTERVAL_SECONDS = 1.0  # the same for a system with a rate
READ_BACK_GROWTH, MAX_READ_BACK_INTERVAL_SECONDS = 1.5, 5.0
MAX_PACE_WAIT_SECONDS = 3.0  # of a step, for its turn at a system with a rate
REMEDIES = {
    "try_again": "No action is needed: the step is retried automatically. If this continues, follow the system's "
    "runbook.",
    "refused": "Correct the cause in the system, then retry the step; or skip it and give a reason.",
    "action_required": "Follow the system's runbook in platform.yaml, then retry the step.",
}
"""For connectors that know no better one."""


class SystemActivities:
    def __init__(
        self, runs: Runs, keyring: Keyring, connections: Connections, rates: Rates, reports: EngineReports
    ) -> None:
        self._runs = runs
        self._keyring = keyring
        self._connections = connections
        self._rates = rates
        self._reports = reports

    @activity.defn(name="search_accounts")
    @redacted
    async def search_accounts(self, search: SearchAccounts) -> Progress:
        """Asks those of the named systems that are due by the ledger, and belong to the queue this was asked in. Then
        it carries out the steps that the answers make due on the same task queue."""
        return await with_heartbeats(self._search(search))

    async def _search(self, search: SearchAccounts) -> Progress:
        snapshot = await self._runs.load(search.run_id)
        state, world = snapshot.state, snapshot.world
        readiness_by_step = {id_: readiness(state, step, world) for id_, step in state.plan.steps.items()}
        # A step in the wrong queue stays due: the response names the right queue.
        here = activity.info().task_queue
        due = [
            (system, purpose)
            for system, purpose in searches_due(state, world, readiness_by_step).systems
            if system in search.systems and (search.given_up or queue_of(system, world) in (None, here))
        ]
        if not due:
            return await self._check_again(search, snapshot)
        if state.asked.facts is None:
            return self._heard(search.run_id, snapshot)
        try:
            key = await self._keyring.person_key(state.asked.person_id)
        except PersonErased:
            # This process still has data of an erased person in memory: drop it and report the erasure.
            gone = tuple(SystemSearched(system=s, purpose=p, outcome="failed", code="person_erased") for s, p in due)
            decided = await self._runs.record_fact(search.run_id, lambda state, world: [AccountsSearched(results=gone)])
            return self._heard(search.run_id, decided)
        person = PersonFacts.model_validate(state.asked.facts)
        if search.given_up:
            found = unserved_searches((system, purpose, queue_of(system, world) or here) for system, purpose in due)
        else:
            observer = self._observer(state, world)
            found = await find_accounts(
                person, key, world.pinned, world.current, due, self._connections, self._rates, observer
            )
        for result in found.results:
            if result.outcome == "failed":
                self._not_called(state, world, result.system, result.code)
        details: dict[str, Any] = {a.account_id: a.model_dump(mode="json") for a in found.accounts}
        searched = AccountsSearched(results=found.results, details=details, troubles=found.troubles or None)
        group = self._group(search.run_id, None if search.given_up else queue_of(due[0][0], world))
        decided = await group.record(lambda state, world: [] if state.finished else [searched])
        await group.finish()
        return self._heard(search.run_id, group.last or decided)

    async def _check_again(self, search: SearchAccounts, snapshot: RunSnapshot) -> Progress:
        """The systems of a closed run whose check is due, of those that were named; those of a dry run beside a run
        whose read is due."""
        state, world = snapshot.state, snapshot.world
        if state.twin_of is not None:
            return await self._compare(search, snapshot)
        checks, here = checks_due(state, world), activity.info().task_queue
        systems = tuple(
            system
            for system in checks.systems
            if system in search.systems and (search.given_up or queue_of(system, world) in (None, here))
        )
        if not systems:
            return self._heard(search.run_id, snapshot)
        due = replace(checks, systems=systems)
        watch = Watch(self._runs, self._keyring, self._connections, self._rates)
        checked = await watch.check(state, world, due, self._observer(state, world), given_up=search.given_up)
        decided = await self._runs.record_fact(
            search.run_id, lambda state, world: [checked] if checks_due(state, world).systems else []
        )
        return self._heard(search.run_id, decided)

    async def _compare(self, search: SearchAccounts, snapshot: RunSnapshot) -> Progress:
        """A read that was made by the time its result is recorded is not recorded again."""
        state, world, here = snapshot.state, snapshot.world, activity.info().task_queue
        due = reads_due(state, world)
        systems = tuple(
            system
            for system in due.systems
            if system in search.systems and (search.given_up or queue_of(system, world) in (None, here))
        )
        if not systems:
            return self._heard(search.run_id, snapshot)
        reads = ComparedReads(self._keyring, self._connections, self._rates)
        found = await reads.read(
            state, world, replace(due, systems=systems), self._observer(state, world), given_up=search.given_up
        )

        def record(now: RunState, world: World) -> list[Event]:
            same = now.plan.revision == state.plan.revision and now.cutoff == state.cutoff
            return found if same and set(systems) <= set(reads_due(now, world).systems) else []

        # First the exceptions of the run beside it: they are reported again if this worker dies in between.
        after = state
        for event in found:
            after = fold(after, event, world.now)
        await report_left_open(self._runs, after)
        return self._heard(search.run_id, await self._runs.record_fact(search.run_id, record))

    @activity.defn(name="execute_steps")
    @redacted
    async def execute_steps(self, due: ExecuteSteps) -> Progress:
        """One attempt at each step, or one reading of what is read again, side by side; then what they make due on the
        same task queue. The answer says what else is due."""
        return await with_heartbeats(self._execute(due))

    async def _execute(self, due: ExecuteSteps) -> Progress:
        group = self._group(due.run_id)
        begun = await group.begin(due.step_ids)
        await group.finish()
        return self._heard(due.run_id, group.last or begun)

    def _group(self, run_id: str, queue: str | None = None) -> StepGroup:
        info, since = activity.info(), local_seconds()
        lasts = (info.start_to_close_timeout or timedelta(0)).total_seconds()

        def seconds() -> float:
            return lasts - (local_seconds() - since)

        def is_open() -> bool:
            return not (activity.is_cancelled() or activity.is_worker_shutdown())

        return StepGroup(self._runs, run_id, self, ActivityLimits(info.task_queue, seconds, is_open), queue)

    async def attempt_one(self, begun: RunDecision, intent: Intent, lease: LeaseCheck, results: Results) -> None:
        step = intent.step
        with self._observer(begun.state, begun.world).step(
            run_id=begun.state.run_id,
            name=step.name,
            system=step.system,
            ability=step.ability,
            attempt=intent.started.attempt,
        ) as seen:
            answer = await self._carry_out(begun.state, begun.world, intent, lease)
            observed_result = ObservedResult(step)

            def record_fact(state: RunState, world: World) -> list[Event]:
                result = steps.verdict(state, intent, answer, world.now)
                observed_result.will_be(result, state, world)
                return [result] if result is not None else []

            await results.record(record_fact)
            seen.ended(observed_result.outcome, observed_result.code, observed_result.after_cutoff)

    async def read_one(self, begun: RunDecision, reading: DueReading, results: Results) -> None:
        """Reads a step again that is done. Nothing is called that changes anything, so there is no intent."""
        answer = await self._read(begun.state, begun.world, reading)
        await results.record(lambda state, world: steps.read_again(state, reading, answer, world))

    async def _read(self, state: RunState, world: World, reading: DueReading) -> ReadAnswer:
        step, look = reading.step, None
        try:
            pace, connector, person = await self._reach(state, world, step)
            for key in reading.effect_keys:
                effect = _effect(state, step, key, person)
                await pace.take_or_go_on(at_most=step.deadline)
                found = await self.read_back(connector, effect)
                look = found if look is None or found.outcome == "done" else look
                if look.outcome == "done":
                    break
        except ExpressionFailed as error:
            return ReadAnswer("unknown", "parameter_unknown", {"parameter": error.source, "reason": error.reason})
        except ConnectorError as error:
            self._not_called(state, world, step.system, error.code)
            return ReadAnswer("unknown", error.code, {"said": error.detail, "remedy": error.remedy})
        except (LedgerError, FailureError):
            raise
        except Exception as error:
            return ReadAnswer("unknown", "unexpected", {"said": log_unexpected("a step", error)})
        assert look is not None, "a reading has at least one key"
        return ReadAnswer(look.outcome, evidence={"read_back": dict(look.evidence)})

    def _observer(self, state: RunState, world: World) -> Observer:
        """Whether metrics, traces and the page Systems may show a call of the run. People who may not see a run under
        embargo read them."""
        hidden = state.embargo_until is not None and world.now < state.embargo_until
        if hidden:
            return NO_OBSERVER
        observer, uses = self._connections.observer, self._connections.uses
        return observer if uses is None else UseObserver(observer, uses, state.asked.packet)

    def _not_called(self, state: RunState, world: World, system: str, code: str) -> None:
        observer = self._observer(state, world)
        if isinstance(observer, UseObserver):
            observer.not_called(system, code)

    # The four moments at which a worker can die and leave something behind have names, so that tests can kill it there.

    async def record_intent(self, run_id: str, begin: Decide) -> RunDecision:
        return await self._runs.record_intent(run_id, begin)

    async def attempt(self, connector: Connector, effect: Effect) -> dict[str, Any]:
        return dict((await connector.attempt(effect)).detail)

    async def read_back(self, connector: Connector, effect: Effect) -> ReadBack:
        return await connector.read_back(effect)

    async def record_result(self, run_id: str, conclude: Decide, then: Then) -> RunDecision:
        return await self._runs.record_fact(run_id, conclude, then)

    async def _carry_out(self, state: RunState, world: World, intent: Intent, lease: LeaseCheck) -> AttemptResult:
        step = intent.step
        try:
            pace, connector, person = await self._reach(state, world, step)
            effect = _effect(state, step, intent.started.effect_key, person)
            return await self._look_and_act(connector, effect, intent, lease, _Turns(pace, step))
        except ExpressionFailed as error:
            detail = {"parameter": error.source, "reason": error.reason}
            return AttemptResult("action_required", "no", "parameter_unknown", detail=detail)
        except ConnectorError as error:
            self._not_called(state, world, step.system, error.code)
            return _failed(error, None)
        except (LedgerError, FailureError):
            raise
        except Exception as error:
            # A fault of ours or of a connector: the step fails and says so, instead of the activity for ever.
            return AttemptResult("try_again", "unknown", "unexpected", detail={"said": log_unexpected("a step", error)})

    async def _reach(
        self, state: RunState, world: World, step: PlannedStep
    ) -> tuple[SystemPace, Connector, PersonFacts | None]:
        """The system of a step, its turns, and what HR says about the person now; None for an erased person. Raises
        `ConnectorError`."""
        spec = reached_by(step.system, world.pinned, world.current)
        pace = SystemPace(self._rates, step.system, spec.rate_per_second)
        plain = await self._connections.to(step.system, spec)
        person = None
        if state.asked.facts is not None:
            facts = CurrentFacts(self._connections, self._keyring)
            person = await facts.of(state, world, step, plain.abilities.get(step.ability))
        return pace, observed(paced(plain, pace), step.system, self._observer(state, world)), person

    async def _look_and_act(
        self, connector: Connector, effect: Effect, intent: Intent, lease: LeaseCheck, turns: _Turns
    ) -> AttemptResult:
        step = intent.step
        if intent.look_first:
            found = await self._found_before(connector, effect, intent, turns)
            if isinstance(found, AttemptResult):
                return found
            look = found
            if not intent.may_act:
                detail = {"read_back": dict(look.evidence)}
                return AttemptResult(read=look.outcome, acted=False, code="outcome_unknown", detail=detail)
        elif not intent.may_act:
            return AttemptResult(acted=False, code="outcome_unknown")
        if (busy_for := await turns.soon()) is not None:
            return AttemptResult("try_again", "no", "rate_kept", retry_after=busy_for)
        try:
            reply = await self._called(connector, effect, intent, lease)
        except ConnectorError as error:
            if not step.read_back:
                return _failed(error, None)
            if error.happened == "no":
                return _failed(error, await self._done_despite_refusal(connector, effect, error, turns))
            # Whatever the answer was, the system shows whether it is done.
            return _failed(error, await self._settled(connector, effect, step.settle, turns))
        if isinstance(reply, AttemptResult):
            return reply
        if not step.read_back:
            return AttemptResult(detail={"reply": reply})
        look = await self._settled(connector, replace(effect, replied=reply), step.settle, turns)
        return AttemptResult(
            read=look.outcome, code="not_shown", detail={"reply": reply, "read_back": dict(look.evidence)}
        )

    async def _called(
        self, connector: Connector, effect: Effect, intent: Intent, lease: LeaseCheck
    ) -> AttemptResult | dict[str, Any]:
        """The reply to the call; or why no call was made."""
        seen = await lease.check(intent)
        if seen.refused is not None:
            log.warning("no call was made for a step: %s", seen.refused)
            return AttemptResult("try_again", "no", seen.refused)
        with attempt_ends_at(seen.checked_at + effect.deadline), others_excluded_by(self._exclusion):
            return await self.attempt(connector, effect)

    def _exclusion(self, thing: str, at_most: float) -> AbstractAsyncContextManager[bool]:
        """Of all workers. The name of a group can be that of a person, and PostgreSQL may log what it is asked."""
        name = f"change {hashlib.sha256(thing.encode()).hexdigest()}"
        return self._rates.one_at_a_time(name, at_most=min(at_most, MAX_PACE_WAIT_SECONDS))

    async def _found_before(
        self, connector: Connector, effect: Effect, intent: Intent, turns: _Turns
    ) -> AttemptResult | ReadBack:
        """What the system shows before the call: the result if it shows the effect of this generation or of one
        before it, or cannot be asked; otherwise what it showed of this generation."""
        look: ReadBack | None = None
        for key in (*intent.earlier_keys, effect.effect_key):
            if (busy_for := await turns.soon()) is not None:
                return AttemptResult("try_again", "no", "rate_kept", retry_after=busy_for)
            try:
                look = await self.read_back(connector, replace(effect, effect_key=key))
            except ConnectorError as error:
                if intent.may_stood:
                    raise
                return replace(_failed(error, None), happened="no")  # nothing was called yet
            if look.outcome == "done":
                return AttemptResult(read="done", detail={"read_back": dict(look.evidence), "found_done": True})
        assert look is not None
        return look

    async def _done_despite_refusal(
        self, connector: Connector, effect: Effect, error: ConnectorError, turns: _Turns
    ) -> ReadBack | None:
        """What the system shows after it refused, if it shows that the effect was done before. Systems refuse what is
        done already, such as disabling an account that is disabled."""
        if not isinstance(error, RefusedError) and error.code != "changed_meanwhile":
            return None
        look = await self._settled(connector, effect, 0.0, turns)
        return look if look.outcome == "done" else None

    async def _settled(self, connector: Connector, effect: Effect, seconds: float, turns: _Turns) -> ReadBack:
        """Reads back until it shows done or the system has had its time to settle; what cannot be read is `unknown`.
        The pauses grow: a look may be many requests, where it has to show that a list is not empty for everyone."""
        until, pause = asyncio.get_running_loop().time() + seconds, turns.between_looks
        while True:
            await turns.next()
            try:
                look = await self.read_back(connector, effect)
            except ConnectorError as error:
                look = ReadBack("unknown", {"code": error.code})
            left = until - asyncio.get_running_loop().time()
            if look.outcome == "done" or left <= 0:
                return look
            await asyncio.sleep(min(pause, left))
            pause = min(pause * READ_BACK_GROWTH, MAX_READ_BACK_INTERVAL_SECONDS)

    def _heard(self, run_id: str, seen: RunSnapshot | RunDecision) -> Progress:
        progress = seen.progress
        self._reports.note(run_id, progress, seen.world.now)
        return progress


class _Turns:
    """The turns of one attempt at a step at its system, each request's own where the system has a rate."""

    def __init__(self, pace: SystemPace, step: PlannedStep) -> None:
        self._pace = pace
        self._step = step
        self.between_looks = PACED_READ_BACK_INTERVAL_SECONDS if pace.limited else READ_BACK_INTERVAL_SECONDS

    async def soon(self) -> float | None:
        """For a call that may as well be made later: None when its turn has come, else in how many seconds one may
        be free. The lease is for the calls, not for a long queue before them."""
        return await self._pace.take(at_most=min(MAX_PACE_WAIT_SECONDS, self._step.deadline))

    async def next(self) -> None:
        """For the look after a call. What the call did must be seen, or a person is asked about it: after a whole
        deadline of waiting it is made out of turn. A call that has not acted yet waits for less and gives way, so the
        queue is hardly ever that long."""
        await self._pace.take_or_go_on(at_most=self._step.deadline)


def _effect(state: RunState, step: PlannedStep, effect_key: str, person: PersonFacts | None) -> Effect:
    """Raises `ExpressionFailed` where a parameter cannot be worked out, `ActionRequiredError` for an erased person."""
    if person is None:
        raise ActionRequiredError(
            "person_erased", remedy="Cancel the run: the person's data has been erased.", happened="no"
        )
    return effect_of(state, step, effect_key, person)


def _failed(error: ConnectorError, look: ReadBack | None) -> AttemptResult:
    wanted = reaction(error)
    detail: dict[str, Any] = {"said": error.detail, "remedy": error.remedy or REMEDIES[wanted]}
    if look is not None:
        detail["read_back"] = dict(look.evidence)
    return AttemptResult(
        wanted, error.happened, error.code, error.retry_after, look.outcome if look is not None else None, detail=detail
    )
