"""The connector for the IAM users of an AWS account, connected to the simulator in `tests/vendors/aws`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.abilities import Connector
from tests.connectors.vendors.aws.connected import PEOPLE, ConnectedToAws
from tests.vendors.aws.account import AccessKey, AwsAccount, AwsUser
from tests.vendors.aws.seeds import AwsSeed, seed_aws
from tests.vendors.aws.signing import call
from tests.vendors.aws.simulator import AwsSimulator


class ConnectedAws(ConnectedToAws):
    isa: AwsUser
    bo: AwsUser
    kim: AwsUser

    def __init__(self, aws: AwsSimulator, seed: AwsSeed) -> None:
        self.aws, self.seed = aws, seed
        super().__init__(seed)

    @property
    def account(self) -> AwsAccount:
        return self.aws.state

    def connected(self, key: AccessKey, **settings: str) -> Connector:
        given = {"url": self.aws.url, "sts_url": self.aws.url, "account_id": self.account.id, **settings}
        return self.opened("aws_iam", key, given)

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
