"""HR is asked again before anything is destroyed, and BambooHR's record of then is the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from activities.attempts.current_facts import CurrentFacts
from activities.connections import Connections
from activities.starts import is_expected
from connectors.abilities import Ability
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from orchestrator.domain.packet.packet import SystemSpec
from orchestrator.domain.run.cutoff import parse_cutoff
from tests.connectors.vendors.bamboohr.connected_bamboohr import ZONE, ConnectedBambooHr, connected_bamboohr

DELETE = Ability("delete_account", "change", "deletes", destroys=True)


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedBambooHr]:
    async with connected_bamboohr() as connected:
        yield connected


async def facts(here: ConnectedBambooHr, *, key: str = "", cuts_access: bool = False) -> Any:
    now = datetime.now(UTC)
    connection = {"url": here.bamboo.url, "api_key": "env:BAMBOOHR_KEY", "time_zone": ZONE}
    spec = SystemSpec(title="HR", connector="bamboohr", connection=connection, hosts=("127.0.0.1",))
    platform = SimpleNamespace(hr=SimpleNamespace(system="hr"), systems={"hr": spec})
    packet = SimpleNamespace(platform=platform)
    known = {"hr_id": here.isa.id, "employee_number": "E-1", "manager_email": "old.manager@f.example"}
    state: Any = SimpleNamespace(
        asked=SimpleNamespace(facts=known, hr_leaving_at=None),
        plan=SimpleNamespace(steps={}),
        work=SimpleNamespace(steps={}),
        cutoff=now,
    )
    world: Any = SimpleNamespace(pinned=packet, current=packet, now=now)
    step: Any = SimpleNamespace(parameters={}, cuts_access=cuts_access)
    connections = Connections({"BAMBOOHR_KEY": key or here.seed.api_key}, secrets_folder=Path("/"))
    keyring: Any = None
    try:
        return await CurrentFacts(connections, keyring).of(state, world, step, DELETE)
    finally:
        await connections.aclose()


async def test_a_person_who_was_rehired_or_stays_stops_what_destroys(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(-1))
    assert (await facts(here)).manager_email == "bo.berg@corp.example"
    here.company.take_back_termination(here.isa)
    with pytest.raises(RefusedError, match="employed_again") as refused:
        await facts(here)
    assert refused.value.happened == "no"
    here.company.terminate(here.isa, here.day(30))
    with pytest.raises(RefusedError, match="employed_again"):
        await facts(here)
    here.company.take_back_termination(here.isa)
    here.company.terminate(here.isa, here.day(-1))
    here.company.rehire(here.isa, here.day(14))
    with pytest.raises(RefusedError, match="employed_again"):
        await facts(here)
    here.company.delete(here.isa)
    assert (await facts(here)).manager_email == "old.manager@f.example", "unknown to HR, and so not employed"


async def test_what_destroys_waits_for_an_answer_and_access_is_cut_without_one(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(-1))
    weak = here.company.new_user("weak@corp.example", None, "employmentHistoryStatus")
    for key, expected in ((here.company.new_key(weak), ActionRequiredError), ("wrong", ActionRequiredError)):
        with pytest.raises(expected):
            await facts(here, key=key)
        assert (await facts(here, key=key, cuts_access=True)).manager_email == "old.manager@f.example"
    here.bamboo.faults.break_down()
    with pytest.raises(TryAgainError) as raised:
        await facts(here)
    assert raised.value.happened == "no" and isinstance(raised.value, ConnectorError)


async def test_a_manager_who_has_left_is_not_sent_anything(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(-1))
    here.company.terminate(here.bo, here.day(-2))
    assert (await facts(here)).manager_email is None


async def test_a_start_that_bamboohr_announces_is_expected(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(9))
    leaver, stays = await here.person(here.isa), await here.person(here.kim)
    cutoff = parse_cutoff(f"{here.day(9)}T18:00", ZONE)
    assert is_expected(leaver.status, leaver.leaving_at, cutoff)
    assert not is_expected(stays.status, stays.leaving_at, cutoff)
    assert not is_expected(leaver.status, leaver.leaving_at, parse_cutoff(f"{here.day(2)}T18:00", ZONE))
