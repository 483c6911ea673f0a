"""The connector for Entra, connected to the simulator in `tests/vendors/entra`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from connectors.abilities import Account, Connector, Effect
from connectors.registry import connect
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.simulator import client_of
from tests.vendors.entra.directory import EntraTenant, EntraUser
from tests.vendors.entra.seeds import EntraSeed, seed_entra
from tests.vendors.entra.simulator import EntraSimulator

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", manager_number="E-2"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "O'Dahl", "kim.o'dahl@corp.example", department="Sales", manager_number="E-1"),
]


class ConnectedEntra:
    """The simulator, its seed, and the connector with the service app's secret."""

    def __init__(self, entra: EntraSimulator, seed: EntraSeed, connector: Connector, web: httpx.AsyncClient) -> None:
        self.entra, self.seed, self.connector, self.web = entra, seed, connector, web
        self.isa, self.bo, self.kim = (seed.user(number) for number in ("E-1", "E-2", "E-3"))

    @property
    def tenant(self) -> EntraTenant:
        return self.entra.state

    def effect(self, ability: str, user: EntraUser | None = None, **parameters: Any) -> Effect:
        who = user or self.isa
        return Effect(ability, "run-1/step-1/1", Account(who.id, who.upn), parameters)

    async def do(self, ability: str, user: EntraUser | None = None, **parameters: Any) -> Any:
        return (await self.connector.attempt(self.effect(ability, user, **parameters))).detail

    async def look(self, ability: str, user: EntraUser | None = None, **parameters: Any) -> Any:
        return await self.connector.read_back(self.effect(ability, user, **parameters))

    async def outcome(self, ability: str, user: EntraUser | None = None, **parameters: Any) -> str:
        return str((await self.look(ability, user, **parameters)).outcome)

    async def token(self, **form: str) -> int:
        response = await self.web.post(self.entra.token_url, data={"client_id": self.seed.mobile.app_id, **form})
        return response.status_code

    async def sign_in(self, user: EntraUser) -> int:
        return await self.token(grant_type="password", username=user.upn, password=user.password)

    async def refresh(self, number: str) -> int:
        value = self.seed.tickets[number]["refresh_token"].value
        return await self.token(grant_type="refresh_token", refresh_token=value)


@asynccontextmanager
async def connected_entra() -> AsyncIterator[ConnectedEntra]:
    async with EntraSimulator().start() as entra:
        seed = seed_entra(entra, PEOPLE)
        settings = {
            "url": f"{entra.url}/v1.0",
            "login_url": entra.url,
            "tenant": entra.state.id,
            "client_id": seed.service.app_id,
            "client_secret": seed.service.secret,
        }
        connector = connect("entra", settings, allowed_hosts=["127.0.0.1"])
        async with client_of(entra) as web:
            yield ConnectedEntra(entra, seed, connector, web)
        await connector.aclose()
