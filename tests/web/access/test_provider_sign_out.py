"""OpenID Connect Back-Channel Logout 1.0: the provider's word ends the sessions of one account, and no other's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio
from joserfc.jwk import RSAKey

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.web.access.logout_tokens import EVENT
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import OidcSettings, WebSettings
from tests.connectors.raw_servers import listening as answering
from tests.connectors.scripted_server import ScriptedServer
from tests.web.access.test_provider import KEY, OpenIdProvider, signed

ANOTHER_KEY = RSAKey.generate_key(2048, {"kid": "k1"})
NOW = int(time.time())


@dataclass
class SignOutServer:
    stack: Stack
    url: str
    issuer: str
    sessions: Sessions

    def account(self, subject: str) -> str:
        tag = self.stack.backend.keyring.lookup_tag("actor", f"{self.issuer} {subject}")
        return f"a_{tag.hex()[:24]}"

    def token(self, *, key: RSAKey = KEY, header: dict[str, Any] | None = None, **changed: Any) -> str:
        claims = {
            "iss": self.issuer,
            "aud": "offboard",
            "sub": "s-1",
            "iat": int(time.time()),
            "exp": int(time.time()) + 120,
            "jti": f"j-{time.monotonic_ns()}",
            "events": {EVENT: {}},
            "sid": "a session there",
        }
        known = {name: value for name, value in (claims | changed).items() if value is not None}
        return signed({"alg": "RS256", "kid": "k1", "typ": "logout+jwt", **(header or {})}, known, key)

    async def post(self, token: str) -> int:
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.post("/sign-in/provider-sign-out", data={"logout_token": token})
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code


@pytest_asyncio.fixture
async def place(stack: Stack) -> AsyncIterator[SignOutServer]:
    provider = OpenIdProvider()
    async with answering(ScriptedServer(provider.answer).serve) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        on = listening("127.0.0.1", 0)
        url = f"http://127.0.0.1:{on.getsockname()[1]}"
        oidc = OidcSettings(provider.issuer, "offboard", "secret", roles={"it": ("it_approver",)})
        sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
        async with serving(
            WebSettings(public_url=url, oidc=oidc), stack.services, stack.engine, stack.backend.database, on
        ):
            yield SignOutServer(stack, url, provider.issuer, sessions)


async def test_the_providers_word_ends_the_sessions_of_one_account_once(place: SignOutServer) -> None:
    ours, other = place.account("s-1"), place.account("s-2")
    mine = [await place.sessions.open(ours) for _ in range(2)]
    others = await place.sessions.open(other)
    token = place.token()
    assert await place.post(token) == 200
    assert [await place.sessions.find(secret) for secret in mine] == [None, None]
    assert await place.sessions.find(others) is not None
    again = await place.sessions.open(ours)
    assert await place.post(token) == 400, "a token is used once"
    assert await place.sessions.find(again) is not None
    assert await place.post(place.token(aud=["someone", "offboard"], header={"typ": "JWT"})) == 200
    assert await place.sessions.find(again) is None


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "another client": {"aud": "another"},
    "too old": {"iat": NOW - 3600},
    "from the future": {"iat": NOW + 3600, "exp": NOW + 7200},
    "expired": {"exp": NOW - 3600},
    "no time": {"iat": None},
    "a time that is none": {"iat": "now"},
    "no id": {"jti": None},
    "no event": {"events": None},
    "another event": {"events": {"urn:another": {}}},
    "an event that is no object": {"events": {EVENT: True}},
    "with a nonce": {"nonce": "n"},
    "a session only": {"sub": None},
    "an id that is no Unicode text": {"jti": "\ud800"},
    "a subject that is no Unicode text": {"sub": "\ud800"},
    "another key": {"key": ANOTHER_KEY},
    "another type": {"header": {"typ": "at+jwt"}},
}


async def test_a_token_that_does_not_hold_ends_nothing(place: SignOutServer) -> None:
    secret = await place.sessions.open(place.account("s-1"))
    for name, changed in WRONG.items():
        assert await place.post(place.token(**changed)) == 400, name
    for junk in ("", "none", "a.b.c", "x" * 20_000):
        assert await place.post(junk) == 400
    assert await place.sessions.find(secret) is not None
