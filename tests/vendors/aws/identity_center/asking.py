"""A client that signs requests to Identity Center with any access key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from connectors.http.aws import AwsSignature
from connectors.http.requests import Outgoing
from orchestrator.embedded.vendors.simulator import Simulator, client_of
from tests.vendors.aws.account import AccessKey
from tests.vendors.aws.identity_center.simulator import TARGETS


async def asked(
    simulator: Simulator, key: AccessKey, service: str, action: str, body: Mapping[str, Any]
) -> httpx.Response:
    signer = AwsSignature(
        access_key_id=key.id,
        secret_access_key=key.secret,
        session_token=key.token,
        service=service,
        region="eu-central-1",
    )
    target = {name: given for given, name in TARGETS.items()}[service]
    async with client_of(simulator) as client:
        headers = {"X-Amz-Target": f"{target}.{action}", "Content-Type": "application/x-amz-json-1.1"}
        request = client.build_request("POST", "/", content=json.dumps(body), headers=headers)
        flow = signer.headers(Outgoing("POST", request.url, headers, request.content), 0.0)
        try:
            next(flow)
        except StopIteration as done:
            request.headers.update(done.value)
        return await client.send(request)
