"""People in HR: the leaver, and users of Offboard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypedDict

from activities.connections import Connections
from connectors.abilities import Pace
from connectors.account_set import comparable
from connectors.errors import ActionRequiredError
from connectors.listing import LeaversListed, ListsLeavers, ListsPeople, PeopleListed
from connectors.people import FindsSharedValues, PeopleSource, Person, Shareable, number_key
from orchestrator.domain.errors import Invalid
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor, ActorKind
from orchestrator.ledger.persons.keys import Keyring, new_person_id

DEADLINE_SECONDS = 30.0
"""One question to the HR system, its turn included."""
LIST_DEADLINE_SECONDS = 300.0
"""A list of all leavers, which can have many pages."""


NORMAL_VALUES: Final[Mapping[Shareable, Callable[[str], str]]] = {"employee_number": number_key, "email": comparable}
"""The match keys that HR can have for two people, each with the form in which HR compares its values."""


class _Limits(TypedDict):
    deadline: float
    pace: Pace


class People:
    """HR, through the connector that the packet names for it. Raises `connectors.errors.ConnectorError`."""

    def __init__(self, connections: Connections, packet: Packet, keyring: Keyring) -> None:
        self._connections = connections
        self._packet = packet
        self._keyring = keyring

    async def find(self, wanted: str) -> Person:
        """By HR's id, employee number or mail address. Raises `Invalid` unless exactly one person is found."""
        found = await (await self._source()).find_person(wanted, **self._limits())
        if len(found) != 1:
            raise Invalid(
                "unknown_person" if not found else "several_people",
                f"{'No one' if not found else 'More than one person'} in HR matches this search.",
            )
        return found[0]

    async def by_id(self, hr_id: str) -> Person | None:
        """The person with HR's id, None where HR has none."""
        return await (await self._source()).person(hr_id, **self._limits())

    async def search(self, text: str, most: int) -> list[Person]:
        """At most `most` people whom HR finds by what a user has typed so far."""
        return list(await (await self._source()).search_people(text, limit=most, **self._limits()))

    async def everyone(self, most: int, *, deadline: float) -> PeopleListed:
        """At most `most` people whom HR knows, in one list."""
        source, name = await self._source(), self._packet.platform.hr.system
        if not isinstance(source, ListsPeople):
            raise ActionRequiredError("not_listed", f"System {name} does not list people.", happened="no")
        pace = self._connections.pace(name, self._packet.platform.systems[name], deadline=deadline)
        return await source.list_people(at_most=most, deadline=deadline, pace=pace)

    async def leavers(self) -> LeaversListed:
        """Everyone who leaves or has left."""
        source, name = await self._source(), self._packet.platform.hr.system
        if not isinstance(source, ListsLeavers):
            raise ActionRequiredError("not_listed", f"System {name} does not list leavers.", happened="no")
        pace = self._connections.pace(name, self._packet.platform.systems[name], deadline=LIST_DEADLINE_SECONDS)
        return await source.leavers(deadline=LIST_DEADLINE_SECONDS, pace=pace)

    async def facts(self, person: Person) -> PersonFacts:
        manager_email = person.manager_email
        if person.manager_id is not None and manager_email is None:
            manager = await (await self._source()).person(person.manager_id, **self._limits())
            manager_email = manager.email if manager is not None else None
        return facts_of(person, manager_email)

    async def facts_to_search_by(self, person: Person, found_by: str = "") -> PersonFacts:
        """The facts, and which of their values HR has for another person too: a mail address or number that was given
        to a new person finds that person's accounts. Asks HR for each value by which the packet's systems are searched,
        without the one that the person alone was `found_by`."""
        facts = await self.facts(person)
        asked = [
            value
            for value in self.strong_values()
            if getattr(person, value).strip()
            and NORMAL_VALUES[value](getattr(person, value)) != NORMAL_VALUES[value](found_by)
        ]
        found = await self._shared(person, asked) if asked else frozenset[Shareable]()
        return facts.model_copy(update={"shared": tuple(value for value in asked if value in found)})

    def strong_values(self) -> list[Shareable]:
        """The values by which the packet's systems are searched and that alone find an account."""
        strong = {
            key.key for spec in self._packet.platform.systems.values() for key in spec.match if key.strength == "strong"
        }
        return [value for value in NORMAL_VALUES if value in strong]

    async def _shared(self, person: Person, values: Sequence[Shareable]) -> frozenset[Shareable]:
        source = await self._source()
        if isinstance(source, FindsSharedValues):
            found = await source.shared_values(person, values, **self._limits())
            if found is not None:
                return found
        return frozenset([value for value in values if await self._is_shared(person, value)])

    async def _is_shared(self, person: Person, value: Shareable) -> bool:
        normal, own = NORMAL_VALUES[value], getattr(person, value)
        try:
            found = await (await self._source()).find_person(own, **self._limits())
        except ActionRequiredError as error:
            if error.code != "person_unreadable":
                raise
            return True  # a record with this value that cannot be read may be another person's
        return any(other.id != person.id and normal(getattr(other, value)) == normal(own) for other in found)

    async def actor(
        self, actor_id: str, wanted: str, roles: Iterable[str], kind: ActorKind = "person", *, record: bool = True
    ) -> Actor:
        """The user who signs in, with the person HR knows behind the account and everyone above them. Without `record`
        nothing is written: whom the keyring does not know gets an id for this once."""
        return await self.actor_of(await self.find(wanted), actor_id, roles, kind, record=record)

    async def actor_of(
        self, person: Person, actor_id: str, roles: Iterable[str], kind: ActorKind = "person", *, record: bool = True
    ) -> Actor:
        """The same for a person who was found already."""
        chain = await (await self._source()).managers(person.id, **self._limits())
        return Actor(
            actor_id=actor_id,
            kind=kind,
            roles=frozenset(roles),
            human=await self._id(person.id, record),
            managers=frozenset([await self._id(manager.id, record) for manager in chain]),
        )

    async def _id(self, hr_id: str, record: bool) -> str:
        return await self._keyring.person_for("hr", hr_id, create=record) or new_person_id()

    def _limits(self) -> _Limits:
        """The deadline and the pace of one call."""
        name = self._packet.platform.hr.system
        pace = self._connections.pace(name, self._packet.platform.systems[name], deadline=DEADLINE_SECONDS)
        return {"deadline": DEADLINE_SECONDS, "pace": pace}

    async def _source(self) -> PeopleSource:
        name = self._packet.platform.hr.system
        connector = await self._connections.to(name, self._packet.platform.systems[name])
        if not isinstance(connector, PeopleSource):
            raise ActionRequiredError(
                "not_an_hr_system",
                f"System {name} is set as the HR system in platform.yaml, but its connector is not for an HR system.",
                remedy="Set `hr.system` in platform.yaml to the HR system.",
                happened="no",
            )
        return connector


def facts_of(person: Person, manager_email: str | None) -> PersonFacts:
    """HR's record as a run keeps it. `manager_email`: None where it is not known, or not asked for."""
    return PersonFacts(
        hr_id=person.id,
        employee_number=person.employee_number,
        given_name=person.given_name,
        family_name=person.family_name,
        display_name=person.display_name,
        email=person.email,
        former_emails=person.former_emails,
        former_names=person.former_names,
        department=person.department,
        title=person.title,
        manager_hr_id=person.manager_id,
        manager_email=manager_email,
        country=person.country,
        time_zone=person.time_zone,
    )
