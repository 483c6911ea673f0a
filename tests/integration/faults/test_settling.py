"""A system that shows the old state for a while is read again within its time to settle."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from activities.attempts import systems
from connectors.abilities import Ability, Account, Effect, ReadBack, Reply
from tests.integration.faults.test_refusals import Activities, Lease, Turns

EFFECT = Effect("revoke_grants", "key", Account("1", "isa"))


class LaggingConnector:
    """Shows these outcomes one after the other, the last one from then on."""

    abilities: Mapping[str, Ability] = {}

    def __init__(self, outcomes: Sequence[Any]) -> None:
        self.outcomes, self.asked = list(outcomes), list[Effect]()

    async def attempt(self, effect: Effect) -> Reply:
        return Reply({"revoked_grants": [{"id": "1"}]})

    async def read_back(self, effect: Effect) -> ReadBack:
        self.asked.append(effect)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        return ReadBack(outcome, {"grants": []})


async def carried_out(connector: Any, *, settle: float, look_first: bool = False) -> Any:
    step = SimpleNamespace(read_back=True, settle=settle)
    intent: Any = SimpleNamespace(step=step, look_first=look_first, may_act=True, may_stood=False, earlier_keys=())
    turns, lease = Turns(), Lease()
    return await Activities()._look_and_act(connector, EFFECT, intent, lease, turns)  # type: ignore[arg-type]


@pytest.mark.parametrize("before", ["not_done", "unknown"])
async def test_the_old_state_is_read_again_until_the_system_shows_the_new_one(before: str) -> None:
    connector = LaggingConnector([before, before, "done"])
    assert (await carried_out(connector, settle=30.0)).read == "done"
    assert len(connector.asked) == 3


async def test_after_its_time_to_settle_the_old_state_is_the_result() -> None:
    connector = LaggingConnector(["not_done"])
    answer = await carried_out(connector, settle=0.0)
    assert (answer.read, answer.error, answer.code) == ("not_done", "none", "not_shown")
    assert len(connector.asked) == 1


async def test_the_pauses_between_two_looks_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep_for, here = asyncio.sleep, asyncio.current_task()

    async def sleep(seconds: float) -> None:
        """Other tasks of this process sleep as before: a web server that another test uses checks in a loop."""
        if asyncio.current_task() is here:
            pauses.append(seconds)
            seconds = 0
        await sleep_for(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(Turns, "between_looks", systems.READ_BACK_INTERVAL_SECONDS)
    await carried_out(LaggingConnector(["not_done"] * 12 + ["done"]), settle=60.0)
    assert pauses[:3] == pytest.approx([0.2, 0.3, 0.45])
    assert max(pauses) == systems.MAX_READ_BACK_INTERVAL_SECONDS


async def test_only_a_look_just_after_the_attempt_knows_its_reply() -> None:
    connector = LaggingConnector(["not_done", "not_done", "done"])
    await carried_out(connector, settle=30.0, look_first=True)
    assert [effect.replied for effect in connector.asked] == [{}, *[{"revoked_grants": [{"id": "1"}]}] * 2]
