"""The connector for IAM Identity Center, connected to the simulator in `tests/vendors/aws/identity_center`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from connectors.abilities import Account, Connector, Effect, Lookup, ReadBack
from connectors.registry import connect
from tests.connectors.vendors.aws.connected_aws import PEOPLE
from tests.vendors.aws.account import AccessKey, policy
from tests.vendors.aws.identity_center.directory import INSTANCE, STORE, CenterUser, IdentityCenter
from tests.vendors.aws.identity_center.seeds import CenterSeed, seed_identity_center
from tests.vendors.aws.identity_center.simulator import IdentityCenterSimulator


class ConnectedCenter:
    """The simulator, its seed, and the connector with the access key of Offboard's own user."""

    def __init__(self, aws: IdentityCenterSimulator, seed: CenterSeed) -> None:
        self.aws, self.seed = aws, seed
        self.isa, self.bo, self.kim = (seed.user(number) for number in ("E-1", "E-2", "E-3"))
        self._opened: list[Connector] = []
        self.connector = self.connected(seed.key)

    async def aclose(self) -> None:
        for connector in self._opened:
            await connector.aclose()

    @property
    def center(self) -> IdentityCenter:
        return self.aws.state

    def connected(self, key: AccessKey, **settings: str) -> Connector:
        given = {
            "url": self.aws.url,
            "sso_url": self.aws.url,
            "sts_url": self.aws.url,
            "iam_url": self.aws.url,
            "region": "eu-central-1",
            "instance_arn": INSTANCE,
            "identity_store_id": STORE,
            "access_key_id": key.id,
            "secret_access_key": key.secret,
            "session_token": key.token,
            **settings,
        }
        self._opened.append(connect("aws_identity_center", given, allowed_hosts=["127.0.0.1"]))
        return self._opened[-1]

    def allow(self, *actions: str) -> None:
        """Offboard's own user may do these and nothing else."""
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        self.seed.offboard.inline["offboard"] = json.dumps(policy(allowed))

    def effect(self, ability: str, user: CenterUser | None = None, **parameters: Any) -> Effect:
        who = user or self.isa
        return Effect(ability, "run-1/step-1/1", Account(who.id, who.name), parameters)

    async def do(self, ability: str, user: CenterUser | None = None, **parameters: Any) -> Any:
        return (await self.connector.attempt(self.effect(ability, user, **parameters))).detail

    async def look(self, ability: str, user: CenterUser | None = None, **parameters: Any) -> ReadBack:
        return await self.connector.read_back(self.effect(ability, user, **parameters))

    async def outcome(self, ability: str, user: CenterUser | None = None, **parameters: Any) -> str:
        return (await self.look(ability, user, **parameters)).outcome

    async def find(self, attribute: str, value: str, connector: Connector | None = None) -> list[Account]:
        return list(await (connector or self.connector).find_accounts([Lookup(attribute, value)]))


@asynccontextmanager
async def connected_center() -> AsyncIterator[ConnectedCenter]:
    """Leaving it fails if one request or answer is not in AWS's description."""
    async with IdentityCenterSimulator().start() as aws:
        connected = ConnectedCenter(aws, seed_identity_center(aws, PEOPLE))
        yield connected
        await connected.aclose()
