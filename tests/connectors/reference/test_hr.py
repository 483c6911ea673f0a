"""People as HR tells them, and the two things Offboard writes there."""

from __future__ import annotations

import secrets

import pytest

from connectors.abilities import Connector, Effect
from connectors.errors import RefusedError
from connectors.people import PeopleSource
from tests.conftest import Hire
from tests.connectors.contract import the_account


@pytest.fixture
def hr(connectors: dict[str, Connector]) -> PeopleSource:
    connector = connectors["hr"]
    assert isinstance(connector, PeopleSource)
    return connector


async def test_a_person_is_read_whole(hr: PeopleSource, hire: Hire) -> None:
    (manager,) = await hire()
    (hired,) = await hire(
        given_name="Żaneta",
        former_emails=("zaneta.alt@wolkenmuehle.example",),
        former_names=("Żaneta Alt",),
        manager_number=manager.employee_number,
    )
    (found,) = await hr.find_person(hired.email.upper())
    assert found == await hr.person(found.id)
    assert (found.given_name, found.employee_number) == ("Żaneta", hired.employee_number)
    assert found.former_emails == ("zaneta.alt@wolkenmuehle.example",)
    assert found.former_names == ("Żaneta Alt",)
    assert (found.status, found.leaving_at, found.payroll) == ("active", None, "running")
    assert {asset.kind for asset in found.assets} == {"laptop", "office key"}
    assert found.manager_email == manager.email
    for identifier in (found.id, hired.employee_number, hired.email):
        assert list(await hr.find_person(identifier)) == [found]
    for unknown in ("hr-unknown", "..", "../people", "", " ", "a/b?c", hired.email[:-1], hired.employee_number[:-1]):
        assert await hr.find_person(unknown) == []
        assert await hr.person(unknown) is None


async def test_a_person_is_found_and_their_managers_read_with_one_request_each(hr: PeopleSource, hire: Hire) -> None:
    (top,) = await hire(manager_number="")
    (person,) = await hire(manager_number=top.employee_number)
    requests = 0

    async def count() -> None:
        nonlocal requests
        requests += 1

    (found,) = await hr.find_person(person.employee_number, pace=count)
    assert requests == 1
    assert [manager.email for manager in await hr.managers(found.id, pace=count)] == [top.email]
    assert requests == 2


async def test_people_are_searched_in_pages(hr: PeopleSource, hire: Hire) -> None:
    family = "Zwirnle" + secrets.token_hex(4)
    hired = await hire(120, family_name=family)
    assert len(await hr.search_people(family.lower(), limit=7)) == 7
    found = await hr.search_people(family, limit=1000)
    assert {person.employee_number for person in found} == {person.employee_number for person in hired}


async def test_a_search_takes_parts_of_a_name_and_the_beginning_of_a_number_or_address(
    hr: PeopleSource, hire: Hire
) -> None:
    family = "Quirntal" + secrets.token_hex(4)
    (person,) = await hire(family_name=family)
    for typed in (
        f"{person.given_name[:6]} {family}",
        f"{family} {person.given_name}".upper(),
        person.employee_number,
        person.email[:-8],
        person.email.upper(),
    ):
        found = await hr.search_people(typed)
        assert person.employee_number in {one.employee_number for one in found}, typed
    assert await hr.search_people(f"{family} unknown") == []
    assert await hr.search_people(person.email[1:]) == [], "an address is found by how it begins"


async def test_an_exact_number_comes_first(hr: PeopleSource, hire: Hire) -> None:
    number = "Q-" + secrets.token_hex(4)
    for suffix in ("1", "2", ""):
        await hire(employee_number=number + suffix, email=f"{number}{suffix}x@wolkenmuehle.example")
    assert [person.employee_number for person in await hr.search_people(number, limit=1)] == [number]


async def test_the_reporting_line_goes_to_the_top(hr: PeopleSource, hire: Hire) -> None:
    (top,) = await hire(manager_number="")
    (middle,) = await hire(manager_number=top.employee_number)
    (below,) = await hire(manager_number=middle.employee_number)
    (person,) = await hr.find_person(below.employee_number)
    managers = await hr.managers(person.id)
    assert [boss.employee_number for boss in managers] == [middle.employee_number, top.employee_number]
    with pytest.raises(RefusedError, match="not_found"):
        await hr.managers("hr-unknown")


async def test_leaving_is_an_instant_in_any_zone(hr: PeopleSource, hire: Hire) -> None:
    account = await the_account(hr, (await hire())[0])
    told = Effect("record_leaving", secrets.token_hex(8), account, {"at": "2027-01-15T17:00:00+01:00"})
    await hr.attempt(told)
    same = Effect("record_leaving", told.effect_key, account, {"at": "2027-01-15T16:00:00Z"})
    assert (await hr.read_back(same)).outcome == "done"
    other = Effect("record_leaving", told.effect_key, account, {"at": "2027-01-15T17:00:00Z"})
    assert (await hr.read_back(other)).outcome == "not_done"
    for at in ("2027-01-15T17:00:00", "tomorrow", "", None):
        with pytest.raises(RefusedError):
            await hr.attempt(Effect("record_leaving", "key", account, {"at": at}))


async def test_someone_elses_final_payment_is_not_ours(hr: PeopleSource, hire: Hire) -> None:
    account = await the_account(hr, (await hire())[0])
    await hr.attempt(Effect("schedule_final_pay", "theirs-" + secrets.token_hex(8), account))
    ours = Effect("schedule_final_pay", "ours-" + secrets.token_hex(8), account)
    read_back = await hr.read_back(ours)
    assert (read_back.outcome, read_back.evidence["other_payments"]) == ("not_done", 1)
