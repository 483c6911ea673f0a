"""The connector for Google Workspace, connected to the simulator in `tests/vendors/google`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.registry import connect
from connectors.vendors.google_workspace.check import NEEDED
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.simulator import client_of
from tests.vendors.google.seeds import GoogleSeed, seed_google
from tests.vendors.google.simulator import GoogleSimulator
from tests.vendors.google.workspace import GoogleUser, GoogleWorkspace

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", manager_number="E-2"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "O'Dahl", "kim.o'dahl@corp.example", department="Sales", manager_number="E-2"),
]
ALL_SCOPES = {scope for scopes in NEEDED.values() for scope in scopes}


class ConnectedGoogle:
    """The simulator, its seed, and the connector with the service account's key."""

    def __init__(self, google: GoogleSimulator, seed: GoogleSeed, connector: Connector, web: httpx.AsyncClient) -> None:
        self.google, self.seed, self.connector, self.web = google, seed, connector, web
        self.isa, self.bo, self.kim = (seed.user(number) for number in ("E-1", "E-2", "E-3"))

    @property
    def workspace(self) -> GoogleWorkspace:
        return self.google.state

    def effect(self, ability: str, user: GoogleUser | None = None, **parameters: Any) -> Effect:
        who = user or self.isa
        return Effect(ability, "run-1/step-1/1", Account(who.id, who.email), parameters)

    async def give_back(self, ability: str, user: GoogleUser | None = None, taken: Any = ()) -> Any:
        """The details of the reply. The read-back says that it was not done before, and that it is done after."""
        giving = replace(self.effect(ability, user), taken=taken)
        assert (await self.connector.read_back(giving)).outcome == "not_done"
        reply = (await self.connector.attempt(giving)).detail
        assert (await self.connector.read_back(giving)).outcome == "done"
        return reply

    async def do(self, ability: str, user: GoogleUser | None = None, **parameters: Any) -> Any:
        return (await self.connector.attempt(self.effect(ability, user, **parameters))).detail

    async def look(self, ability: str, user: GoogleUser | None = None, **parameters: Any) -> Any:
        return await self.connector.read_back(self.effect(ability, user, **parameters))

    async def outcome(self, ability: str, user: GoogleUser | None = None, **parameters: Any) -> str:
        return str((await self.look(ability, user, **parameters)).outcome)

    async def find(self, attribute: str, value: str) -> Any:
        return await self.connector.find_accounts([Lookup(attribute, value)])

    async def refreshes(self, number: str) -> bool:
        """Whether the app that the person gave access to gets a new access token."""
        value = self.seed.tokens[number]["refresh_token"].value
        form = {"grant_type": "refresh_token", "refresh_token": value, "client_id": self.seed.mobile.id}
        return (await self.web.post("/token", data=form)).status_code == 200

    async def lives(self, number: str) -> bool:
        """Whether the access token of that app is accepted."""
        query = {"access_token": self.seed.tokens[number]["access_token"].value}
        return (await self.web.post("/oauth2/v2/tokeninfo", params=query)).status_code == 200

    def scopes_asked(self) -> list[str]:
        """The scopes of all tokens that the service account got."""
        tokens = self.workspace.tokens.values()
        return sorted(
            scope.rsplit("/", 1)[-1] for one in tokens if one.client == self.seed.service.id for scope in one.scopes
        )


def settings_of(google: GoogleSimulator, seed: GoogleSeed) -> dict[str, str]:
    return {
        "url": google.url,
        "licensing_url": google.url,
        "token_url": google.token_url,
        "admin_email": seed.admin.email,
        "private_key": seed.key.as_pem(private=True).decode(),
        "service_account_email": seed.service.email,
    }


@asynccontextmanager
async def connected_google() -> AsyncIterator[ConnectedGoogle]:
    async with GoogleSimulator().start() as google:
        seed = seed_google(google, PEOPLE)
        seed.service.delegated |= ALL_SCOPES
        google.state.assign_role("1", seed.admin)
        connector = connect("google_workspace", settings_of(google, seed), allowed_hosts=["127.0.0.1"])
        async with client_of(google) as web:
            yield ConnectedGoogle(google, seed, connector, web)
        await connector.aclose()
