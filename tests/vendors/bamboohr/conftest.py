"""The simulator of BambooHR with its seed and a client that asks for JSON, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.bamboohr.records import BambooUser
from orchestrator.embedded.vendors.bamboohr.seeds import BambooSeed, seed_bamboohr
from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", manager_number="E-2"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", title="Head of Sales"),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales", manager_number="E-2"),
]


@dataclass
class BambooFromOutside:
    """The simulator, its seed, and a client with the API key of the reader."""

    bamboo: BambooSimulator
    seed: BambooSeed
    client: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.isa, self.bo, self.kim = (self.seed.employee(number) for number in ("E-1", "E-2", "E-3"))

    def day(self, days: int) -> str:
        """So many days from today in the company's zone."""
        return (self.bamboo.state.today + timedelta(days=days)).isoformat()

    def since(self, **ago: float) -> str:
        return (self.bamboo.now() - timedelta(**ago)).isoformat(timespec="seconds")

    async def fields(self, id: str, *names: str, **query: str) -> dict[str, Any]:
        response = await self.client.get(f"/employees/{id}", params={"fields": ",".join(names), **query})
        assert response.status_code == 200, response.headers
        return {name: value for name, value in response.json().items() if name != "id"}

    async def changed(self, since: str, **query: str) -> dict[str, str]:
        """The action by the employee's id."""
        body = (await self.client.get("/employees/changed", params={"since": since, **query})).json()
        return {id: one["action"] for id, one in body["employees"].items()}

    async def statuses(self, id: str) -> list[tuple[str, str]]:
        rows = (await self.client.get(f"/employees/{id}/tables/employmentStatus")).json()
        return [(row["date"], row["employmentStatus"]) for row in rows]

    def as_user(self, user: BambooUser) -> httpx.AsyncClient:
        return client_with_key(self.bamboo, self.bamboo.state.new_key(user))


def client_with_key(bamboo: BambooSimulator, key: str, accept: str = "application/json") -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{bamboo.url}/api/v1", auth=(key, "x"), headers={"Accept": accept}, verify=False, trust_env=False
    )


@pytest_asyncio.fixture
async def here() -> AsyncIterator[BambooFromOutside]:
    async with BambooSimulator().start() as bamboo:
        seed = seed_bamboohr(bamboo, PEOPLE)
        bamboo.advance(hours=1)
        async with client_with_key(bamboo, seed.api_key) as client:
            yield BambooFromOutside(bamboo, seed, client)
