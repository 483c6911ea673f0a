"""An AWS account that moto serves: a server of its own on the loopback, which checks signatures and policies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import botocore.session
import httpx

from connectors.abilities import Connector
from connectors.registry import connect
from tests.vendors.aws.account import ALLOW_ALL, policy

ACCOUNT = "123456789012"
READY_TIMEOUT_SECONDS = 60.0
PASSWORD = "abcDEF123!"


class MotoAccount:
    """`as_key` makes clients of AWS's own library with an access key."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.iam = self.as_key("anyone", "at-first")

    def as_key(self, id: str, secret: str, service: str = "iam") -> Any:
        return botocore.session.Session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=id,
            aws_secret_access_key=secret,
        )

    def new_user(self, name: str, **tags: str) -> dict[str, Any]:
        """A user with a policy, and an access key: both as AWS answers them."""
        written = [{"Key": key, "Value": value} for key, value in tags.items()]
        user = self.iam.create_user(UserName=name, Path="/people/", Tags=written)["User"]
        self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy(ALLOW_ALL)))
        return dict(user) | {"Key": self.iam.create_access_key(UserName=name)["AccessKey"]}

    async def check_access(self) -> None:
        """From now on, requests need a signature and a policy; before, everything is allowed."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            response = await client.post("/moto-api/reset-auth", content=b"0", headers={"Content-Type": "text/plain"})
            assert response.status_code == 200

    def connected(self, key: dict[str, str], **settings: str) -> Connector:
        given = {
            "url": self.url,
            "sts_url": self.url,
            "account_id": ACCOUNT,
            "access_key_id": key["AccessKeyId"],
            "secret_access_key": key["SecretAccessKey"],
        }
        return connect("aws_iam", given | settings, allowed_hosts=["127.0.0.1"])


@contextlib.asynccontextmanager
async def moto_account() -> AsyncIterator[MotoAccount]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            "moto_server", "-H", "127.0.0.1", "-p", str(port), stdout=log, stderr=log
        )
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                while not await _listens(port):
                    assert process.returncode is None, "moto ended"
                    await asyncio.sleep(0.1)
            yield MotoAccount(f"http://127.0.0.1:{port}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
