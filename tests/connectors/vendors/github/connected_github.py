"""The connector for GitHub, connected to the simulator in `embedded/vendors/github`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any

import httpx

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.registry import connect
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.github.organization import GitHubOrganization, GitHubToken, GitHubUser
from orchestrator.embedded.vendors.github.seeds import GitHubSeed, seed_github
from orchestrator.embedded.vendors.github.simulator import GitHubSimulator
from orchestrator.embedded.vendors.simulator import client_of

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales"),
]


class ConnectedGitHub:
    """The simulator, its seed, and the connector as a GitHub App (`app`) and with the token of an owner (`token`)."""

    def __init__(self, github: GitHubSimulator, seed: GitHubSeed) -> None:
        self.github, self.seed = github, seed
        self.isa, self.bo, self.kim = (seed.user(number) for number in ("E-1", "E-2", "E-3"))
        app = {
            "app_id": str(seed.app.id),
            "installation_id": str(seed.app.installation),
            "private_key": json.dumps(seed.key.as_dict(private=True)),
        }
        self._opened: list[Connector] = []
        self.app = self.connected(**app)

    @cached_property
    def token(self) -> Connector:
        return self.connected(token=self.seed.token)

    async def aclose(self) -> None:
        for connector in self._opened:
            await connector.aclose()

    @property
    def org(self) -> GitHubOrganization:
        return self.github.state

    def connected(self, **settings: str) -> Connector:
        given = {"url": self.github.url, "organization": "corp", **settings}
        self._opened.append(connect("github", given, allowed_hosts=["127.0.0.1"]))
        return self._opened[-1]

    def effect(self, ability: str, user: GitHubUser | None = None, **parameters: Any) -> Effect:
        who = user or self.isa
        return Effect(ability, "run-1/step-1/1", Account(str(who.id), who.login), parameters)

    async def do(self, ability: str, user: GitHubUser | None = None, **parameters: Any) -> Any:
        return (await self.app.attempt(self.effect(ability, user, **parameters))).detail

    async def look(self, ability: str, user: GitHubUser | None = None, **parameters: Any) -> Any:
        return await self.app.read_back(self.effect(ability, user, **parameters))

    async def outcome(self, ability: str, user: GitHubUser | None = None, **parameters: Any) -> str:
        return str((await self.look(ability, user, **parameters)).outcome)

    async def find(self, attribute: str, value: str, connector: Connector | None = None) -> list[Account]:
        return list(await (connector or self.app).find_accounts([Lookup(attribute, value)]))

    async def reads(self, token: GitHubToken, repository: str = "billing") -> int:
        """What a person gets with a token of their own: proof from outside."""
        async with client_of(self.github, {"Authorization": f"Bearer {token.value}"}) as theirs:
            response: httpx.Response = await theirs.get(f"/repos/corp/{repository}")
            return response.status_code


@asynccontextmanager
async def connected_github() -> AsyncIterator[ConnectedGitHub]:
    """Leaving it fails if one request or answer is not in GitHub's description or schema."""
    async with GitHubSimulator().start() as github:
        connected = ConnectedGitHub(github, seed_github(github, PEOPLE))
        yield connected
        await connected.aclose()
