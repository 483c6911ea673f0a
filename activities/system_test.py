"""Tests one system: the connection, the credential and its permissions, one person looked up, and what a run would do
there. Requests that read are sent, and no other (`connectors.rehearsal`).

Texts of systems can name people, so those about the person and about requests are not in the result: codes and our own
words are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from activities.connections import Connections
from activities.failures import log_unexpected
from connectors import registry
from connectors.abilities import Account, Connector, Effect, Lookup, Pace
from connectors.errors import ConnectorError, RefusedError
from connectors.network.reach import ConnectionStep, try_connection
from connectors.rehearsal import Rehearsal, Rehearses, with_counts
from orchestrator.documents.system_test import Part, PartOutcome, RequestOfRun, SystemTested, TestedAbility, TestedPart
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.expressions import Expression, ExpressionFailed, RunFacts, parameter_values
from orchestrator.domain.packet.packet import Packet, SystemSpec
from orchestrator.domain.planning.matching import FoundAccount, MatchResult, lookups, match_accounts

CONNECTION_SECONDS = 10.0
CHECK_SECONDS = 20.0
TEST_SECONDS = 60.0
"""Of a whole test. What is not done by then is named as not tested."""
_PERMISSIONS = frozenset({"rights_missing"})
_PARTS: tuple[Part, ...] = ("credential", "permissions", "person", "requests")
_NOT_REACHED = "Not tested, because of what failed before."
_FOUND: Mapping[str, tuple[PartOutcome, str, str]] = {
    "matched": ("passed", "one account, matched by {keys}", ""),
    "none": ("partly", "no account", "If the person has an account here, correct the match keys in platform.yaml."),
    "ambiguous": ("partly", "several possible accounts, by {keys}: a person confirms the right one in a run", ""),
    "weak": ("partly", "a possible account, by {keys}: a person confirms it in a run", ""),
}


@dataclass(frozen=True, slots=True)
class StepToTest:
    """An ability, with the packet's step that names it and its parameters."""

    ability: str
    step: str = ""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    when: str | None = None


def every_ability(kind: str) -> list[StepToTest]:
    """For a system that no packet names yet. A kind that is not known has none."""
    return [StepToTest(ability) for ability in registry.connector_kinds().get(kind, {})]


def steps_of(packet: Packet, system: str) -> list[StepToTest]:
    """The packet's steps on the system, in its order."""
    return [
        StepToTest(step.ability or "", step.name, step.parameters, step.when)
        for step in packet.workflow.steps
        if step.system == system and step.ability is not None
    ]


def person_named(wanted: str) -> PersonFacts:
    """A person of whom only a mail address is known, or an employee number."""
    if "@" in wanted:
        return PersonFacts(hr_id="", employee_number="", email=wanted)
    return PersonFacts(hr_id="", employee_number=wanted)


class SystemTest:
    """One test. `heard` is called with each part when it is done. `person` has what is known of the person to look up:
    HR's facts, or a mail address alone; None if no one is looked up."""

    def __init__(
        self,
        connections: Connections,
        system: str,
        spec: SystemSpec,
        steps: Sequence[StepToTest],
        person: PersonFacts | None,
        now: datetime,
        heard: Callable[[TestedPart], object] = lambda part: None,
    ) -> None:
        self._connections = connections
        self._system, self._spec = system, spec
        self._steps, self._person, self._now = steps, person, now
        self._heard = heard
        self._parts: list[TestedPart] = []
        self._abilities: list[TestedAbility] = []
        self._labels: tuple[str, ...] = ()

    async def run(self) -> SystemTested:
        """Ends within `TEST_SECONDS`. Raises nothing that a connector raises."""
        try:
            async with asyncio.timeout(TEST_SECONDS):
                await self._run()
        except TimeoutError:
            self._rest("The test took too long.")
        failed = any(part.outcome == "failed" for part in self._parts)
        return SystemTested(
            system=self._system,
            title=self._spec.title,
            kind=self._spec.connector,
            ok=not failed,
            tested_at=self._now,
            parts=tuple(self._parts),
            abilities=tuple(self._abilities),
            accounts=self._labels,
        )

    async def _run(self) -> None:
        connector = await self._settings()
        if connector is None or not await self._connection() or not await self._check(connector):
            self._rest(_NOT_REACHED)
        else:
            await self._requests(connector, await self._look_up(connector))

    async def _settings(self) -> Connector | None:
        began = _time()
        try:
            connector = await self._connections.to(self._system, self._spec)
        except ConnectorError as error:
            self._failed("settings", error, began)
            return None
        self._done("settings", "passed", "complete", began)
        return connector

    async def _connection(self) -> bool:
        endpoint = self._connections.endpoint(self._system, self._spec)
        if endpoint is None:
            return True

        def took(step: ConnectionStep) -> None:
            self._add(
                TestedPart(
                    part=step.name,
                    outcome="passed" if step.passed else "failed",
                    code="" if step.passed else "unreachable",
                    said=step.said,
                    remedy=step.remedy,
                    milliseconds=round(step.seconds * 1000),
                )
            )

        return await try_connection(endpoint, deadline=CONNECTION_SECONDS, done=took)

    async def _check(self, connector: Connector) -> bool:
        began = _time()
        try:
            checked = await connector.check(deadline=CHECK_SECONDS, pace=self._pace(CHECK_SECONDS))
        except ConnectorError as error:
            self._failed("credential", error, began)
            return False
        except Exception as error:
            self._done("credential", "failed", log_unexpected("a test", error), began, code="unexpected")
            return False
        code = checked.code or ("" if checked.reachable else "not_reachable")
        if code in _PERMISSIONS:
            self._done("credential", "passed", "accepted", began)
            self._done("permissions", "failed", checked.detail, _time(), code=code)
            return False
        if not checked.reachable:
            self._done("credential", "failed", checked.detail, began, code=code)
            return False
        accepted = checked.detail if not checked.lacking else f"{checked.warning} accepted".lstrip()
        self._done("credential", "partly" if checked.warning else "passed", accepted, began)
        if checked.lacking:
            self._done("permissions", "partly", f"Missing for: {'; '.join(checked.lacking)}", _time())
        else:
            self._done("permissions", "passed", "none is known to be missing", _time())
        return True

    async def _look_up(self, connector: Connector) -> Account | None:
        began = _time()
        if self._person is None:
            self._done("person", "skipped", "No person was named.", began)
            return None
        questions = [Lookup(attribute, value) for attribute, value in lookups(self._person, self._spec.match)]
        if not questions:
            said = "No match key of the system has a value for this person."
            self._done("person", "skipped", said, began, code="no_match_value")
            return None
        deadline = self._spec.deadline.total_seconds()
        try:
            found = await connector.find_accounts(questions, deadline=deadline, pace=self._pace(deadline))
        except ConnectorError as error:
            self._done("person", "failed", "The search failed.", began, code=error.code, remedy=error.remedy)
            return None
        except Exception as error:
            self._done("person", "failed", log_unexpected("a test", error), began, code="unexpected")
            return None
        matched = self._matched(found)
        outcome, said, remedy = _FOUND[matched.outcome]
        self._labels = tuple(one.label for one in matched.candidates)
        self._done(
            "person",
            outcome,
            said.format(keys=", ".join(key.replace("_", " ") for key in matched.keys)),
            began,
            remedy=remedy,
        )
        chosen = matched.account
        return None if chosen is None else next(one for one in found if one.native_id == chosen.native_id)

    def _matched(self, found: Sequence[Account]) -> MatchResult:
        assert self._person is not None
        accounts = [
            FoundAccount(
                system=self._system,
                account_id=str(number),
                native_id=one.native_id,
                label=one.label,
                attributes=dict(one.attributes),
                active=one.active,
                privileged=one.privileged,
                secondary=tuple(sorted(one.secondary)),
            )
            for number, one in enumerate(found)
        ]
        return match_accounts(self._person, self._spec.match, accounts)

    async def _requests(self, connector: Connector, account: Account | None) -> None:
        began = _time()
        if account is None or not self._steps:
            said = "A person with an account here is needed." if self._steps else "No step acts in this system."
            self._done("requests", "skipped", said, began)
            return
        for step in self._steps:
            self._abilities.append(await self._rehearsed(connector, step, account))
        outcomes = [one.outcome for one in self._abilities]
        changes = sum(one.times for each in self._abilities for one in each.requests if one.changes)
        said = f"{changes} requests that change something, none of them sent"
        self._done("requests", "partly" if "failed" in outcomes else "passed", said, began)

    async def _rehearsed(self, connector: Connector, step: StepToTest, account: Account) -> TestedAbility:
        def result(outcome: PartOutcome, said: str = "", code: str = "", remedy: str = "") -> TestedAbility:
            return TestedAbility(
                ability=step.ability, step=step.step, outcome=outcome, said=said, code=code, remedy=remedy
            )

        try:
            if not self._wanted(step, account):
                return result("skipped", "The step's condition does not hold for this person.")
            parameters = self._parameters(step)
        except ExpressionFailed:
            return result("skipped", "The step's parameters need facts that this test does not have.")
        deadline = self._spec.deadline.total_seconds()
        effect = Effect(step.ability, f"test/{self._system}/{step.ability}", account, parameters, deadline)
        try:
            if not isinstance(connector, Rehearses):
                return result("skipped", "This kind of connector cannot say which requests it would send.")
            rehearsal = await connector.rehearse(effect, pace=self._pace(deadline))
        except ConnectorError as error:
            if error.code == "parameter_missing":
                return result("skipped", "The packet sets its parameters.", error.code)
            # What the system or the connector refuses now may be possible after an earlier step of the run.
            return result("partly" if isinstance(error, RefusedError) else "failed", "", error.code, error.remedy)
        except Exception as error:
            return result("failed", log_unexpected("a test", error), "unexpected")
        if rehearsal is None:
            return result("skipped", "This kind of connector cannot say which requests it would send.")
        return result("passed").model_copy(update={"requests": _requests_of(rehearsal), "complete": rehearsal.complete})

    def _wanted(self, step: StepToTest, account: Account) -> bool:
        if step.when is None or self._person is None or not self._person.hr_id:
            return True
        shown = FoundAccount(
            system=self._system,
            account_id="0",
            native_id=account.native_id,
            attributes=dict(account.attributes),
            active=account.active,
            privileged=account.privileged,
        )
        condition = Expression.compile(step.when, ("person", "account", "run"))
        return bool(condition.evaluate(person=self._person, account=shown, run=self._run_facts()))

    def _parameters(self, step: StepToTest) -> dict[str, JsonValue]:
        return parameter_values(step.parameters, person=self._person, run=self._run_facts())

    def _run_facts(self) -> RunFacts:
        return RunFacts(run_id="test", workflow="test", cutoff=self._now, zone="UTC")

    def _pace(self, deadline: float) -> Pace:
        return self._connections.pace(self._system, self._spec, deadline=deadline)

    def _failed(self, part: Part, error: ConnectorError, began: float) -> None:
        self._done(part, "failed", error.detail, began, code=error.code, remedy=error.remedy)

    def _done(
        self, part: Part, outcome: PartOutcome, said: str, began: float, *, code: str = "", remedy: str = ""
    ) -> None:
        took = round((_time() - began) * 1000)
        self._add(TestedPart(part=part, outcome=outcome, code=code, said=said, remedy=remedy, milliseconds=took))

    def _add(self, part: TestedPart) -> None:
        self._parts.append(part)
        self._heard(part)

    def _rest(self, why: str) -> None:
        done = {part.part for part in self._parts}
        for part in _PARTS:
            if part not in done:
                self._add(TestedPart(part=part, outcome="skipped", said=why))


def _requests_of(rehearsal: Rehearsal) -> tuple[RequestOfRun, ...]:
    return tuple(
        RequestOfRun(
            method=request.method,
            path=request.path,
            operation_id=request.operation_id,
            changes=request.changes,
            times=times,
        )
        for request, times in with_counts(rehearsal.requests)
    )


def _time() -> float:
    return asyncio.get_running_loop().time()
