"""The connector for BambooHR against the simulator in `embedded/vendors/bamboohr`, over the wire. The simulator was
written from BambooHR's documents by an author who did not see the connector; the fields in its `NEWER` were added with
the connector. Leaving it fails if one request or answer is not as BambooHR describes it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from connectors.abilities import Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from orchestrator.embedded.vendors.bamboohr.records import NO_DATE
from tests.connectors.vendors.bamboohr.connected_bamboohr import (
    BambooHrSource,
    ConnectedBambooHr,
    connected_bamboohr,
)


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedBambooHr]:
    async with connected_bamboohr() as connected:
        yield connected


async def check(hr: BambooHrSource) -> tuple[bool, str, tuple[str, ...]]:
    said = await hr.check()
    return said.reachable, said.detail, said.lacking


async def test_a_person_is_found_by_number_mail_and_id_wherever_the_list_has_them(here: ConnectedBambooHr) -> None:
    here.bamboo.largest_page = 1
    here.company.change(here.isa, country="Germany", preferredName="Isi")
    here.company.move(here.isa, here.day(-3), jobTitle="Accountant", location="Berlin")
    for identifier in ("E-1", "e \u20111", "Isa.Lund@CORP.example", here.isa.id):
        (found,) = await here.hr.find_person(identifier)
        assert (found.id, found.employee_number, found.display_name) == (here.isa.id, "E-1", "Isi Lund"), identifier
    assert (found.title, found.department, found.country, found.manager_id) == (
        "Accountant",
        "Finance",
        "Germany",
        here.bo.id,
    )
    assert (found.given_name, found.status, found.leaving_at, found.time_zone) == (
        "Isa",
        "active",
        None,
        "America/Denver",
    )
    assert list(await here.hr.find_person("E-4")) == []
    assert [one.path for one in here.bamboo.sent("GET")].count("/api/v1/employees") == 15


async def test_a_number_that_is_the_id_of_another_person_finds_both(here: ConnectedBambooHr) -> None:
    here.company.change(here.kim, employeeNumber=here.isa.id)
    assert {one.id for one in await here.hr.find_person(here.isa.id)} == {here.isa.id, here.kim.id}


async def test_who_leaves_and_when(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(3))
    here.company.terminate(here.kim, here.day(-3))
    isa, kim = await here.person(here.isa), await here.person(here.kim)
    assert (isa.status, isa.leaving_at) == ("leaving", here.ends(3))
    assert (kim.status, kim.leaving_at) == ("left", here.ends(-3))
    here.company.take_back_termination(here.isa)
    here.company.terminate(here.isa, here.day(5))
    assert (await here.person(here.isa)).leaving_at == here.ends(5)
    here.company.take_back_termination(here.isa)
    assert (await here.person(here.isa)).status == "active"


async def test_the_last_day_ends_in_the_zone_of_the_location(here: ConnectedBambooHr) -> None:
    here.company.move(here.isa, here.day(-9), location="Berlin")
    here.company.terminate(here.isa, here.day(4))
    zones = json.dumps({"Berlin": "Europe/Berlin", "Tokyo": "Asia/Tokyo"})
    hr = here.connected(here.seed.api_key, time_zones=zones, end_of_day="17:30")
    isa, bo = await hr.person(here.isa.id), await hr.person(here.bo.id)
    assert isa is not None and bo is not None
    assert (isa.time_zone, isa.leaving_at) == ("Europe/Berlin", here.ends(4, "17:30", "Europe/Berlin"))
    assert bo.time_zone == "America/Denver"
    for wrong in ({"time_zone": "Berlin"}, {"time_zones": '{"Berlin": "CET/x"}'}, {"end_of_day": "24:00"}):
        with pytest.raises(ActionRequiredError, match="setting_invalid"):
            here.connected(here.seed.api_key, **wrong)


async def test_an_old_termination_is_not_todays(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(-300))
    here.company.rehire(here.isa, here.day(-10))
    here.isa.tables["employmentStatus"].reverse()
    assert ((await here.person(here.isa)).status, (await here.person(here.isa)).leaving_at) == ("active", None)
    here.company.terminate(here.isa, here.day(2))
    assert (await here.person(here.isa)).leaving_at == here.ends(2)


async def test_a_person_who_was_rehired_from_a_later_day_works_here(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(-2))
    assert (await here.person(here.isa)).status == "left"
    here.company.rehire(here.isa, here.day(20))
    assert (await here.person(here.isa)).status == "active"
    here.company.terminate(here.kim, here.day(5))
    here.company.rehire(here.kim, here.day(20))
    assert ((await here.person(here.kim)).status, (await here.person(here.kim)).leaving_at) == (
        "leaving",
        here.ends(5),
    )


async def test_who_begins_later_has_not_left(here: ConnectedBambooHr) -> None:
    new = here.company.hire(here.day(20), firstName="New", lastName="One", employeeNumber="E-9")
    bare = here.company.hire(here.day(20), firstName="Bare", lastName="One", employeeNumber="E-10")
    bare.tables["employmentStatus"].clear()
    for employee in (new, bare):
        assert (await here.person(employee)).status == "active"


async def test_inactive_without_a_row_is_left_without_a_day(
    here: ConnectedBambooHr, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.isa.tables["employmentStatus"].clear()
    assert (await here.person(here.isa)).status == "active"
    monkeypatch.setattr(type(here.company), "terminated", lambda company, employee: employee.id == here.isa.id)
    isa = await here.person(here.isa)
    assert (isa.status, isa.leaving_at) == ("left", None)


async def test_a_row_without_a_date_is_the_oldest(here: ConnectedBambooHr) -> None:
    here.isa.tables["employmentStatus"][0]["date"] = NO_DATE
    here.company.terminate(here.isa, here.day(1))
    assert (await here.person(here.isa)).leaving_at == here.ends(1)


async def test_the_manager_of_today_counts_and_not_a_later_one(here: ConnectedBambooHr) -> None:
    here.company.move(here.isa, here.day(5), reportsTo=here.kim.id)
    assert [one.id for one in await here.hr.managers(here.isa.id)] == [here.bo.id]
    here.company.move(here.isa, here.day(-1), reportsTo=here.kim.id)
    assert [one.employee_number for one in await here.hr.managers(here.isa.id)] == ["E-3", "E-2"]


async def test_a_circle_of_managers_ends_and_a_deleted_manager_is_the_top(here: ConnectedBambooHr) -> None:
    here.company.move(here.bo, here.day(-1), reportsTo=here.isa.id)
    assert [one.id for one in await here.hr.managers(here.isa.id)] == [here.bo.id]
    here.company.move(here.kim, here.day(-1), reportsTo=here.kim.id)
    assert list(await here.hr.managers(here.kim.id)) == []
    here.company.move(here.isa, here.day(0), reportsTo="99999")
    assert list(await here.hr.managers(here.isa.id)) == []
    for unknown in ("99999", "0", "hr-unknown"):
        assert await here.hr.person(unknown) is None
        with pytest.raises(RefusedError, match="not_found"):
            await here.hr.managers(unknown)


async def test_a_manager_whom_the_key_does_not_see_is_an_error_and_not_the_top(here: ConnectedBambooHr) -> None:
    hr = here.with_less(sees={here.isa.id, here.kim.id})
    with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
        await hr.managers(here.isa.id)
    assert "You do not have access to this employee" in raised.value.detail
    reachable, _, lacking = await check(hr)
    assert reachable and lacking == ("1 of the managers are not shown",)


@pytest.mark.parametrize(
    ("hidden", "named"),
    [
        ("employeeNumber", "employeeNumber"),
        ("workEmail", "workEmail"),
        ("department", "department"),
        ("supervisor", "supervisorEId"),
        ("employmentHistoryStatus", "employmentHistoryStatus"),
        ("status", "status"),
    ],
)
async def test_a_hidden_field_is_an_error_and_not_empty(here: ConnectedBambooHr, hidden: str, named: str) -> None:
    hr = here.with_less(hidden)
    with pytest.raises(ActionRequiredError, match="fields_hidden") as raised:
        await hr.person(here.isa.id)
    assert named in raised.value.detail and named in raised.value.remedy
    reachable, detail, _ = await check(hr)
    assert not reachable and "fields_hidden" in detail and named in detail


async def test_no_person_needs_a_list_that_hides_nothing(here: ConnectedBambooHr) -> None:
    for hidden in ("employeeNumber", "workEmail"):
        hr = here.with_less(hidden)
        with pytest.raises(ActionRequiredError, match="fields_hidden"):
            await hr.find_person("E-77")
    nobody = here.with_less(sees=set())
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await nobody.find_person("E-77")
    for path in (r"/employees$", "/tables/"):
        async with connected_bamboohr() as lying:
            lying.bamboo.faults.hide_list(path)
            with pytest.raises(ConnectorError):
                await lying.hr.search_people("E-1")
            if path == "/tables/":
                with pytest.raises(ActionRequiredError, match="answer_not_understood"):
                    await lying.hr.person(lying.isa.id)
                assert not (await check(lying.hr))[0]


async def test_a_list_that_changes_between_its_pages_is_read_again_later(here: ConnectedBambooHr) -> None:
    here.bamboo.largest_page = 1

    async def pace() -> None:
        if len(here.bamboo.sent("GET", "/employees$")) == 1 and here.isa.id in here.company.employees:
            here.company.delete(here.isa)

    with pytest.raises(TryAgainError) as raised:
        await here.hr.find_person("E-3", pace=pace)
    assert raised.value.happened == "no"


async def test_all_people_are_listed_with_their_status(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(3))
    here.company.terminate(here.kim, here.day(-3))
    listed = await here.hr.list_people(at_most=10, deadline=10)
    assert listed.missing == ""
    for one in listed.people:
        assert one == await here.hr.person(one.id)
    assert {one.employee_number: one.status for one in listed.people} == {
        "E-1": "leaving",
        "E-2": "active",
        "E-3": "left",
    }
    assert (await here.hr.list_people(at_most=2, deadline=10)).missing == "HR has more than 2 people."
    weak = here.with_less("workEmail")
    hidden = await weak.list_people(at_most=10, deadline=10)
    assert (list(hidden.people), hidden.missing) == ([], "BambooHR hides workEmail of 3 employees.")


async def test_employees_are_found_as_accounts(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.kim, here.day(-3))
    accounts = await here.hr.find_accounts(
        [Lookup("employeeNumber", "e-3"), Lookup("workEmail", "isa.lund@corp.example"), Lookup("id", here.kim.id)]
    )
    assert {(one.native_id, one.active) for one in accounts} == {(here.kim.id, False), (here.isa.id, True)}
    assert await here.hr.find_accounts([Lookup("employeeNumber", "E-77")]) == []
    for employee in here.company.employees.values():
        here.company.change(employee, employeeNumber=None)
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.hr.find_accounts([Lookup("employeeNumber", "E-77")])
    assert list(await here.hr.find_person("no.one@corp.example")) == []
    with pytest.raises(ConnectorError, match="unknown_attribute"):
        await here.hr.find_accounts([Lookup("shoeSize", "1")])
    with pytest.raises(ActionRequiredError, match="fields_hidden"):
        await here.with_less("employeeNumber").find_accounts([Lookup("employeeNumber", "E-77")])


async def test_failures_say_who_must_react_and_when(here: ConnectedBambooHr) -> None:
    faults = here.bamboo.faults
    for strike, code in ((faults.limit, "too_many_requests"), (faults.break_down, "system_failed")):
        strike()
        with pytest.raises(TryAgainError, match=code) as raised:
            await here.hr.person(here.isa.id)
        assert (raised.value.retry_after, raised.value.happened) == (30, "no")
    here.bamboo.retry_after = None
    faults.break_down()
    with pytest.raises(TryAgainError) as raised:
        await here.hr.person(here.isa.id)
    assert raised.value.retry_after is None and "Service unavailable" in raised.value.detail
    faults.cut(times=1)
    with pytest.raises(TryAgainError, match="connection_lost"):
        await here.hr.person(here.isa.id)
    wrong = here.connected("wrong-key-1")
    with pytest.raises(ActionRequiredError, match="credential_refused") as refused:
        await wrong.person(here.isa.id)
    assert "Invalid API key" in refused.value.detail and "wrong-key-1" not in refused.value.detail
    assert (await check(wrong))[0] is False
    reachable, detail, lacking = await check(here.hr)
    assert reachable and "3 employees, 3 of them with a status history" in detail and lacking == ()


async def test_status_follows_the_clock_on_the_last_day(here: ConnectedBambooHr) -> None:
    here.company.terminate(here.isa, here.day(0))
    isa = await here.person(here.isa)
    ends = here.ends(0)
    assert isa.leaving_at == ends
    near = abs(datetime.now(UTC) - ends) < timedelta(minutes=1)
    assert near or isa.status == ("left" if ends <= datetime.now(UTC) else "leaving")
