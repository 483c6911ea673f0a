"""BambooHR as the HR system: who people are, whom they report to, and when they leave. BambooHR's API v1.

Each file of this package lists its requests as operations, each with the method, path and operation id of BambooHR's
own description (github.com/BambooHR/bhr-api-php). Nothing is written in BambooHR, so the kind has no abilities: steps
for that are tasks of people.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from connectors.abilities import Pace, unpaced
from connectors.acts import ActTable
from connectors.http.connector import HttpConnector, HttpKind
from connectors.listing import LeaversListed, PeopleListed
from connectors.people import Person, Shareable
from connectors.vendors.bamboohr import finding
from connectors.vendors.bamboohr.check import check
from connectors.vendors.bamboohr.company import DIALECT, BambooHrCompany, BambooHrSettings, auth_of
from connectors.vendors.bamboohr.employees import get_person
from connectors.vendors.bamboohr.leavers import LeaversRead, read_leavers
from connectors.vendors.bamboohr.setup import SETUP

ACTS: ActTable[Any, Any] = ActTable(finding.KIND)
BAMBOOHR = HttpKind(
    finding.KIND,
    BambooHrSettings,
    system_class="hr",
    auth=auth_of,
    prepare=BambooHrCompany,
    find=finding.find_accounts,
    check=check,
    setup=SETUP,
    dialect=DIALECT,
    acts=ACTS,
)


class BambooHrConnector(HttpConnector[BambooHrSettings, BambooHrCompany]):
    """See `connectors.abilities.Connector` and `connectors.people.PeopleSource`."""

    def __init__(self, settings: BambooHrSettings, *, allowed_hosts: Collection[str]) -> None:
        super().__init__(BAMBOOHR, settings, allowed_hosts=allowed_hosts)
        self._leavers: LeaversRead | None = None

    async def find_person(self, identifier: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        return await self._client.run(finding.find_person(self._context, identifier), deadline=deadline, pace=pace)

    async def shared_values(
        self, person: Person, values: Collection[Shareable], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> frozenset[Shareable]:
        flow = finding.shared_values(self._context, person, values)
        return await self._client.run(flow, deadline=deadline, pace=pace)

    async def search_people(
        self, text: str, *, limit: int = 50, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Person]:
        return await self._client.run(finding.search_people(self._context, text, limit), deadline=deadline, pace=pace)

    async def person(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Person | None:
        return await self._client.run(get_person(self._context, person_id), deadline=deadline, pace=pace)

    async def managers(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        return await self._client.run(finding.list_managers(self._context, person_id), deadline=deadline, pace=pace)

    async def list_people(self, *, at_most: int, deadline: float, pace: Pace = unpaced) -> PeopleListed:
        return await self._client.run(finding.list_people(self._context, at_most), deadline=deadline, pace=pace)

    async def leavers(self, *, deadline: float, pace: Pace = unpaced) -> LeaversListed:
        flow = read_leavers(self._context, self._leavers)
        self._leavers = await self._client.run(flow, deadline=deadline, pace=pace)
        return self._leavers.listed
