"""The people of HR for many rows: one list where the HR system has one, else one question for each row."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from activities.inquiries.people import LIST_DEADLINE_SECONDS, NORMAL_VALUES, People, facts_of
from connectors.account_set import comparable
from connectors.errors import ActionRequiredError
from connectors.listing import PeopleListed
from connectors.people import Person, Shareable, number_key
from orchestrator.domain.errors import Invalid
from orchestrator.domain.organisation.person import PersonFacts

ROWS_FOR_A_LIST: Final = 10
"""Rows from which the list of everyone is read instead of each person."""
MAX_LISTED: Final = 200_000


class HrList:
    """HR as it was when it was read. Raises `connectors.errors.ConnectorError`."""

    def __init__(self, people: People, listed: PeopleListed | None = None) -> None:
        """Without a complete list, HR is asked for each person."""
        self._people = people
        self._complete = listed is not None and not listed.missing
        everyone: Sequence[Person] = listed.people if listed is not None and self._complete else ()
        self._by_id: Mapping[str, Person] = {person.id: person for person in everyone}
        self._by_value: dict[tuple[str, str], set[str]] = defaultdict(set)
        for person in everyone:
            if person.employee_number.strip():
                self._by_value["employee_number", number_key(person.employee_number)].add(person.id)
            if person.email.strip():
                self._by_value["email", comparable(person.email)].add(person.id)

    @classmethod
    async def read(cls, people: People, rows: int) -> HrList:
        """For so many rows. A system that does not list people is asked for each one."""
        if rows < ROWS_FOR_A_LIST:
            return cls(people)
        with contextlib.suppress(ActionRequiredError):
            return cls(people, await people.everyone(MAX_LISTED, deadline=LIST_DEADLINE_SECONDS))
        return cls(people)

    async def find(self, wanted: str) -> Person:
        """By HR's id, employee number or mail address. Raises `Invalid` unless exactly one person is found."""
        if not self._complete:
            return await self._people.find(wanted)
        found = {wanted} & self._by_id.keys()
        found |= self._by_value.get(("employee_number", number_key(wanted)), set())
        found |= self._by_value.get(("email", comparable(wanted)), set())
        if len(found) != 1:
            raise Invalid(
                "unknown_person" if not found else "several_people",
                f"{'No one' if not found else 'More than one person'} in HR matches this search.",
            )
        return self._by_id[found.pop()]

    async def by_id(self, hr_id: str) -> Person | None:
        return self._by_id.get(hr_id) if self._complete else await self._people.by_id(hr_id)

    async def facts_to_search_by(self, person: Person) -> PersonFacts:
        """As `People.facts_to_search_by`."""
        if not self._complete:
            return await self._people.facts_to_search_by(person)
        facts = self.facts(person)
        strong = self._people.strong_values()
        return facts.model_copy(update={"shared": tuple(value for value in strong if self._is_shared(person, value))})

    def facts(self, person: Person) -> PersonFacts:
        manager = self._by_id.get(person.manager_id) if person.manager_id is not None else None
        email = person.manager_email
        return facts_of(person, email if email is not None or manager is None else manager.email)

    def _is_shared(self, person: Person, value: Shareable) -> bool:
        own = getattr(person, value)
        return bool(own.strip()) and len(self._by_value[value, NORMAL_VALUES[value](own)]) > 1
