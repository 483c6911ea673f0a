"""The HR system: who people are, whom they report to, when they leave, and what they are still paid."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from connectors.abilities import Ability, Account, Effect, Lookup, Reachability, ReadBack, Reply
from connectors.account_set import AccountSet, equals_ignoring_case
from connectors.errors import RefusedError
from connectors.http.client import Call, Fields, HttpSettings, JsonHttp
from connectors.parameters import account_gone, account_of, instant_of, unknown_ability, unknown_attribute

_ATTRIBUTES = ("id", "employee_number", "email")
_MAX_CHAIN_LENGTH = 50
_MAX_PEOPLE = 10_000

ABILITIES: Mapping[str, Ability] = {
    ability.name: ability
    for ability in (
        Ability(
            "record_leaving",
            "stage",
            "records in HR that the person leaves at the instant `at`",
            reversible="yes",
        ),
        Ability(
            "schedule_final_pay",
            "change",
            "books the final payment; HR books another one each time it is asked",
            repeat="never",
        ),
    )
}


class HrSettings(HttpSettings):
    """How to reach the HR system."""


@dataclass(frozen=True, slots=True)
class Asset:
    """Something the company lent: a laptop, a badge."""

    tag: str
    kind: str
    returned: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A person as HR tells it. `id` never changes and is never given to anybody else; everything else may."""

    id: str
    employee_number: str
    given_name: str
    family_name: str
    display_name: str
    email: str
    former_emails: tuple[str, ...]
    former_names: tuple[str, ...]
    department: str
    title: str
    manager_id: str | None
    country: str
    time_zone: str
    status: Literal["active", "leaving", "left"]
    leaving_at: datetime | None
    payroll: Literal["running", "final_pay", "stopped"]
    assets: tuple[Asset, ...]


class _Asset(Fields):
    tag: str
    kind: str
    returned: bool


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
    country: str = ""
    time_zone: str = ""
    status: Literal["active", "leaving", "left"]
    leaving_at: AwareDatetime | None = None
    payroll: Literal["running", "final_pay", "stopped"] = "running"
    assets: tuple[_Asset, ...] = ()

    def as_person(self) -> Person:
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "assets"}
        return Person(**fields, assets=tuple(Asset(asset.tag, asset.kind, asset.returned) for asset in self.assets))


class _People(Fields):
    people: list[_Person]
    next: str | None = None


class _Payment(Fields):
    id: str
    at: str
    key: str | None = None


class _Payments(Fields):
    payments: list[_Payment]


class HrConnector:
    """See `connectors.abilities.Connector`; lookups take `id`, `employee_number` and `email`. Besides, HR answers
    questions about people, which is what everything else starts from."""

    kind = "hr"
    abilities = ABILITIES

    def __init__(self, settings: HrSettings, *, allowed_hosts: Collection[str]) -> None:
        self._http = JsonHttp(settings, allowed_hosts=allowed_hosts)

    def __repr__(self) -> str:
        return f"HrConnector({self._http!r})"

    async def find_people(
        self,
        *,
        employee_number: str | None = None,
        email: str | None = None,
        person_id: str | None = None,
        query: str | None = None,
        limit: int = 50,
        deadline: float = 30.0,
    ) -> Sequence[Person]:
        """At most `limit` people who answer every criterion: the exact number, address (whatever its case) or id;
        `query` is what somebody types, and HR matches it as it does. Without any criterion: everybody."""
        exact = {"employee_number": employee_number, "email": email, "id": person_id}
        asked = {name: value for name, value in exact.items() if value is not None}
        if any(not value.strip() for value in asked.values()):
            return []
        if query is not None:
            asked["q"] = query
        found = await self._search(self._http.call(deadline), asked, limit)
        return [person.as_person() for person in found]

    async def person(self, person_id: str, *, deadline: float = 30.0) -> Person | None:
        """The person with this id, None where HR knows none."""
        found = await self._person(self._http.call(deadline), person_id)
        return None if found is None else found.as_person()

    async def chain(self, person_id: str, *, deadline: float = 30.0) -> Sequence[Person]:
        """The manager, the manager's manager and so on to the top. Ends where HR's data run in a circle.
        Raises `RefusedError("not_found")` for an unknown person."""
        call = self._http.call(deadline)
        person = await self._person(call, person_id)
        if person is None:
            raise RefusedError("not_found", "HR knows nobody with this id.", happened="no")
        seen = {person.id}
        chain: list[Person] = []
        while person is not None and person.manager_id and person.manager_id not in seen:
            seen.add(person.manager_id)
            person = await self._person(call, person.manager_id)
            if person is not None:
                chain.append(person.as_person())
            if len(chain) > _MAX_CHAIN_LENGTH:
                call.unexpected(f"A reporting line goes on beyond {_MAX_CHAIN_LENGTH} people.")
        return chain

    async def find_accounts(self, lookups: Sequence[Lookup], *, deadline: float = 30.0) -> Sequence[Account]:
        call = self._http.call(deadline)
        found = AccountSet()
        for lookup in lookups:
            if lookup.attribute not in _ATTRIBUTES:
                raise unknown_attribute("hr", lookup.attribute, _ATTRIBUTES)
            if not lookup.value.strip():
                continue
            for person in await self._search(call, {lookup.attribute: lookup.value}, _MAX_PEOPLE):
                attributes = {"employee_number": person.employee_number, "email": person.email}
                account = Account(person.id, person.display_name, attributes, person.status != "left")
                found.add(account, lookup.attribute, getattr(person, lookup.attribute))
        return found.accounts()

    async def attempt(self, effect: Effect) -> Reply:
        if effect.ability not in ABILITIES:
            raise unknown_ability("hr", effect.ability)
        person_id = account_of(effect).native_id
        call = self._http.call(effect.deadline)
        if effect.ability == "record_leaving":
            path, document = "leaving", {"at": instant_of(effect, "at").isoformat()}
        else:
            path, document = "final-pay", {}
        headers = {"Effect-Key": effect.effect_key}
        answer = await call.send("POST", "people", person_id, path, document=document, headers=headers, missing_ok=True)
        if answer.status == 404:
            raise account_gone(effect)
        return Reply(_state(call.parse(answer, _Person)))

    async def read_back(self, effect: Effect) -> ReadBack:
        if effect.ability not in ABILITIES:
            raise unknown_ability("hr", effect.ability)
        person_id = account_of(effect).native_id
        call = self._http.call(effect.deadline)
        person = await self._person(call, person_id)
        if person is None:
            return ReadBack("unknown", {"present": False})
        if effect.ability == "record_leaving":
            recorded = person.status != "active" and person.leaving_at == instant_of(effect, "at")
            return ReadBack("done" if recorded else "not_done", _state(person))
        payments = call.parse(await call.send("GET", "people", person_id, "final-payments"), _Payments).payments
        ours = [payment.model_dump() for payment in payments if payment.key == effect.effect_key]
        # Payments that are not ours are shown too: somebody else's final payment is what a person must look at.
        evidence = {**_state(person), "payments": ours, "other_payments": len(payments) - len(ours)}
        return ReadBack("done" if ours else "not_done", evidence)

    async def check(self, *, deadline: float = 10.0) -> Reachability:
        return await self._http.check("people", "0", deadline=deadline, missing_ok=True)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _person(self, call: Call, person_id: str) -> _Person | None:
        answer = await call.send("GET", "people", person_id, missing_ok=True)
        return None if answer.status == 404 else call.parse(answer, _Person)

    async def _search(self, call: Call, asked: Mapping[str, str], limit: int) -> list[_Person]:
        exact = {name: value for name, value in asked.items() if name in _ATTRIBUTES}
        found: list[_Person] = []
        cursors: set[str] = set()
        params = {**asked, "limit": str(min(limit, 100))}
        while True:
            page = call.parse(await call.send("GET", "people", params=params), _People)
            for person in page.people:
                if all(equals_ignoring_case(getattr(person, name), value) for name, value in exact.items()):
                    found.append(person)
            if len(found) >= limit or not page.next:
                return found[:limit]
            if page.next in cursors:
                call.unexpected("HR's pages run in a circle.")
            cursors.add(page.next)
            params["cursor"] = page.next


def _state(person: _Person) -> dict[str, Any]:
    return {
        "status": person.status,
        "leaving_at": person.leaving_at.isoformat() if person.leaving_at else None,
        "payroll": person.payroll,
    }
