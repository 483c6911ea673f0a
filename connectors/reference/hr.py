"""The HR system: who people are, whom they report to, when they leave, and what they are still paid.

Only the embedded company speaks this interface: the demo and tests use it in place of a real HR system. It records the
header `Effect-Key`, by which tests count what an effect did; no vendor's connector sends it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from connectors.abilities import Ability, Account, Effect, Lookup, Pace, ReadBack, unpaced
from connectors.account_set import comparable
from connectors.acts import Act, ActTable
from connectors.http.connector import (
    SAMPLE_SIZE,
    HttpConnector,
    HttpKind,
    TokenSettings,
    answers,
    bearer,
    find_by,
    first_page,
)
from connectors.http.flows import Fields, all_pages, ask_if_present, parse, unexpected
from connectors.http.pages import Cursor
from connectors.http.requests import Flow, Operation
from connectors.listing import PeopleListed
from connectors.parameters import account_gone, account_of, instant_of
from connectors.people import Asset, Person, number_key
from connectors.read_backs import account_missing, seen
from connectors.reference.changes import change_account

_MAX_PAGE = 100
_PAGES = Cursor(items_at=("people",), next_at=("next",), parameter="cursor")
_PAYMENT_PAGES = Cursor(items_at=("payments",), next_at=("next",), parameter="cursor")

LIST_PEOPLE = Operation("GET", "/people")
GET_PERSON = Operation("GET", "/people/{id}")
LIST_MANAGERS = Operation("GET", "/people/{id}/managers")
RECORD_LEAVING = Operation("POST", "/people/{id}/leaving")
WITHDRAW_LEAVING = Operation("DELETE", "/people/{id}/leaving")
BOOK_FINAL_PAY = Operation("POST", "/people/{id}/final-pay")
LIST_FINAL_PAYMENTS = Operation("GET", "/people/{id}/final-payments")


class HrSettings(TokenSettings):
    """How to reach the HR system."""


class _Person(Fields):
    id: str = Field(min_length=1)
    employee_number: str
    given_name: str
    family_name: str
    display_name: str
    email: str
    former_emails: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    department: str = ""
    title: str = ""
    manager_id: str | None = None
    manager_email: str | None = None
    country: str = ""
    time_zone: str = ""
    status: Literal["active", "leaving", "left"]
    leaving_at: AwareDatetime | None = None
    payroll: Literal["running", "final_pay", "stopped"] = "running"
    assets: tuple[Asset, ...] = ()

    def as_person(self) -> Person:
        return Person(**{name: getattr(self, name) for name in type(self).model_fields})

    def as_account(self) -> Account:
        attributes = {"employee_number": self.employee_number, "email": self.email}
        return Account(self.id, self.display_name, attributes, self.status != "left")

    def evidence(self) -> dict[str, Any]:
        leaving_at = self.leaving_at.isoformat() if self.leaving_at else None
        return {"status": self.status, "leaving_at": leaving_at, "payroll": self.payroll}


class _Payment(Fields):
    id: str
    at: str
    key: str | None = None


def _people(conditions: Mapping[str, str], at_most: int | None = None) -> Flow[list[_Person]]:
    size = str(_MAX_PAGE if at_most is None else min(at_most, _MAX_PAGE))
    request = LIST_PEOPLE.request(params={**conditions, "limit": size})
    return [parse(item, _Person) for item in (yield from all_pages(request, _PAGES, at_most=at_most))]


def list_people(at_most: int) -> Flow[list[Person]]:
    return [person.as_person() for person in (yield from _people({}, at_most))]


def find_person(identifier: str) -> Flow[list[Person]]:
    if not identifier.strip():
        return []
    wanted, number = comparable(identifier), number_key(identifier)
    found = yield from _people({"identifier": identifier})
    return [
        person.as_person()
        for person in found
        if identifier == person.id or wanted == comparable(person.email) or number == number_key(person.employee_number)
    ]


def search_people(text: str, limit: int) -> Flow[list[Person]]:
    return [person.as_person() for person in (yield from _people({"q": text}, limit))]


def get_person(person_id: str) -> Flow[Person | None]:
    found = yield from _person(person_id)
    return None if found is None else found.as_person()


def _person(person_id: str) -> Flow[_Person | None]:
    found = yield from ask_if_present(GET_PERSON.request(person_id, missing_ok=True), _Person)
    if found is not None and found.id != person_id:
        unexpected("The response shows another person than the one that was requested.")
    return found


def list_managers(person_id: str) -> Flow[list[Person]]:
    managers = yield from all_pages(LIST_MANAGERS.request(person_id), _PAGES)
    return [parse(item, _Person).as_person() for item in managers]


def _find(settings: HrSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    return [person.as_account() for person in (yield from _people({lookup.attribute: lookup.value}))]


def _record_leaving(settings: HrSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from _person(account_of(effect).native_id)
    answer = yield from change_account(RECORD_LEAVING, effect, {"at": instant_of(effect, "at").isoformat()})
    after = parse(answer.body, _Person).evidence()
    if before is None:
        return after
    was, now = before.evidence()["leaving_at"], after["leaving_at"]
    recorded = [] if was == now else [{"id": "leaving_at", "name": "leaving date", "before": was, "after": now}]
    return {**after, "recorded_leaving": recorded}


def _withdraw_leaving(settings: HrSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """HR has the date from before again. A date that HR was given since is kept."""
    person = yield from _person(account_of(effect).native_id)
    if person is None:
        raise account_gone(effect)
    mine = _last_recorded(effect, person)
    if mine is None:
        return {**person.evidence(), "already": True}
    if mine["before"] is None:
        answer = yield from change_account(WITHDRAW_LEAVING, effect)
    else:
        answer = yield from change_account(RECORD_LEAVING, effect, {"at": mine["before"]})
    return parse(answer.body, _Person).evidence()


def _last_recorded(effect: Effect, person: _Person) -> Mapping[str, Any] | None:
    """What the run recorded, if HR still shows it."""
    shown = person.evidence()["leaving_at"]
    return next((one for one in effect.taken if one["after"] == shown), None)


def _book_final_pay(settings: HrSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return parse((yield from change_account(BOOK_FINAL_PAY, effect, {})).body, _Person).evidence()


def _look_at_leaving(settings: HrSettings, effect: Effect) -> Flow[ReadBack]:
    person = yield from _person(account_of(effect).native_id)
    if person is None:
        return account_missing()
    return seen(person.status != "active" and person.leaving_at == instant_of(effect, "at"), person.evidence())


def _look_at_withdrawal(settings: HrSettings, effect: Effect) -> Flow[ReadBack]:
    person = yield from _person(account_of(effect).native_id)
    if person is None:
        return account_missing()
    return seen(_last_recorded(effect, person) is None, person.evidence())


def _look_at_payments(settings: HrSettings, effect: Effect) -> Flow[ReadBack]:
    person_id = account_of(effect).native_id
    person = yield from _person(person_id)
    if person is None:
        return account_missing()
    found = yield from all_pages(LIST_FINAL_PAYMENTS.request(person_id), _PAYMENT_PAGES)
    payments = [parse(item, _Payment) for item in found]
    ours = [payment.model_dump() for payment in payments if payment.key == effect.effect_key]
    # Payments that are not ours are shown too: a person must look at a final payment that was booked elsewhere.
    evidence = {**person.evidence(), "payments": ours, "other_payments": len(payments) - len(ours)}
    return seen(bool(ours), evidence)


HR = HttpKind(
    "hr",
    HrSettings,
    auth=bearer,
    prepare=lambda settings: settings,
    find=find_by(
        "hr",
        {"id": _find, "employee_number": _find, "email": _find},
        sample=first_page(
            LIST_PEOPLE.request(params={"limit": SAMPLE_SIZE}), _PAGES, lambda item: parse(item, _Person).as_account()
        ),
    ),
    check=answers(GET_PERSON.request("0")),
    acts=ActTable(
        "hr",
        Act(
            Ability(
                "record_leaving",
                "stage",
                "records in HR that the person leaves at the time `at`",
                reversible="yes",
                undone_by="withdraw_leaving",
                taken_as="recorded_leaving",
            ),
            _record_leaving,
            _look_at_leaving,
        ),
        Act(
            Ability(
                "withdraw_leaving",
                "stage",
                "takes back the leaving that a run recorded in HR",
                reversible="yes",
                gives_access=True,
            ),
            _withdraw_leaving,
            _look_at_withdrawal,
        ),
        Act(
            Ability(
                "schedule_final_pay",
                "change",
                "books the final payment; HR books another one for each request",
                repeat="never",
                destroys_nothing_because="a payment adds an entry and removes none",
            ),
            _book_final_pay,
            _look_at_payments,
        ),
    ),
)


class HrConnector(HttpConnector[HrSettings, HrSettings]):
    """See `connectors.abilities.Connector` and `connectors.people.PeopleSource`. One request finds a person by id,
    number or address, and one request reads the whole reporting line."""

    def __init__(self, settings: HrSettings, *, allowed_hosts: Collection[str]) -> None:
        super().__init__(HR, settings, allowed_hosts=allowed_hosts)

    async def find_person(self, identifier: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        return await self._client.run(find_person(identifier), deadline=deadline, pace=pace)

    async def search_people(
        self, text: str, *, limit: int = 50, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Person]:
        return await self._client.run(search_people(text, limit), deadline=deadline, pace=pace)

    async def person(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Person | None:
        return await self._client.run(get_person(person_id), deadline=deadline, pace=pace)

    async def managers(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        return await self._client.run(list_managers(person_id), deadline=deadline, pace=pace)

    async def list_people(self, *, at_most: int, deadline: float, pace: Pace = unpaced) -> PeopleListed:
        found = await self._client.run(list_people(at_most + 1), deadline=deadline, pace=pace)
        return PeopleListed(found[:at_most], f"HR has more than {at_most} people." if len(found) > at_most else "")
