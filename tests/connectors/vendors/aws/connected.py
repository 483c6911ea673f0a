"""What the connectors for AWS have in common when they are connected to a simulator."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, Protocol

from connectors.abilities import Account, Connector, Effect, Lookup, ReadBack
from connectors.registry import connect
from orchestrator.embedded.company.people import Employee
from tests.vendors.aws.account import AccessKey, AwsUser, policy

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales"),
]


class SimulatedUser(Protocol):
    id: str

    @property
    def name(self) -> str: ...


class AwsSeeded(Protocol):
    """What a seed has: Offboard's own user with its access key, and the users by employee number."""

    key: AccessKey
    offboard: AwsUser

    def user(self, number: str) -> Any: ...


class ConnectedToAws(ABC):
    """The people of a seed, and the connector with the access key of Offboard's own user."""

    def __init__(self, seeded: AwsSeeded) -> None:
        self._offboard = seeded.offboard
        self.isa, self.bo, self.kim = (seeded.user(number) for number in ("E-1", "E-2", "E-3"))
        self._opened: list[Connector] = []
        self.connector = self.connected(seeded.key)

    @abstractmethod
    def connected(self, key: AccessKey, **settings: str) -> Connector:
        """Another connector, with this key and these settings."""

    def opened(self, kind: str, key: AccessKey, settings: dict[str, str]) -> Connector:
        credential = {"access_key_id": key.id, "secret_access_key": key.secret, "session_token": key.token}
        self._opened.append(connect(kind, credential | settings, allowed_hosts=["127.0.0.1"]))
        return self._opened[-1]

    async def aclose(self) -> None:
        for connector in self._opened:
            await connector.aclose()

    def allow(self, *actions: str) -> None:
        """Offboard's own user may do these and nothing else."""
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        self._offboard.inline["offboard"] = json.dumps(policy(allowed))

    def effect(self, ability: str, user: SimulatedUser | None = None, **parameters: Any) -> Effect:
        who = user or self.isa
        return Effect(ability, "run-1/step-1/1", Account(who.id, who.name), parameters)

    async def do(self, ability: str, user: SimulatedUser | None = None, **parameters: Any) -> Any:
        return (await self.connector.attempt(self.effect(ability, user, **parameters))).detail

    async def look(self, ability: str, user: SimulatedUser | None = None, **parameters: Any) -> ReadBack:
        return await self.connector.read_back(self.effect(ability, user, **parameters))

    async def outcome(self, ability: str, user: SimulatedUser | None = None, **parameters: Any) -> str:
        return (await self.look(ability, user, **parameters)).outcome

    async def find(self, attribute: str, value: str, connector: Connector | None = None) -> list[Account]:
        return list(await (connector or self.connector).find_accounts([Lookup(attribute, value)]))
