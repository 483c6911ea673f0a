"""The reads of a dry run beside a run: what systems show of its withheld steps, and of the person's accounts.

Nothing is changed in a system here. A system that can't be read is reported as unknown, and read again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from activities.attempts.accounts import MAX_WAIT_SECONDS, find_accounts
from activities.attempts.effects import effect_of
from activities.attempts.observation import Observer, observed
from activities.attempts.pacing import SystemPace, paced, rate_kept
from activities.connections import Connections
from activities.failures import log_unexpected
from connectors.errors import ConnectorError
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.expressions import ExpressionFailed
from orchestrator.domain.planning.plan import effect_key
from orchestrator.domain.planning.searching import reached_by
from orchestrator.domain.run.comparison.reads import ReadsDue, changes_found, shown_step, steps_to_read
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.book.errors import LedgerError, PersonErased
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.sealing import PersonKey

READ_BACK_SECONDS = 90.0
"""All read-backs of one system at a read. The activity that makes it may take twice as long."""


@dataclass(frozen=True, slots=True)
class ComparedReads:
    keyring: Keyring
    connections: Connections
    rates: Rates

    async def read(
        self, state: RunState, world: World, due: ReadsDue, observer: Observer, *, given_up: bool = False
    ) -> list[Event]:
        """The events to record. The twin of a person who was erased ends. `given_up`: no worker took the read from the
        systems' own task queue. Raises `LedgerError`."""
        try:
            key = await self.keyring.person_key(state.asked.person_id)
        except PersonErased:
            return [e.RunEnded(by="", reopened=state.reopened)]
        if state.asked.facts is None:
            return [e.RunEnded(by="", reopened=state.reopened)]
        if given_up:
            return [event for system in due.systems for event in _failed(state, due, system, "queue_unserved")]
        person = PersonFacts.model_validate(state.asked.facts)
        read = await asyncio.gather(
            *(self._system(state, world, system, due, person, key, observer) for system in due.systems)
        )
        return [event for events in read for event in events]

    async def _system(
        self,
        state: RunState,
        world: World,
        system: str,
        due: ReadsDue,
        person: PersonFacts,
        key: PersonKey,
        observer: Observer,
    ) -> list[Event]:
        try:
            async with asyncio.timeout(READ_BACK_SECONDS):
                compared: list[Event] = [*await self._read_back(state, world, system, due, person, observer)]
        except TimeoutError:
            return _failed(state, due, system, "deadline_over")
        except ConnectorError as error:
            return _failed(state, due, system, error.code)
        except LedgerError:
            raise
        except Exception as error:
            # An unexpected error on one system does not prevent the reads on the others.
            log_unexpected("a read of a dry run", error)
            return _failed(state, due, system, "unexpected")
        if due.read == "plan" or system not in state.accounts.searches:
            return compared
        found = await find_accounts(
            person, key, world.pinned, world.current, [(system, "confirm")], self.connections, self.rates, observer
        )
        details: dict[str, Any] = {one.account_id: one.model_dump(mode="json") for one in found.accounts}
        searched = e.AccountsSearched(results=found.results, details=details or None, troubles=found.troubles or None)
        return [*compared, *changes_found(state, due.read, found.results, details), searched]

    async def _read_back(
        self, state: RunState, world: World, system: str, due: ReadsDue, person: PersonFacts, observer: Observer
    ) -> list[e.StepCompared]:
        spec = reached_by(system, world.pinned, world.current)
        pace = SystemPace(self.rates, system, spec.rate_per_second)
        wanted = steps_to_read(state, system)
        if not wanted:
            return []
        connector = observed(paced(await self.connections.to(system, spec), pace), system, observer)
        compared: list[e.StepCompared] = []
        for step in wanted:
            key = effect_key(state.run_id, step.step_id, state.work.steps[step.step_id].generation)
            shown: e.StepShown = "unknown"
            code, evidence = "", None
            try:
                effect = effect_of(state, step, key, person)
                if (wait := await pace.take(at_most=MAX_WAIT_SECONDS)) is not None:
                    raise rate_kept(system, spec.rate_per_second or 0.0, wait)
                look = await connector.read_back(effect)
                evidence = dict(look.evidence)
                shown = shown_step(step, due.read, look.outcome, evidence.get("present") is not False, world)
            except ExpressionFailed:
                code = "parameter_unknown"
            except ConnectorError as error:
                if error.code != "account_gone":
                    raise
                shown = shown_step(step, due.read, "unknown", False, world)
                code = "account_gone" if shown == "unknown" else ""
            compared.append(
                e.StepCompared(
                    step_id=step.step_id,
                    digest=step.digest,
                    read=due.read,
                    outcome=shown,
                    code=code,
                    evidence={"read_back": evidence} if evidence else None,
                )
            )
        return compared


def _failed(state: RunState, due: ReadsDue, system: str, code: str) -> list[Event]:
    """The system could not say. For a system without such steps the failed search says when it is read again."""
    compared: Sequence[Event] = [
        e.StepCompared(step_id=step.step_id, digest=step.digest, read=due.read, outcome="unknown", code=code)
        for step in steps_to_read(state, system)
    ]
    failed = e.SystemSearched(system=system, purpose="confirm", outcome="failed", code=code)
    return [*compared, *([] if compared else [e.AccountsSearched(results=(failed,))])]
