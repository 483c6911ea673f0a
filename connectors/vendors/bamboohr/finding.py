"""Finding people: by id, employee number or mail address, by what was typed, and upwards to the top.

BambooHR's list has no filter for these that finds other spellings, and a filter drops employees whose field is hidden.
So the whole list is read and compared here: "no person" needs a list that was read to its end and hides nothing of what
is compared.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from connectors.abilities import Account, Lookup
from connectors.account_set import AccountSet, comparable, equals_ignoring_case
from connectors.errors import RefusedError
from connectors.http.connector import unproven
from connectors.http.requests import Flow
from connectors.listing import PeopleListed
from connectors.parameters import unknown_attribute
from connectors.people import Person, Shareable, number_key
from connectors.vendors.bamboohr.company import BambooHrCompany
from connectors.vendors.bamboohr.employees import (
    ListedEmployee,
    as_person,
    get_person,
    histories,
    list_employees,
    require_shown,
)

KIND = "bamboohr"
_KEYS = ("employeeNumber", "workEmail")
ATTRIBUTES = ("id", *_KEYS)
LIST_SERVES_FOR = timedelta(minutes=1)
"""For how long a list shows which values two people have."""


def find_person(company: BambooHrCompany, identifier: str) -> Flow[list[Person]]:
    if not identifier.strip():
        return []
    wanted, number = comparable(identifier), number_key(identifier)
    employees = yield from list_employees(company)
    ids = [
        employee.id
        for employee in employees
        if identifier == employee.id
        or wanted == comparable(employee.email or "")
        or number == number_key(employee.number or "")
    ]
    if not ids:
        require_shown(employees, _KEYS)
    found = []
    for id in ids:
        person = yield from get_person(company, id)
        if person is not None:  # deleted since the list was read
            found.append(person)
    return found


def shared_values(
    company: BambooHrCompany, person: Person, values: Collection[Shareable]
) -> Flow[frozenset[Shareable]]:
    """By the list that was read last, if that was a moment ago: a start has just found the person in it, or the feed of
    leavers."""
    if company.last.at is None or company.now - company.last.at > LIST_SERVES_FOR:
        yield from list_employees(company)
    number, address = number_key(person.employee_number), comparable(person.email)
    others = [(numbered, addressed) for id, numbered, addressed in company.last.keys if id != person.id]
    shared: set[Shareable] = set()
    if "employee_number" in values and any(number == numbered for numbered, _ in others):
        shared.add("employee_number")
    if "email" in values and any(address == addressed for _, addressed in others):
        shared.add("email")
    return frozenset(shared)


def search_people(company: BambooHrCompany, text: str, limit: int) -> Flow[list[Person]]:
    """Employees of whom a field is hidden are not found."""
    typed = comparable(text)
    exact, others = [], []
    for employee in (yield from list_employees(company)):
        keys = (comparable(employee.number or ""), comparable(employee.email or ""))
        if not typed or employee.hidden:
            continue
        if typed in keys:
            exact.append(employee)
        elif any(key.startswith(typed) for key in keys) or _name_has(employee, typed.split()):
            others.append(employee)
    return (yield from _people(company, [*exact, *others][:limit]))


def _name_has(employee: ListedEmployee, words: Sequence[str]) -> bool:
    name = comparable(f"{employee.given_name} {employee.family_name} {employee.preferred_name or ''}")
    return all(word in name for word in words)


def _people(company: BambooHrCompany, employees: Sequence[ListedEmployee]) -> Flow[list[Person]]:
    if not employees:
        return []
    rows = yield from histories()
    return [as_person(company, employee, rows.get(employee.id, ())) for employee in employees]


def list_people(company: BambooHrCompany, at_most: int) -> Flow[PeopleListed]:
    employees = yield from list_employees(company)
    shown = [employee for employee in employees if not employee.hidden]
    missing = ""
    if len(shown) < len(employees):
        hidden = sorted(frozenset[str]().union(*(employee.hidden for employee in employees)))
        missing = f"BambooHR hides {', '.join(hidden)} of {len(employees) - len(shown)} employees."
    elif len(shown) > at_most:
        missing = f"HR has more than {at_most} people."
    return PeopleListed((yield from _people(company, shown[:at_most])), missing)


def list_managers(company: BambooHrCompany, person_id: str) -> Flow[list[Person]]:
    """A manager whom the key's user may not see is an error and not the top: the list says who may not approve."""
    person = yield from get_person(company, person_id)
    if person is None:
        raise RefusedError(
            "not_found", "BambooHR has no such employee.", remedy="Check the ID of the employee.", happened="no"
        )
    chain: list[Person] = []
    seen = {person.id}
    while person is not None and person.manager_id is not None and person.manager_id not in seen:
        seen.add(person.manager_id)
        person = yield from get_person(company, person.manager_id)
        if person is not None:
            chain.append(person)
    return chain


def find_accounts(company: BambooHrCompany, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """Employees, for packets that name this system in a step or a condition."""
    for lookup in lookups:
        if lookup.attribute not in ATTRIBUTES:
            raise unknown_attribute(KIND, lookup.attribute, ATTRIBUTES)
    asked = [lookup for lookup in lookups if lookup.value.strip()]
    if not asked:
        return []
    employees = yield from list_employees(company)
    found = AccountSet()
    for employee in employees:
        for lookup in asked:
            shown = employee.shown[lookup.attribute]
            if equals_ignoring_case(shown, lookup.value):
                found.add(employee.as_account(), lookup.attribute, shown)
    if not found.accounts():
        attributes = {lookup.attribute for lookup in asked}
        require_shown(employees, attributes)
        for attribute in sorted(attributes):
            if not any(employee.shown[attribute] for employee in employees):
                raise unproven(attribute)
    return found.accounts()
