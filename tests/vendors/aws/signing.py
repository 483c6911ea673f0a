"""Signatures of requests (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html): what the
simulator computes again, and a client that signs with a person's own credential."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx

from connectors.http.aws import AwsSignature
from connectors.http.requests import Outgoing
from orchestrator.embedded.vendors.simulator import Simulator, client_of
from tests.vendors.aws.account import AccessKey


def parts_of(authorization: str) -> dict[str, str]:
    """Credential, SignedHeaders and Signature."""
    return dict(part.strip().split("=", 1) for part in authorization.partition(" ")[2].split(","))


def signature(method: str, query: str, headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """What the signature of a request for the path / must be."""
    parts = parts_of(headers["authorization"])
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in parse_qsl(query, keep_blank_values=True))
    names = parts["SignedHeaders"].split(";")
    canonical = "\n".join(
        [
            method,
            "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = parts["Credential"].partition("/")[2]
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


async def call(
    simulator: Simulator, key: AccessKey, action: str, service: str = "iam", **fields: str
) -> httpx.Response:
    """A request with a person's own credential."""
    version = {"iam": "2010-05-08", "sts": "2011-06-15"}[service]
    signer = AwsSignature(
        access_key_id=key.id, secret_access_key=key.secret, session_token=key.token, service=service, region="us-east-1"
    )
    async with client_of(simulator) as client:
        request = client.build_request("POST", "/", data={"Action": action, "Version": version, **fields})
        flow = signer.headers(Outgoing("POST", request.url, _content_type(request), request.content), 0.0)
        headers: Any = None
        try:
            next(flow)
        except StopIteration as done:
            headers = done.value
        request.headers.update(headers)
        return await client.send(request)


def _content_type(request: httpx.Request) -> dict[str, str]:
    return {"Content-Type": request.headers["content-type"]}
