"""The list of leavers in BambooHR, which is read again only after a change, against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from connectors.errors import ActionRequiredError
from connectors.listing import LeaversListed
from connectors.vendors.bamboohr import leavers
from tests.connectors.vendors.bamboohr.connected_bamboohr import BambooHrSource, ConnectedBambooHr, connected_bamboohr


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedBambooHr]:
    async with connected_bamboohr() as connected:
        yield connected


async def listed(hr: BambooHrSource) -> LeaversListed:
    return await hr.leavers(deadline=10)


async def test_everyone_who_leaves_or_has_left_is_listed_with_the_end_of_the_day(here: ConnectedBambooHr) -> None:
    here.bamboo.largest_page = 1
    assert list((await listed(here.hr)).leavers) == []
    here.company.terminate(here.isa, here.day(3))
    here.company.terminate(here.kim, here.day(-20))
    found = await listed(here.hr)
    assert {one.person_id: one.leaving_at for one in found.leavers} == {
        here.isa.id: here.ends(3),
        here.kim.id: here.ends(-20),
    }
    assert (found.source, list(found.unreadable)) == ("BambooHR", [])
    for one in found.leavers:
        person = await here.hr.person(one.person_id)
        assert person is not None and person.leaving_at == one.leaving_at
    here.company.rehire(here.kim, here.day(-1))
    assert [one.person_id for one in (await listed(here.hr)).leavers] == [here.isa.id]


async def test_without_a_change_only_the_changes_are_asked_for(
    here: ConnectedBambooHr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leavers, "SETTLED_AFTER", timedelta(0))
    here.company.terminate(here.isa, here.day(3))
    first = await listed(here.hr)
    here.bamboo.forget()
    second = await listed(here.hr)
    assert [one.path for one in here.bamboo.requests] == ["/api/v1/employees/changed"]
    assert (second.version, list(second.leavers)) == (first.version, list(first.leavers))
    assert second.as_of >= first.as_of
    here.company.change(here.kim, mobilePhone="1")
    here.bamboo.advance(seconds=2)
    here.company.change(here.bo, mobilePhone="1")
    here.bamboo.forget()
    third = await listed(here.hr)
    assert len(here.bamboo.requests) == 4 and third.version == first.version


async def test_late_data_is_caught_up(here: ConnectedBambooHr) -> None:
    before = await listed(here.hr)
    here.company.terminate(here.isa, here.day(-40), "Termination (Involuntary)")
    late = await listed(here.hr)
    assert [(one.person_id, one.leaving_at) for one in late.leavers] == [(here.isa.id, here.ends(-40))]
    here.company.take_back_termination(here.isa)
    after = await listed(here.hr)
    assert list(after.leavers) == [] and after.version == before.version != late.version
    here.company.delete(here.kim)
    assert list((await listed(here.hr)).unreadable) == []


async def test_a_change_while_the_list_is_read_is_seen_the_next_time(
    here: ConnectedBambooHr, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pace() -> None:
        if here.bamboo.sent("GET", "/tables/") == [] and len(here.bamboo.sent("GET", "/employees$")) == 1:
            here.company.terminate(here.kim, here.day(1))

    monkeypatch.setattr(leavers, "SETTLED_AFTER", timedelta(0))
    here.bamboo.advance(seconds=2)
    here.bamboo.forget()
    await here.hr.leavers(deadline=10, pace=pace)
    here.bamboo.forget()
    assert [one.person_id for one in (await listed(here.hr)).leavers] == [here.kim.id]
    assert here.bamboo.sent("GET", "/tables/"), "the list is read again"


async def test_changes_within_one_second_are_read_again_until_they_have_settled(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(9))
    assert len((await listed(here.hr)).leavers) == 1
    here.company.take_back_termination(here.isa)  # BambooHR writes the same moment as for the termination
    assert list((await listed(here.hr)).leavers) == []


async def test_the_list_is_read_again_after_an_hour(here: ConnectedBambooHr, monkeypatch: pytest.MonkeyPatch) -> None:
    await listed(here.hr)
    monkeypatch.setattr(leavers, "SETTLED_AFTER", timedelta(0))
    monkeypatch.setattr(leavers, "READ_AGAIN_AFTER", timedelta(0))
    here.bamboo.forget()
    await listed(here.hr)
    assert here.bamboo.sent("GET", "/tables/")


async def test_records_that_could_be_a_leavers_are_named(
    here: ConnectedBambooHr, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.isa.tables["employmentStatus"].clear()
    monkeypatch.setattr(type(here.company), "terminated", lambda company, employee: employee.id == here.isa.id)
    [one] = (await listed(here.hr)).unreadable
    assert one.place == f"employee {here.isa.id}" and "enter the termination with its date" in one.message
    found = await listed(here.with_less("workEmail"))
    assert len(found.unreadable) == 3 and all("workEmail" in one.message for one in found.unreadable)
    with pytest.raises(ActionRequiredError, match="fields_hidden"):
        await listed(here.with_less("employmentHistoryStatus"))
