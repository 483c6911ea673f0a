"""The simulator of Slack with its seed and a client, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.simulator import client_of
from orchestrator.embedded.vendors.slack.scim import PATCH
from orchestrator.embedded.vendors.slack.seeds import SlackSeed, seed_slack
from orchestrator.embedded.vendors.slack.simulator import SlackSimulator

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", manager_number="E-2"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales", manager_number="E-2"),
]


@dataclass
class SlackFromOutside:
    """The simulator, its seed, and a client with the owner's token."""

    slack: SlackSimulator
    seed: SlackSeed
    client: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.isa, self.bo, self.kim = (self.seed.user(number) for number in ("E-1", "E-2", "E-3"))
        self.corp = self.seed.workspaces[0].id
        self.org = self.slack.state.organization

    async def call(self, method: str, token: str = "", **arguments: Any) -> Any:
        """With a form, as most clients do."""
        headers = {"Authorization": f"Bearer {token}"} if token else None
        response = await self.client.post(f"/api/{method}", data=arguments, headers=headers)
        assert response.status_code == 200
        return response.json()

    async def error(self, method: str, token: str = "", **arguments: Any) -> str:
        return str((await self.call(method, token, **arguments)).get("error", ""))

    async def all(self, method: str, name: str, **arguments: Any) -> list[Any]:
        """All pages with cursors."""
        found: list[Any] = []
        while True:
            body = (await self.client.get(f"/api/{method}", params=arguments)).json()
            assert body["ok"], body
            found += body[name]
            arguments["cursor"] = body.get("next_cursor", body.get("response_metadata", {}).get("next_cursor"))
            if not arguments["cursor"]:
                return found

    async def own_token(self, number: str) -> str:
        """What auth.test answers a person's own token: proof from outside."""
        body = await self.call("auth.test", self.seed.tokens[number].value)
        return str(body.get("error", body.get("user_id")))

    async def patch(self, id: str, *operations: dict[str, Any]) -> httpx.Response:
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return await self.client.patch(f"/scim/v2/{id}", json=body)

    async def sessions(self) -> list[str]:
        body = await self.call("admin.users.session.list", user_id=self.isa.id, team_id=self.corp)
        return [one["created"]["os"] for one in body.get("active_sessions", [])]


@pytest_asyncio.fixture
async def here() -> AsyncIterator[SlackFromOutside]:
    async with SlackSimulator().start() as slack:
        seed = seed_slack(slack, PEOPLE)
        async with client_of(slack, {"Authorization": f"Bearer {seed.token}"}) as client:
            yield SlackFromOutside(slack, seed, client)
