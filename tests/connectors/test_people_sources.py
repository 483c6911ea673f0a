"""What every source of people promises (`connectors.people.PeopleSource`), for each kind that is an HR system."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from connectors.abilities import Connector
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.people import PeopleSource
from connectors.registry import HR_KINDS, connect
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.bamboohr.seeds import seed_bamboohr
from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator
from tests.conftest import Hire

Source = Callable[[Sequence[Employee]], PeopleSource]
FIELDS = ("employee_number", "given_name", "family_name", "email", "manager_number", "time_zone")
COLUMNS = {name: name for name in FIELDS if name != "manager_number"} | {"manager_hr_id": "manager_number"}


def people_file(path: Path, people: Sequence[Employee]) -> None:
    rows = [",".join(FIELDS), *(",".join(getattr(person, name) for name in FIELDS) for person in people)]
    path.write_text("\n".join(rows) + "\n")


@pytest_asyncio.fixture
async def bamboohr() -> AsyncIterator[Callable[[Sequence[Employee]], Connector]]:
    opened: list[Connector] = []
    async with BambooSimulator().start() as bamboo:

        def of(people: Sequence[Employee]) -> Connector:
            seed = seed_bamboohr(bamboo, [replace(person, leaving=False) for person in people])
            settings = {"url": bamboo.url, "time_zone": "UTC", "api_key": seed.api_key}
            opened.append(connect("bamboohr", settings, allowed_hosts=["127.0.0.1"]))
            return opened[-1]

        yield of
        for connector in opened:
            await connector.aclose()


@pytest.fixture
def source(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Source:
    """The people who were hired, as this kind of system has them."""
    connected = request.getfixturevalue(kind if kind == "bamboohr" else "connectors") if kind != "people_csv" else None

    def of(people: Sequence[Employee]) -> PeopleSource:
        if kind == "people_csv":
            people_file(tmp_path / "people.csv", people)
            settings = {"path": str(tmp_path), "columns": json.dumps(COLUMNS), "settle_seconds": "0"}
            connector = connect(kind, settings, allowed_hosts=[])
        else:
            connector = connected(people) if kind == "bamboohr" else connected[kind]
        assert isinstance(connector, PeopleSource)
        return connector

    return of


pytestmark = pytest.mark.parametrize("kind", sorted(HR_KINDS))


async def test_two_people_with_one_address_are_both_found(kind: str, source: Source, hire: Hire) -> None:
    if kind == "hr":
        pytest.skip("the embedded company has each address once, in all its systems")
    former, new = await hire(2)
    hr = source([former, replace(new, email=former.email)])
    found = await hr.find_person(former.email.upper())
    assert {person.employee_number for person in found} == {former.employee_number, new.employee_number}


async def test_two_people_whose_addresses_differ_in_the_form_of_unicode_alone_are_both_found(
    kind: str, source: Source, hire: Hire
) -> None:
    """Accounts are matched without that difference, so that such an address is not one person's alone."""
    if kind == "hr":
        pytest.skip("the embedded company's directory has ASCII addresses only")
    one, other = await hire(2)
    composed = replace(one, email=f"jos\u00e9.{one.email}")
    decomposed = replace(other, email=f"jose\u0301.{one.email}")
    hr = source([composed, decomposed])
    for address in (composed.email, decomposed.email.upper()):
        found = {person.employee_number for person in await hr.find_person(address)}
        assert found == {composed.employee_number, decomposed.employee_number}, ascii(address)


async def test_a_person_is_found_exactly(kind: str, source: Source, hire: Hire) -> None:
    (person,) = await hire()
    neighbour = await hire(employee_number=person.employee_number + "9", email="x" + person.email)
    hr = source([person, *neighbour])
    (found,) = await hr.find_person(person.employee_number)
    assert found == await hr.person(found.id)
    assert (found.given_name, found.email, found.status, found.leaving_at) == (
        person.given_name,
        person.email,
        "active",
        None,
    )
    for identifier in (found.id, person.employee_number.upper(), person.email.upper(), person.email):
        assert list(await hr.find_person(identifier)) == [found], identifier
    for unknown in ("", " ", "..", "a/b?c", "*", person.email[:-1], person.employee_number[:-1]):
        assert list(await hr.find_person(unknown)) == [], unknown
        assert await hr.person(unknown) is None


@pytest.mark.parametrize(
    "spelling", [str.lower, lambda number: number.replace("-", " - "), lambda n: n.replace("-", "\u2011")]
)
async def test_two_people_whose_numbers_differ_in_spelling_alone_are_never_one(
    kind: str, source: Source, hire: Hire, spelling: Callable[[str], str]
) -> None:
    (person,) = await hire()
    (other,) = await hire(employee_number=spelling(person.employee_number))
    hr = source([person, other])
    for number in (person.employee_number, other.employee_number):
        if kind == "people_csv":
            with pytest.raises(ActionRequiredError, match="person_unreadable"):
                await hr.find_person(number)
        else:
            assert {found.email for found in await hr.find_person(number)} == {person.email, other.email}
            assert [found.email for found in await hr.find_person(other.email)] == [other.email]


async def test_people_are_searched_by_what_was_typed(kind: str, source: Source, hire: Hire) -> None:
    family = "Quirntal" + secrets.token_hex(4)
    people = await hire(6, family_name=family)
    hr = source(people)
    one = people[3]
    for typed in (f"{one.given_name[:5]} {family}", family.upper(), one.employee_number, one.email[:-8]):
        assert one.employee_number in {found.employee_number for found in await hr.search_people(typed)}, typed
    assert len(await hr.search_people(family, limit=4)) == 4
    assert list(await hr.search_people(f"{family} unknown")) == []
    assert (await hr.search_people(one.employee_number, limit=1))[0].employee_number == one.employee_number


async def test_the_reporting_line_goes_to_the_top(kind: str, source: Source, hire: Hire) -> None:
    (top,) = await hire(manager_number="")
    (middle,) = await hire(manager_number=top.employee_number)
    (below,) = await hire(manager_number=middle.employee_number)
    hr = source([below, top, middle])
    (person,) = await hr.find_person(below.employee_number)
    assert [boss.email for boss in await hr.managers(person.id)] == [middle.email, top.email]
    with pytest.raises(RefusedError, match="not_found"):
        await hr.managers("hr-unknown")


async def test_each_question_waits_for_its_turn(kind: str, source: Source, hire: Hire) -> None:
    (person,) = await hire()
    hr = source([person])
    (found,) = await hr.find_person(person.employee_number)

    async def busy() -> None:
        raise TryAgainError("rate_kept", happened="no", retry_after=3)

    for question in (
        hr.find_person(person.email, pace=busy),
        hr.search_people(person.email, pace=busy),
        hr.person(found.id, pace=busy),
        hr.managers(found.id, pace=busy),
    ):
        with pytest.raises(TryAgainError, match="rate_kept"):
            await question
