"""The interface of HR systems: who people are and whom they report to.

A connector that has these methods is a people source, and can be named under `hr` in `platform.yaml`. The methods are
cut so that a system is asked as few times as it allows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from connectors.abilities import Pace, unpaced


@dataclass(frozen=True, slots=True)
class Asset:
    """Something the company lent: a laptop, a badge."""

    tag: str
    kind: str
    returned: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the HR system has them. `id` never changes and is never given to another person; everything else
    may change. `manager_email` is None where there is no manager, or where the system does not say it with the person:
    then the manager is asked for by `manager_id`."""

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
    manager_email: str | None
    country: str
    time_zone: str
    status: Literal["active", "leaving", "left"]
    leaving_at: datetime | None
    payroll: Literal["running", "final_pay", "stopped"]
    assets: tuple[Asset, ...]


def number_key(number: str) -> str:
    """What the spellings of an employee number have in common: without spaces, in one case, one form of Unicode and one
    kind of hyphen. Two people whose numbers differ in nothing else can't be distinguished by number."""
    text = number
    if not number.isascii():
        text = unicodedata.normalize("NFKC", number)
        text = "".join("-" if unicodedata.category(letter) == "Pd" else letter for letter in text)
    return "".join(text.casefold().split())


Shareable = Literal["employee_number", "email"]
"""A value that HR can have for two people."""


@runtime_checkable
class FindsSharedValues(Protocol):
    """Optional: for an HR system that finds a person in a list of everyone, so that a start reads one list."""

    async def shared_values(
        self, person: Person, values: Collection[Shareable], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> frozenset[Shareable] | None:
        """Those of `values` that another person has too, compared as `PeopleSource.find_person` compares them. The list
        may have been read a minute ago. None where the kind does not offer it. Raises
        `connectors.errors.ConnectorError`."""
        ...


@runtime_checkable
class PeopleSource(Protocol):
    """Every method raises `connectors.errors.ConnectorError` and nothing else, and ends within its deadline in
    seconds. `pace` is awaited before every request that a method sends."""

    async def find_person(self, identifier: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        """Every person whose id, employee number or mail address is `identifier`, each once. Mail addresses are
        compared in any case and any form of Unicode, numbers by `number_key`: of two people whose numbers differ in
        spelling alone, both are found."""
        ...

    async def search_people(
        self, text: str, *, limit: int = 50, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Person]:
        """At most `limit` people whom the system finds by what a user has typed so far. A person whose employee number
        or mail address is exactly `text` comes first."""
        ...

    async def person(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Person | None:
        """The person with this id, None where the system knows none."""
        ...

    async def managers(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        """The manager, the manager's manager and so on to the top. Ends where the system's data run in a circle.
        Raises `RefusedError("not_found")` for an unknown person."""
        ...
