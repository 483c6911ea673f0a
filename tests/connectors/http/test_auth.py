"""Authentication: against vectors of RFCs and vendors, and against a token server on a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwt
from joserfc.jwk import import_key

from connectors.errors import ActionRequiredError, TryAgainError
from connectors.http.auth import Auth, BasicAuth, BearerToken, NamedHeaders
from connectors.http.aws import AwsSignature
from connectors.http.client import HttpClient
from connectors.http.requests import Answer, Flow, Outgoing, Request
from connectors.http.tokens import (
    JWT_BEARER_GRANT,
    JWT_CLIENT_ASSERTION,
    ClientCredentials,
    GitHubApp,
    JwtBearer,
    PrivateKeyJwt,
    SigningKey,
)
from orchestrator.embedded.vendors.keys import private_pem
from tests.connectors.company_settings import ALLOWED
from tests.connectors.raw_servers import listening

OUTGOING = Outgoing("GET", httpx.URL("https://vendor.example/things"), {}, b"")
NOW = 1_750_000_000.0


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


RSA_KEY = private_pem()


def headers_of(auth: Auth) -> dict[str, str]:
    with pytest.raises(StopIteration) as done:
        next(auth.headers(OUTGOING, NOW))
    return dict(done.value.value)


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, import_key(RSA_KEY, "RSA"), algorithms=["RS256"]).claims)


def test_basic_authentication_as_rfc_7617_has_it() -> None:
    assert headers_of(BasicAuth("Aladdin", "open sesame")) == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}
    assert headers_of(BasicAuth("test", "123£")) == {"Authorization": "Basic dGVzdDoxMjPCow=="}
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        BasicAuth("a:b", "c")


def test_keys_that_stay_the_same() -> None:
    assert headers_of(BearerToken("t0ken")) == {"Authorization": "Bearer t0ken"}
    assert headers_of(BearerToken("t0ken", scheme="SSWS")) == {"Authorization": "SSWS t0ken"}
    two = NamedHeaders({"DD-API-KEY": "a1", "DD-APPLICATION-KEY": "b2"})
    assert headers_of(two) == {"DD-API-KEY": "a1", "DD-APPLICATION-KEY": "b2"}
    assert set(two.secrets()) == {"a1", "b2"}
    assert not two.refused({})
    assert "a1" not in repr(two)


def test_signature_version_4_as_aws_documents_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of the AWS General Reference: ListUsers of IAM on 30 August 2015."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    auth = AwsSignature(
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        service="iam",
        region="us-east-1",
    )
    url = httpx.URL("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    with pytest.raises(StopIteration) as done:
        next(auth.headers(Outgoing("GET", url, headers, b""), NOW))
    assert done.value.value == {
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    }


@pytest.mark.parametrize(
    "key", ["", "no key", "{}", '{"kty": "RSA"}', "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_private_key_is_refused(key: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        SigningKey(key)
    public = import_key(RSA_KEY, "RSA").as_dict(private=False)
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        SigningKey(json.dumps(public))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA_KEY, "ES256"),
        (RSA_KEY, "HS256"),
        (RSA_KEY, "none"),
        (RSA_KEY, "RS999"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RS256"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "ES512"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "ES256"),
    ],
)
def test_a_key_that_does_not_fit_its_algorithm_is_refused(key: str, algorithm: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        SigningKey(key, algorithm=algorithm)


def test_keys_are_taken_as_pem_and_as_jwk() -> None:
    jwk = json.dumps(import_key(RSA_KEY, "RSA").as_dict(private=True))
    for key in (RSA_KEY, jwk):
        assert claims_of(SigningKey(key, key_id="k1").sign({"a": 1})) == {"a": 1}
    curve = pem(ec.generate_private_key(ec.SECP256R1()))
    token = SigningKey(curve, algorithm="ES256").sign({"a": 1})
    assert jwt.decode(token, import_key(curve, "EC"), algorithms=["ES256"]).claims == {"a": 1}


@dataclass
class TokenServer:
    """Serves tokens at /token and a thing at /thing to the newest token only."""

    answer: Callable[[], tuple[str, Any]]
    tokens: list[dict[str, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    things: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        lower = {name.lower(): value for name, value in fields.items()}
        body = await reader.readexactly(int(lower.get("content-length", 0)))
        if "/thing" in head.split("\r\n")[0]:
            self.things.append(lower.get("authorization", ""))
            known = lower.get("authorization", "").removeprefix("Bearer ") in self.accepted
            status, document = ("200 OK", {"ok": True}) if known else ("401 Unauthorized", {"error": "expired"})
        else:
            self.heads.append(head)
            self.tokens.append(dict(parse_qsl(body.decode())))
            status, document = self.answer()
        content = json.dumps(document).encode()
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + content)
        await writer.drain()


@asynccontextmanager
async def asking(
    make: Callable[[str], Auth], answer: Callable[[], tuple[str, Any]], clock: Callable[[], float] = lambda: NOW
) -> AsyncIterator[tuple[HttpClient, TokenServer]]:
    server = TokenServer(answer)
    async with listening(server.serve) as port:
        url = f"http://127.0.0.1:{port}"
        client = HttpClient(url, make(url), allowed_hosts=ALLOWED, clock=clock)
        yield client, server
        await client.aclose()


def thing() -> Flow[Answer]:
    return (yield Request("POST", ("thing",)))


def issue(server: list[TokenServer], life: int | None = 3600) -> Callable[[], tuple[str, Any]]:
    """Answers with a new token each time, which is accepted from then on."""
    issued = 0

    def answer() -> tuple[str, Any]:
        nonlocal issued
        issued += 1
        server[0].accepted.add(f"token-{issued}")
        return "200 OK", {"access_token": f"token-{issued}", "token_type": "Bearer"} | (
            {"expires_in": life} if life is not None else {}
        )

    return answer


def credentials(url: str) -> ClientCredentials:
    return ClientCredentials(f"{url}/token", client_id="client:1", client_secret="s3cret/+", scope="a b")


async def test_a_token_is_fetched_once_and_renewed_before_it_ends() -> None:
    now, held = [NOW], []
    async with asking(credentials, lambda: issue_one(), lambda: now[0]) as (client, server):
        held.append(server)
        issue_one = issue(held)
        for _ in range(3):
            await client.run(thing(), deadline=30.0)
        assert server.things == ["Bearer token-1"] * 3
        now[0] += 3600 - 61
        await client.run(thing(), deadline=30.0)
        now[0] += 2
        await client.run(thing(), deadline=30.0)
        assert server.things[-2:] == ["Bearer token-1", "Bearer token-2"]
    assert server.tokens == [{"grant_type": "client_credentials", "scope": "a b"}] * 2
    # RFC 6749 section 2.3.1: both are form-encoded first.
    basic = base64.b64encode(b"client%3A1:s3cret%2F%2B").decode()
    assert f"Basic {basic}" in server.heads[0]


async def test_a_token_that_ended_early_is_renewed_once() -> None:
    held: list[TokenServer] = []
    async with asking(credentials, issue(held)) as (client, server):
        held.append(server)
        await client.run(thing(), deadline=30.0)
        server.accepted.clear()
        assert (await client.run(thing(), deadline=30.0)).body == {"ok": True}
        assert server.things == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_token_that_was_replaced_stays_secret() -> None:
    held: list[TokenServer] = []
    async with asking(credentials, issue(held)) as (client, server):
        held.append(server)
        await client.run(thing(), deadline=30.0)
        server.accepted.clear()
        await client.run(thing(), deadline=30.0)
        assert "token-1" not in client.redact("token-1 and token-2") and "token-2" not in client.redact("token-2")


async def test_two_refusals_in_a_row_need_a_person() -> None:
    def answer() -> tuple[str, Any]:
        return "200 OK", {"access_token": "never-accepted", "expires_in": 3600}

    async with asking(credentials, answer) as (client, server):
        with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
            await client.run(thing(), deadline=30.0)
        assert raised.value.happened == "no"
        assert len(server.things) == len(server.tokens) == 2


async def test_several_requests_at_once_share_one_token_request() -> None:
    held: list[TokenServer] = []
    async with asking(credentials, issue(held)) as (client, server):
        held.append(server)
        await asyncio.gather(*(client.run(thing(), deadline=30.0) for _ in range(5)))
        assert len(server.tokens) == 1


@pytest.mark.parametrize(
    ("status", "document", "kind", "code"),
    [
        ("400 Bad Request", {"error": "invalid_client"}, ActionRequiredError, "credential_refused"),
        ("401 Unauthorized", {"error": "invalid_client"}, ActionRequiredError, "credential_refused"),
        ("200 OK", {"token": "elsewhere"}, ActionRequiredError, "answer_not_understood"),
        ("200 OK", {"access_token": "a\r\nb"}, ActionRequiredError, "answer_not_understood"),
        ("503 Service Unavailable", {}, TryAgainError, "system_failed"),
        ("500 Internal Server Error", {}, TryAgainError, "system_failed"),
        ("429 Too Many Requests", {}, TryAgainError, "too_many_requests"),
    ],
)
async def test_a_failed_token_request_did_nothing(status: str, document: Any, kind: type[Exception], code: str) -> None:
    async with asking(credentials, lambda: (status, document | {"echo": "s3cret/+"})) as (client, server):
        with pytest.raises(kind, match=code) as raised:
            await client.run(thing(), deadline=30.0)
        assert raised.value.happened == "no"  # type: ignore[attr-defined]  # both are connector errors
        assert "s3cret" not in raised.value.detail  # type: ignore[attr-defined]
        assert server.things == []


async def test_token_requests_are_paced_and_stay_on_allowed_hosts() -> None:
    paced, held = 0, []

    async def pace() -> None:
        nonlocal paced
        paced += 1

    async with asking(credentials, issue(held)) as (client, server):
        held.append(server)
        await client.run(thing(), deadline=30.0, pace=pace)
        assert paced == 2
    elsewhere = ClientCredentials("https://elsewhere.example/token", client_id="a", client_secret="b")
    client = HttpClient("http://127.0.0.1:1", elsewhere, allowed_hosts=ALLOWED)
    with pytest.raises(ActionRequiredError, match="host_not_allowed"):
        await client.run(thing(), deadline=30.0)
    await client.aclose()


async def test_a_private_key_jwt_shows_the_client() -> None:
    held: list[TokenServer] = []

    def make(url: str) -> Auth:
        return PrivateKeyJwt(f"{url}/token", client_id="0oa1", key=SigningKey(RSA_KEY, key_id="k1"), scope="a b")

    async with asking(make, issue(held)) as (client, server):
        held.append(server)
        await client.run(thing(), deadline=30.0)
        [form] = server.tokens
        assert (form["grant_type"], form["client_assertion_type"]) == ("client_credentials", JWT_CLIENT_ASSERTION)
        claims = claims_of(form["client_assertion"])
        assert claims.pop("jti")
        # RFC 7523 section 3
        audience = f"http://{client.address(Request('GET', ('x',))).netloc.decode()}/token"
        assert claims == {"iss": "0oa1", "sub": "0oa1", "aud": audience, "iat": int(NOW), "exp": int(NOW) + 300}
        assert form["client_assertion"] in client.auth.secrets()


async def test_a_jwt_bearer_acts_for_a_subject() -> None:
    held: list[TokenServer] = []

    def make(url: str) -> Auth:
        return JwtBearer(
            f"{url}/token",
            issuer="robot@project.example",
            subject="admin@company.example",
            audience="https://vendor.example/token",
            key=SigningKey(RSA_KEY),
            scope="directory.user",
            scope_in_assertion=True,
        )

    async with asking(make, issue(held, life=None)) as (client, server):
        held.append(server)
        await client.run(thing(), deadline=30.0)
        [form] = server.tokens
        assert set(form) == {"grant_type", "assertion"}
        assert form["grant_type"] == JWT_BEARER_GRANT
        claims = claims_of(form["assertion"])
        assert (claims["iss"], claims["sub"], claims["scope"]) == (
            "robot@project.example",
            "admin@company.example",
            "directory.user",
        )
        assert claims["aud"] == "https://vendor.example/token"


async def test_a_github_app_exchanges_its_assertion_for_an_installations_token() -> None:
    held: list[TokenServer] = []

    def make(url: str) -> Auth:
        return GitHubApp(url, app_id="12", installation_id="34", key=SigningKey(RSA_KEY))

    def answer() -> tuple[str, Any]:
        held[0].accepted.add("ghs_1")
        return "201 Created", {"token": "ghs_1", "expires_at": "2025-06-15T16:06:40Z", "permissions": {}}

    async with asking(make, answer) as (client, server):
        held.append(server)
        await client.run(thing(), deadline=30.0)
        assert server.heads[0].startswith("POST /app/installations/34/access_tokens ")
        bearer = server.heads[0].partition("Bearer ")[2].partition("\r\n")[0]
        claims = claims_of(bearer)
        assert claims == {"iss": "12", "iat": int(NOW) - 60, "exp": int(NOW) + 480}
        assert server.things == ["Bearer ghs_1"]
