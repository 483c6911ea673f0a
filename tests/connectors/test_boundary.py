"""The check around every connector: what is raised has a code, what is returned can be stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from connectors.abilities import Ability, Account, Effect, Lookup, Pace, Reachability, ReadBack, Reply, unpaced
from connectors.boundary.boundary import checked
from connectors.errors import ActionRequiredError, ConnectorError, TryAgainError
from connectors.people import PeopleSource
from connectors.registry import connect
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer

EFFECT = Effect("wipe", "key", Account("7", "isa"))
LOOKUP = Lookup("id", "7")


class Broken:
    """A connector that raises `error`, or returns `value` where it has one."""

    kind = "broken"
    abilities: Mapping[str, Ability] = {}

    def __init__(self, error: Exception | None = None, value: Any = None) -> None:
        self._error, self._value = error, value

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        await self._fail(pace)
        return [Account("7", "isa", {"note": self._value})]

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        await self._fail(pace)
        return Reply({"note": [self._value]})

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        await self._fail(pace)
        return ReadBack("done", {self._value: 1} if isinstance(self._value, str) else {"note": self._value})

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        await self._fail(pace)
        return Reachability(True, "answered")

    async def aclose(self) -> None:
        return None

    async def _fail(self, pace: Pace) -> None:
        await pace()
        if self._error is not None:
            raise self._error


async def failures(connector: Any, pace: Pace = unpaced) -> list[Exception]:
    """What a search, an attempt and a read-back raise."""
    wrapped, raised = checked(connector), []
    for call in (
        wrapped.find_accounts([LOOKUP], pace=pace),
        wrapped.attempt(EFFECT, pace=pace),
        wrapped.read_back(EFFECT, pace=pace),
    ):
        with pytest.raises(Exception) as error:
            await call
        raised.append(error.value)
    return raised


@pytest.mark.parametrize("error", [KeyError("Ottilie"), ExceptionGroup("Ottilie", [OverflowError("Ottilie")])])
async def test_an_unforeseen_exception_gets_a_code(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    raised = await failures(Broken(error))
    assert [(type(each), str(each)) for each in raised] == [(TryAgainError, "unexpected")] * 3
    assert [each.happened for each in raised if isinstance(each, ConnectorError)] == ["no", "unknown", "no"]
    for each in raised:
        assert isinstance(each, ConnectorError)
        assert type(error).__name__ in each.detail
        assert "Ottilie" not in each.detail
        assert each.__context__ is None
    assert "Ottilie" not in caplog.text
    assert await checked(Broken(error)).check() == Reachability(
        False, "unexpected. Report it to the connector's authors.", "unexpected"
    )


async def test_coded_errors_and_errors_of_the_pace_are_passed_on() -> None:
    class LedgerLost(Exception):
        pass

    refused, lost = ActionRequiredError("credential_refused"), LedgerLost()

    async def fails() -> None:
        raise lost

    assert await failures(Broken(refused)) == [refused] * 3
    assert await failures(Broken(), pace=fails) == [lost] * 3


@pytest.mark.parametrize("value", ["\ud800", "a\x00", float("nan"), object(), {1: "a"}, [["\udfff"]]])
async def test_a_result_that_cannot_be_stored_is_not_understood(value: Any) -> None:
    raised = await failures(Broken(value=value))
    assert [str(each) for each in raised] == ["answer_not_understood"] * 3
    assert [each.happened for each in raised if isinstance(each, ConnectorError)] == ["no", "unknown", "no"]


@pytest.mark.parametrize(
    ("resource", "found"),
    [(3, False), ({"id": "7", "externalId": "E-1", "meta": None, "roles": None}, True), ({"id": 7}, False)],
)
async def test_resources_of_another_form_are_coded(resource: Any, found: bool) -> None:
    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path == "/Users":
            return ScriptedAnswer(200, {"totalResults": 1, "Resources": [resource]})
        if asked.path == "/Groups":
            return ScriptedAnswer(200, {"totalResults": 0})
        return ScriptedAnswer(404, {"schemas": 5})

    async with listening(ScriptedServer(answer).serve) as port:
        scim = connect("scim", {"url": f"http://127.0.0.1:{port}", "token": "t"}, allowed_hosts=["127.0.0.1"])
        try:
            accounts = await scim.find_accounts([Lookup("externalId", "E-1")], deadline=30.0)
            assert [account.native_id for account in accounts] == (["7"] if found else [])
        except ActionRequiredError as error:
            assert not found
            assert error.code in ("answer_not_understood", "search_unproven")
        deletion = Effect("delete_account", "key", Account("7", "isa"), deadline=30.0)
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            await scim.attempt(deletion)
        assert (await scim.read_back(deletion)).outcome == "unknown"
        await scim.aclose()


async def test_done_without_evidence_is_unknown() -> None:
    class WithoutEvidence(Broken):
        async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
            return ReadBack("done")

    assert (await checked(WithoutEvidence()).read_back(EFFECT)).outcome == "unknown"


async def test_a_people_source_stays_one() -> None:
    settings = {"url": "https://systems.example", "token": "t"}
    for kind, is_one in (("hr", True), ("cards", False)):
        connector = connect(kind, settings, allowed_hosts=["systems.example"])
        assert isinstance(connector, PeopleSource) is is_one
        assert connector.kind == kind
        await connector.aclose()
