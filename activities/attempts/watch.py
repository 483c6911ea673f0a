"""The checks of a closed run: HR is asked first, then each system is searched and its removals are read back again.

Nothing is changed in a system here. What comes back is one event for the systems of one task queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from activities.attempts.accounts import MAX_WAIT_SECONDS, find_accounts
from activities.attempts.current_facts import is_another_person, taken_back
from activities.attempts.effects import effect_of
from activities.attempts.observation import Observer, observed
from activities.attempts.pacing import SystemPace, paced, rate_kept
from activities.connections import Connections
from activities.failures import log_unexpected
from activities.inquiries.people import People
from connectors.errors import ConnectorError
from orchestrator.deciding.person_runs import last_run_of
from orchestrator.deciding.runs import Runs
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.expressions import ExpressionFailed
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import effect_key
from orchestrator.domain.planning.searching import Purpose, reached_by
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.watch.watching import ChecksDue, ReadAgain, judge_check, steps_to_read
from orchestrator.ledger.book.errors import LedgerError, PersonErased
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.sealing import PersonKey

READ_BACK_SECONDS = 90.0
"""All read-backs of one system at a check. The activity that makes it may take twice as long."""


@dataclass(frozen=True, slots=True)
class _Checked:
    result: e.WatchedSystem
    accounts: tuple[FoundAccount, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    runs: Runs
    keyring: Keyring
    connections: Connections
    rates: Rates

    async def check(
        self, state: RunState, world: World, due: ChecksDue, observer: Observer, *, given_up: bool = False
    ) -> Event:
        """The event to record: what the systems showed, or that the watch is over. `given_up`: no worker took the check
        from the systems' own task queue. Raises `LedgerUnavailable`."""
        last = await last_run_of(self.runs.ledger, self.runs.load, state.asked.person_id)
        if last is not None and last.state.run_id != state.run_id:
            return e.WatchEnded(cause="later_run")
        try:
            key = await self.keyring.person_key(state.asked.person_id)
        except PersonErased:
            return e.WatchEnded(cause="person_erased")
        if state.asked.facts is None:
            return e.WatchEnded(cause="person_erased")
        person = PersonFacts.model_validate(state.asked.facts)
        if given_up:
            return _event(due, [_failed(system, "queue_unserved") for system in due.systems])
        try:
            if await self._employed_again(state, world, person):
                return e.WatchEnded(cause="employed_again")
        except ConnectorError as error:
            hr = world.current.platform.hr.system
            return _event(due, [_failed(hr, error.code, f"{error.detail} {error.remedy}".strip())])
        checked = await asyncio.gather(
            *(self._system(state, world, system, person, key, observer) for system in due.systems)
        )
        return _event(due, checked)

    async def _employed_again(self, state: RunState, world: World, person: PersonFacts) -> bool:
        if not person.hr_id:
            return False
        now = await People(self.connections, world.current, self.keyring).by_id(person.hr_id)
        return now is not None and not is_another_person(person, now) and taken_back(now, state, world)

    async def _system(
        self, state: RunState, world: World, system: str, person: PersonFacts, key: PersonKey, observer: Observer
    ) -> _Checked:
        asked: list[tuple[str, Purpose]] = [(system, "confirm")]
        found = await find_accounts(
            person, key, world.pinned, world.current, asked, self.connections, self.rates, observer
        )
        [searched] = found.results
        if searched.outcome == "failed":
            return _failed(system, searched.code, found.troubles.get(system, ""))
        try:
            async with asyncio.timeout(READ_BACK_SECONDS):
                read = await self._read_back(state, world, system, person, observer)
        except TimeoutError:
            return _failed(system, "deadline_over")
        except ConnectorError as error:
            return _failed(system, error.code, f"{error.detail} {error.remedy}".strip())
        except LedgerError:
            raise
        except Exception as error:
            # An unexpected error on one system does not prevent the checks on the others.
            return _failed(system, "unexpected", log_unexpected("a check after the close", error))
        details = {one.account_id: one.model_dump(mode="json") for one in found.accounts}
        return _Checked(judge_check(state, searched, details, read), found.accounts)

    async def _read_back(
        self, state: RunState, world: World, system: str, person: PersonFacts, observer: Observer
    ) -> dict[str, ReadAgain]:
        """By step. An account that is not there any more gives no access."""
        spec = reached_by(system, world.pinned, world.current)
        pace = SystemPace(self.rates, system, spec.rate_per_second)
        connector = observed(paced(await self.connections.to(system, spec), pace), system, observer)
        read: dict[str, ReadAgain] = {}
        for step in steps_to_read(state, system):
            key = effect_key(state.run_id, step.step_id, state.work.steps[step.step_id].generation)
            try:
                effect = effect_of(state, step, key, person)
            except ExpressionFailed:
                read[step.step_id] = "unknown"
                continue
            if (wait := await pace.take(at_most=MAX_WAIT_SECONDS)) is not None:
                raise rate_kept(system, spec.rate_per_second or 0.0, wait)
            try:
                read[step.step_id] = (await connector.read_back(effect)).outcome
            except ConnectorError as error:
                if error.code != "account_gone":
                    raise
                read[step.step_id] = "done"
        return read


def _failed(system: str, code: str, trouble: str = "") -> _Checked:
    return _Checked(e.WatchedSystem(system=system, outcome="failed", code=code), trouble=trouble)


def _event(due: ChecksDue, checked: Sequence[_Checked]) -> e.SystemsWatched:
    """With the details of accounts where access was found: only those say something new."""
    details: dict[str, Any] = {
        account.account_id: account.model_dump(mode="json")
        for one in checked
        if one.result.outcome == "access_found"
        for account in one.accounts
    }
    troubles = {one.result.system: one.trouble for one in checked if one.trouble}
    return e.SystemsWatched(
        day=due.day,
        results=tuple(one.result for one in checked),
        details=details or None,
        troubles=troubles or None,
    )
