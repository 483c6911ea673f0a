"""People as HR tells them, and the two things Offboard writes there."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import pytest
from contract import the_account

from connectors.abilities import Connector, Effect
from connectors.errors import RefusedError
from connectors.reference.hr import HrConnector
from orchestrator.embedded.company.people import Employee

Hire = Callable[..., Awaitable[list[Employee]]]


@pytest.fixture
def hr(connectors: dict[str, Connector]) -> HrConnector:
    connector = connectors["hr"]
    assert isinstance(connector, HrConnector)
    return connector


async def test_a_person_is_told_whole(hr: HrConnector, hire: Hire) -> None:
    (hired,) = await hire(
        given_name="Żaneta", former_emails=("zaneta.alt@wolkenmuehle.example",), former_names=("Żaneta Alt",)
    )
    (found,) = await hr.find_people(email=hired.email.upper())
    assert found == await hr.person(found.id)
    assert (found.given_name, found.employee_number) == ("Żaneta", hired.employee_number)
    assert found.former_emails == ("zaneta.alt@wolkenmuehle.example",)
    assert found.former_names == ("Żaneta Alt",)
    assert (found.status, found.leaving_at, found.payroll) == ("active", None, "running")
    assert {asset.kind for asset in found.assets} == {"laptop", "office key"}
    assert await hr.find_people(employee_number=hired.employee_number, email="other@wolkenmuehle.example") == []
    assert await hr.find_people(employee_number="") == []
    for unknown in ("hr-nobody", "..", "../people", "", "a/b?c"):
        assert await hr.person(unknown) is None


async def test_people_are_searched_as_one_types_and_in_pages(hr: HrConnector, hire: Hire) -> None:
    family = "Zwirnle" + secrets.token_hex(4)
    hired = await hire(120, family_name=family)
    assert len(await hr.find_people(query=family.lower(), limit=7)) == 7
    found = await hr.find_people(query=family, limit=1000)
    assert {person.employee_number for person in found} == {person.employee_number for person in hired}


async def test_what_is_typed_may_be_parts_of_a_name_or_how_a_number_or_an_address_begins(
    hr: HrConnector, hire: Hire
) -> None:
    family = "Quirntal" + secrets.token_hex(4)
    (person,) = await hire(family_name=family)
    for typed in (
        f"{person.given_name[:6]} {family}", f"{family} {person.given_name}".upper(), person.employee_number,
        person.email[:-8], person.email.upper(),
    ):  # fmt: skip
        found = await hr.find_people(query=typed)
        assert person.employee_number in {one.employee_number for one in found}, typed
    assert await hr.find_people(query=f"{family} nobody") == []
    assert await hr.find_people(query=person.email[1:]) == [], "an address is found by how it begins"


async def test_the_chain_goes_to_the_top(hr: HrConnector, hire: Hire) -> None:
    (top,) = await hire(manager_number="")
    (middle,) = await hire(manager_number=top.employee_number)
    (below,) = await hire(manager_number=middle.employee_number)
    (person,) = await hr.find_people(employee_number=below.employee_number)
    chain = await hr.chain(person.id)
    assert [boss.employee_number for boss in chain] == [middle.employee_number, top.employee_number]
    with pytest.raises(RefusedError, match="not_found"):
        await hr.chain("hr-nobody")


async def test_leaving_is_an_instant_in_any_zone(hr: HrConnector, hire: Hire) -> None:
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


async def test_somebody_elses_final_payment_is_not_ours(hr: HrConnector, hire: Hire) -> None:
    account = await the_account(hr, (await hire())[0])
    await hr.attempt(Effect("schedule_final_pay", "theirs-" + secrets.token_hex(8), account))
    ours = Effect("schedule_final_pay", "ours-" + secrets.token_hex(8), account)
    read_back = await hr.read_back(ours)
    assert (read_back.outcome, read_back.evidence["other_payments"]) == ("not_done", 1)
