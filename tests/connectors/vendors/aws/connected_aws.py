"""The connector for the IAM users of an AWS account, connected to the simulator in `tests/vendors/aws`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.abilities import Account, Connector, Effect, Lookup, ReadBack
from connectors.registry import connect
from orchestrator.embedded.company.people import Employee
from tests.vendors.aws.account import AccessKey, AwsAccount, AwsUser, policy
from tests.vendors.aws.seeds import AwsSeed, seed_aws
from tests.vendors.aws.signing import call
from tests.vendors.aws.simulator import AwsSimulator

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales"),
]


class ConnectedAws:
    """The simulator, its seed, and the connector with the access key of Offboard's own user."""

    def __init__(self, aws: AwsSimulator, seed: AwsSeed) -> None:
        self.aws, self.seed = aws, seed
        self.isa, self.bo, self.kim = (seed.user(number) for number in ("E-1", "E-2", "E-3"))
        self._opened: list[Connector] = []
        self.connector = self.connected(seed.key)

    async def aclose(self) -> None:
        for connector in self._opened:
            await connector.aclose()

    @property
    def account(self) -> AwsAccount:
        return self.aws.state

    def connected(self, key: AccessKey, **settings: str) -> Connector:
        given = {
            "url": self.aws.url,
            "sts_url": self.aws.url,
            "account_id": self.account.id,
            "access_key_id": key.id,
            "secret_access_key": key.secret,
            "session_token": key.token,
            **settings,
        }
        self._opened.append(connect("aws_iam", given, allowed_hosts=["127.0.0.1"]))
        return self._opened[-1]

    def allow(self, *actions: str) -> None:
        """Offboard's own user may do these and nothing else."""
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        self.seed.offboard.inline["offboard"] = json.dumps(policy(allowed))

    def effect(self, ability: str, user: AwsUser | None = None, **parameters: Any) -> Effect:
        who = user or self.isa
        return Effect(ability, "run-1/step-1/1", Account(who.id, who.name), parameters)

    async def do(self, ability: str, user: AwsUser | None = None, **parameters: Any) -> Any:
        return (await self.connector.attempt(self.effect(ability, user, **parameters))).detail

    async def look(self, ability: str, user: AwsUser | None = None, **parameters: Any) -> ReadBack:
        return await self.connector.read_back(self.effect(ability, user, **parameters))

    async def outcome(self, ability: str, user: AwsUser | None = None, **parameters: Any) -> str:
        return (await self.look(ability, user, **parameters)).outcome

    async def find(self, attribute: str, value: str, connector: Connector | None = None) -> list[Account]:
        return list(await (connector or self.connector).find_accounts([Lookup(attribute, value)]))

    async def reads(self, key: AccessKey) -> str:
        """What a person gets with a credential of their own: `read`, or AWS's error code. Proof from outside."""
        response = await call(self.aws, key, "ListUsers")
        return "read" if response.status_code == 200 else response.text.partition("<Code>")[2].partition("</Code>")[0]


@asynccontextmanager
async def connected_aws() -> AsyncIterator[ConnectedAws]:
    """Leaving it fails if one request or answer is not in AWS's description."""
    async with AwsSimulator().start() as aws:
        connected = ConnectedAws(aws, seed_aws(aws, PEOPLE))
        yield connected
        await connected.aclose()
