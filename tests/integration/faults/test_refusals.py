"""A system that refuses an attempt is asked whether the effect was there before."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from activities.attempts.leases import LeaseSeen
from activities.attempts.systems import SystemActivities
from connectors.abilities import Ability, Account, Effect, ReadBack
from connectors.elapsed import local_seconds
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError

EFFECT = Effect("disable_account", "key", Account("1", "isa"))


class RefusingConnector:
    abilities: Mapping[str, Ability] = {}

    def __init__(self, error: ConnectorError, shows: Any) -> None:
        self.error, self.shows = error, shows

    async def attempt(self, effect: Effect) -> Any:
        raise self.error

    async def read_back(self, effect: Effect) -> ReadBack:
        return ReadBack(self.shows, {"active": False})


class Turns:
    between_looks = 0.0

    async def soon(self) -> None: ...

    async def next(self) -> None: ...


class Activities(SystemActivities):
    def __init__(self) -> None: ...


class Lease:
    async def check(self, intent: Any) -> LeaseSeen:
        return LeaseSeen(None, local_seconds())


async def carried_out(error: ConnectorError, shows: str) -> Any:
    step = SimpleNamespace(read_back=True, settle=0.0)
    intent: Any = SimpleNamespace(step=step, look_first=False, may_act=True)
    turns: Any = Turns()
    connector: Any = RefusingConnector(error, shows)
    lease: Any = Lease()
    return await Activities()._look_and_act(connector, EFFECT, intent, lease, turns)


@pytest.mark.parametrize(
    "error", [RefusedError("refused", happened="no"), TryAgainError("changed_meanwhile", happened="no")]
)
async def test_what_was_done_before_is_done(error: ConnectorError) -> None:
    assert (await carried_out(error, "done")).read == "done"


@pytest.mark.parametrize("shows", ["not_done", "unknown"])
async def test_a_refusal_without_the_effect_stays_a_refusal(shows: str) -> None:
    answer = await carried_out(RefusedError("refused", "Not possible.", happened="no"), shows)
    assert (answer.error, answer.read, answer.happened) == ("refused", None, "no")


async def test_a_refused_credential_is_not_read_back() -> None:
    answer = await carried_out(ActionRequiredError("credential_refused", happened="no"), "done")
    assert answer.read is None
