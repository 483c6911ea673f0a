"""The connector for Slack, connected to the simulator in `embedded/vendors/slack`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.registry import connect
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.simulator import client_of
from orchestrator.embedded.vendors.slack.grid import SlackGrid, SlackUser
from orchestrator.embedded.vendors.slack.seeds import SlackSeed, seed_slack
from orchestrator.embedded.vendors.slack.simulator import SlackSimulator

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", manager_number="E-2"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales", manager_number="E-2"),
]


class ConnectedSlack:
    """The simulator, its seed, and the connector with the owner's token for the organization or workspace (`owner`),
    which has all scopes, and with a bot's token for the first workspace (`bot`)."""

    def __init__(self, slack: SlackSimulator, seed: SlackSeed) -> None:
        self.slack, self.seed = slack, seed
        self.isa, self.bo, self.kim = (seed.user(number) for number in ("E-1", "E-2", "E-3"))
        self.corp = seed.workspaces[0].id
        self.place = slack.state.organization or self.corp
        self._opened: list[Connector] = []
        self.owner = self.connected(seed.token)
        self.bot = self.connected(seed.bot, team_id=self.corp)

    @property
    def grid(self) -> SlackGrid:
        return self.slack.state

    def connected(self, token: str, **settings: str) -> Connector:
        given = {"url": self.slack.url, "scim_url": self.slack.url, "team_id": self.place, "token": token, **settings}
        self._opened.append(connect("slack", given, allowed_hosts=["127.0.0.1"]))
        return self._opened[-1]

    def with_scopes(self, *scopes: str, team: str = "", user: SlackUser | None = None) -> Connector:
        """With a user token that has these scopes only, of the owner or of another person."""
        place = team or self.place
        app = self.grid.new_app("Narrow")
        token = self.grid.install(app, user or self.seed.owner, place, *scopes)
        return self.connected(token.value, team_id=place)

    async def aclose(self) -> None:
        for connector in self._opened:
            await connector.aclose()

    def effect(self, ability: str, user: SlackUser | None = None, **parameters: Any) -> Effect:
        who = user or self.isa
        return Effect(ability, "run-1/step-1/1", Account(who.id, who.user_name), parameters)

    async def do(self, ability: str, user: SlackUser | None = None, **parameters: Any) -> Any:
        return (await self.owner.attempt(self.effect(ability, user, **parameters))).detail

    async def look(self, ability: str, user: SlackUser | None = None, **parameters: Any) -> Any:
        return await self.owner.read_back(self.effect(ability, user, **parameters))

    async def outcome(self, ability: str, user: SlackUser | None = None, **parameters: Any) -> str:
        return str((await self.look(ability, user, **parameters)).outcome)

    async def find(self, attribute: str, value: str, connector: Connector | None = None) -> list[Account]:
        return list(await (connector or self.owner).find_accounts([Lookup(attribute, value)]))

    async def own_token(self, number: str) -> str:
        """What Slack answers a token that the person gave to an app: proof from outside."""
        headers = {"Authorization": f"Bearer {self.seed.tokens[number].value}"}
        async with client_of(self.slack, headers) as theirs:
            body = (await theirs.post("/api/auth.test")).json()
            return str(body.get("error", "works"))

    def effects(self) -> list[str]:
        return [one.kind for one in self.grid.effects]


@asynccontextmanager
async def connected_slack(plan: str = "enterprise") -> AsyncIterator[ConnectedSlack]:
    """Leaving it fails if one request or answer is not as Slack describes it."""
    async with SlackSimulator(plan).start() as slack:
        connected = ConnectedSlack(slack, seed_slack(slack, PEOPLE))
        yield connected
        await connected.aclose()
