"""The connector for BambooHR, connected to the simulator in `embedded/vendors/bamboohr`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast
from zoneinfo import ZoneInfo

from connectors.abilities import Connector
from connectors.listing import ListsLeavers, ListsPeople
from connectors.people import PeopleSource, Person
from connectors.registry import connect
from orchestrator.embedded.vendors.bamboohr.company import BambooCompany
from orchestrator.embedded.vendors.bamboohr.records import BambooEmployee
from orchestrator.embedded.vendors.bamboohr.seeds import BambooSeed, seed_bamboohr
from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator
from tests.vendors.bamboohr.conftest import PEOPLE

ZONE = "America/Denver"


class BambooHrSource(Connector, PeopleSource, ListsPeople, ListsLeavers, Protocol):
    """All that the connector for BambooHR is."""


class ConnectedBambooHr:
    """The simulator, its seed, and the connector with the key of the reader, who sees everything."""

    def __init__(self, bamboo: BambooSimulator, seed: BambooSeed) -> None:
        self.bamboo, self.seed = bamboo, seed
        self.isa, self.bo, self.kim = (seed.employee(number) for number in ("E-1", "E-2", "E-3"))
        self._opened: list[Connector] = []
        self.hr = self.connected(seed.api_key)

    @property
    def company(self) -> BambooCompany:
        return self.bamboo.state

    def connected(self, key: str, **settings: str) -> BambooHrSource:
        given = {"url": self.bamboo.url, "api_key": key, "time_zone": ZONE, **settings}
        connector = connect("bamboohr", given, allowed_hosts=["127.0.0.1"])
        self._opened.append(connector)
        assert isinstance(connector, PeopleSource) and isinstance(connector, ListsLeavers)
        return cast(BambooHrSource, connector)

    def with_less(self, *hidden: str, sees: set[str] | None = None) -> BambooHrSource:
        """With the key of a user to whom these fields are hidden, or who sees these employees only."""
        user = self.company.new_user("weak@corp.example", None, *hidden)
        user.sees = sees
        return self.connected(self.company.new_key(user))

    def day(self, days: int) -> str:
        return (self.company.today + timedelta(days=days)).isoformat()

    def ends(self, days: int, at: str = "18:00", zone: str = ZONE) -> datetime:
        """When work ends so many days from today."""
        return datetime.fromisoformat(f"{self.day(days)}T{at}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    async def person(self, employee: BambooEmployee) -> Person:
        found = await self.hr.person(employee.id)
        assert found is not None
        return found

    async def aclose(self) -> None:
        for connector in self._opened:
            await connector.aclose()


@asynccontextmanager
async def connected_bamboohr() -> AsyncIterator[ConnectedBambooHr]:
    """Leaving it fails if one request or answer is not as BambooHR describes it."""
    async with BambooSimulator(ZONE).start() as bamboo:
        connected = ConnectedBambooHr(bamboo, seed_bamboohr(bamboo, PEOPLE))
        yield connected
        await connected.aclose()
