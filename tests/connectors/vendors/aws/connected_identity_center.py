"""The connector for IAM Identity Center, connected to the simulator in `tests/vendors/aws/identity_center`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.abilities import Connector
from tests.connectors.vendors.aws.connected import PEOPLE, ConnectedToAws
from tests.vendors.aws.account import AccessKey
from tests.vendors.aws.identity_center.directory import INSTANCE, STORE, CenterUser, IdentityCenter
from tests.vendors.aws.identity_center.seeds import CenterSeed, seed_identity_center
from tests.vendors.aws.identity_center.simulator import IdentityCenterSimulator


class ConnectedCenter(ConnectedToAws):
    isa: CenterUser
    bo: CenterUser
    kim: CenterUser

    def __init__(self, aws: IdentityCenterSimulator, seed: CenterSeed) -> None:
        self.aws, self.seed = aws, seed
        super().__init__(seed)

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
            **settings,
        }
        return self.opened("aws_identity_center", key, given)


@asynccontextmanager
async def connected_center() -> AsyncIterator[ConnectedCenter]:
    """Leaving it fails if one request or answer is not in AWS's description."""
    async with IdentityCenterSimulator().start() as aws:
        connected = ConnectedCenter(aws, seed_identity_center(aws, PEOPLE))
        yield connected
        await connected.aclose()
