"""People as HR knows them: the one who leaves, and those who act here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from activities.connections import Connections
from connectors.errors import ActionRequiredError
from connectors.reference.hr import HrConnector, Person
from orchestrator.domain.errors import Invalid
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor, ActorKind
from orchestrator.ledger.persons.keys import Keyring, new_person_id


class People:
    """HR, through the connector that the packet names for it. Raises `connectors.errors.ConnectorError`."""

    def __init__(self, connections: Connections, packet: Packet, keyring: Keyring) -> None:
        self._connections = connections
        self._packet = packet
        self._keyring = keyring

    async def find(self, wanted: str) -> Person:
        """By HR's id, employee number or mail address. Raises `Invalid` unless exactly one person is found."""
        hr = await self._hr()
        found: dict[str, Person] = {}
        for person in (
            *([known] if (known := await hr.person(wanted)) is not None else []),
            *await hr.find_people(employee_number=wanted),
            *await hr.find_people(email=wanted),
        ):
            found[person.id] = person
        if len(found) != 1:
            raise Invalid(
                "unknown_person" if not found else "several_people",
                f"HR knows {'nobody' if not found else 'several people'} by what was given.",
                "Give the employee number or the work mail address as HR has it.",
            )
        return next(iter(found.values()))

    async def search(self, text: str, most: int) -> list[Person]:
        """At most `most` people whom HR finds by what somebody has typed so far. An employee number or a mail address
        that is whole finds its owner, whatever HR makes of it as words."""
        hr = await self._hr()
        asked = [hr.find_people(query=text, limit=most)]
        if "@" in text:
            asked.append(hr.find_people(email=text, limit=most))
        if any(letter.isdigit() for letter in text):
            asked.append(hr.find_people(employee_number=text, limit=most))
        answers = await asyncio.gather(*asked)
        found = {person.id: person for people in reversed(answers) for person in people}
        return list(found.values())[:most]

    async def facts(self, person: Person) -> PersonFacts:
        manager = None
        if person.manager_id is not None:
            manager = await (await self._hr()).person(person.manager_id)
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
            manager_email=manager.email if manager is not None else None,
            country=person.country,
            time_zone=person.time_zone,
        )

    async def actor(
        self, actor_id: str, wanted: str, roles: Iterable[str], kind: ActorKind = "person", *, record: bool = True
    ) -> Actor:
        """Whoever signs in, with the person HR knows behind the account and everyone above them. Without `record`
        nothing is written: whom the keyring does not know gets an id for this once."""
        return await self.actor_of(await self.find(wanted), actor_id, roles, kind, record=record)

    async def actor_of(
        self, person: Person, actor_id: str, roles: Iterable[str], kind: ActorKind = "person", *, record: bool = True
    ) -> Actor:
        """The same for a person who was found already."""
        chain = await (await self._hr()).chain(person.id)
        return Actor(
            actor_id=actor_id,
            kind=kind,
            roles=frozenset(roles),
            human=await self._id(person.id, record),
            managers=frozenset([await self._id(manager.id, record) for manager in chain]),
        )

    async def _id(self, hr_id: str, record: bool) -> str:
        return await self._keyring.person_for("hr", hr_id, create=record) or new_person_id()

    async def _hr(self) -> HrConnector:
        name = self._packet.platform.hr.system
        connector = await self._connections.to(name, self._packet.platform.systems[name])
        if not isinstance(connector, HrConnector):
            raise ActionRequiredError(
                "not_an_hr_system",
                f"System {name} is named under 'hr' in platform.yaml, and its connector is no HR system's.",
                remedy="Name the HR system there.",
                happened="no",
            )
        return connector
