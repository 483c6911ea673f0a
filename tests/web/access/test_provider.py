"""An OpenID provider's answers of odd kinds: each is used or refused in words, and none is an internal error."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from orchestrator.web.access.provider import Identity, Provider, SignInFailed
from orchestrator.web.access.provider_documents import LARGEST_ANSWER
from orchestrator.web.settings import OidcSettings
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer

KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
SECRET = "secret-of-the-client"


def signed(header: dict[str, Any], claims: dict[str, Any], key: RSAKey) -> str:
    """A token with any claims: the library's own function for JWT encodes fewer."""
    return jws.serialize_compact(header, json.dumps(claims).encode(), key)


class OpenIdProvider:
    """As small as can be. `metadata` replaces members of its discovery document."""

    def __init__(
        self,
        claims: Mapping[str, Any] | None = None,
        *,
        keys: Sequence[Any] = (),
        metadata: Mapping[str, Any] | None = None,
        padding: int = 0,
    ) -> None:
        self.claims = {"email": "n@example.org", "email_verified": True, "groups": ["it"], **(claims or {})}
        self.keys = keys
        self.metadata = dict(metadata or {})
        self.padding = padding
        self.issuer = ""
        self.nonce = ""

    def answer(self, asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path.endswith("openid-configuration"):
            document = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
            return ScriptedAnswer(200, {**document, **self.metadata})
        if asked.path == "/keys":
            return ScriptedAnswer(200, {"keys": [*self.keys, KEY.as_dict(private=False)]})
        methods = self.metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        basic = base64.b64encode(f"offboard:{SECRET}".encode()).decode()
        by_basic = asked.headers.get("authorization") == f"Basic {basic}" and "client_secret_basic" in methods
        form = dict(parse_qsl(asked.body.decode()))
        if not by_basic and not (form.get("client_secret") == SECRET and "client_secret_post" in methods):
            return ScriptedAnswer(401, {"error": "invalid_client"}, {"Content-Type": "application/json"})
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "offboard",
            "sub": "s-1",
            "nonce": self.nonce,
            "iat": now,
            "exp": now + 300,
        }
        token = signed({"alg": "RS256", "kid": "k1"}, {**claims, "exp": now + 300, **self.claims}, KEY)
        body = {"access_token": "at", "token_type": "Bearer", "id_token": token, "padding": "x" * self.padding}
        return ScriptedAnswer(200, body, {"Content-Type": "application/json"})

    async def sign_in(self, query: str = "code=c&state={state}") -> Identity:
        async with listening(ScriptedServer(self.answer).serve) as port:
            self.issuer = f"http://127.0.0.1:{port}"
            settings = OidcSettings(self.issuer, "offboard", SECRET, roles={"it": ("it_approver",)})
            provider = Provider(settings, "http://127.0.0.1/sign-in/callback")
            try:
                _, state, kept = await provider.begin(step_up=False)
                self.nonce = kept["nonce"]
                return await provider.finish(query.format(state=state), state, kept)
            finally:
                await provider.aclose()


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC", "crv": "brainpoolP256r1", "x": "AA", "y": "AA", "kid": "b"},
        {"kty": "OKP", "crv": "X999", "x": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "!!", "e": "AQAB"},
        {"kty": "RSA", "n": 7, "e": None},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": ["RSA"]},
        {},
        "k",
        None,
    ],
    ids=str,
)
async def test_a_key_that_is_not_understood_is_ignored(key: Any) -> None:
    assert (await OpenIdProvider(keys=[key]).sign_in()).roles == {"it_approver"}


@pytest.mark.parametrize(
    ("methods", "refused"),
    [
        (["client_secret_post"], ""),
        (["client_secret_post", "client_secret_basic"], ""),
        (None, ""),
        (["private_key_jwt"], "takes neither client_secret_basic nor client_secret_post"),
        ("client_secret_post", "invalid_client"),  # not a list: the default client_secret_basic counts
    ],
)
async def test_the_client_proves_itself_as_the_provider_takes_it(methods: Any, refused: str) -> None:
    provider = OpenIdProvider(metadata={"token_endpoint_auth_methods_supported": methods})
    if not refused:
        assert (await provider.sign_in()).person == "n@example.org"
        return
    with pytest.raises(SignInFailed, match=refused) as failed:
        await provider.sign_in()
    assert failed.value.ours


@pytest.mark.parametrize("groups", [7, True, {"it": True}, None, [["it"], 7, {"it": 1}], "other", 1.5])
async def test_groups_of_another_type_give_no_roles(groups: Any) -> None:
    assert (await OpenIdProvider({"groups": groups}).sign_in()).roles == frozenset()


@pytest.mark.parametrize("groups", ["it", ["it", 7]])
async def test_groups_as_a_text_or_a_list_give_roles(groups: Any) -> None:
    assert (await OpenIdProvider({"groups": groups}).sign_in()).roles == {"it_approver"}


async def test_groups_that_are_left_out_for_their_number_are_said() -> None:
    provider = OpenIdProvider({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "x"}}})
    del provider.claims["groups"]
    with pytest.raises(SignInFailed, match="more groups than") as failed:
        await provider.sign_in()
    assert failed.value.ours


@pytest.mark.parametrize(
    ("auth_time", "expected"),
    [
        (1_700_000_000, datetime.fromtimestamp(1_700_000_000, UTC)),
        (10**30, None),
        (-(10**30), None),
        (-1, None),
        (4_000_000_000, None),
        (False, None),
    ],
)
async def test_a_time_that_is_none_is_left_out(auth_time: Any, expected: datetime | None) -> None:
    assert (await OpenIdProvider({"auth_time": auth_time}).sign_in()).auth_time == expected


@pytest.mark.parametrize(
    "name", ["exp", "iat", "aud", "nonce", "iss", "sub", "auth_time", "amr", "azp", "acr", "email"]
)
@pytest.mark.parametrize("value", [{"a": 1}, [1], 10**400], ids=str)
async def test_a_claim_of_another_type_is_no_internal_error(name: str, value: Any) -> None:
    try:
        identity = await OpenIdProvider({name: value}).sign_in()
    except SignInFailed:
        return
    assert identity.person in ("n@example.org", None)


@pytest.mark.parametrize("query", ["state={state}", "code=&state={state}", "code=c&state=another", ""])
async def test_an_answer_without_a_code_is_no_internal_error(query: str) -> None:
    with pytest.raises(SignInFailed) as failed:
        await OpenIdProvider().sign_in(query)
    assert not failed.value.ours and failed.value.remedy == "Sign in again."


async def test_half_a_surrogate_pair_is_no_text() -> None:
    """JSON can hold one, and nothing can store it."""
    half = "Nora \ud800"
    identity = await OpenIdProvider({"name": half, "zoneinfo": half, "acr": half, "email": half}).sign_in()
    assert (identity.name, identity.zone, identity.acr, identity.email, identity.person) == (None,) * 5
    with pytest.raises(SignInFailed, match="not valid"):
        await OpenIdProvider({"sub": half}).sign_in()


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize("address", ["http://id.example.org/x", "ftp://127.0.0.1/x", 7, {}, "https://", "x\x00y"])
async def test_an_address_without_tls_is_refused(endpoint: str, address: Any) -> None:
    with pytest.raises(SignInFailed, match=f"no https address as {endpoint}") as failed:
        await OpenIdProvider(metadata={endpoint: address}).sign_in()
    assert failed.value.ours


async def test_an_answer_without_end_is_not_read() -> None:
    with pytest.raises(SignInFailed, match="AnswerTooLarge"):
        await OpenIdProvider(padding=LARGEST_ANSWER).sign_in()
    with pytest.raises(SignInFailed, match="AnswerTooLarge"):
        await OpenIdProvider(metadata={"padding": "x" * LARGEST_ANSWER}).sign_in()


async def test_deeply_nested_json_is_refused() -> None:
    provider = OpenIdProvider()
    answer = provider.answer

    def nested(asked: ReceivedRequest) -> ScriptedAnswer:
        return ScriptedAnswer(200, b"[" * 100_000) if asked.path == "/token" else answer(asked)

    provider.answer = nested  # type: ignore[method-assign]
    with pytest.raises(SignInFailed, match="not available"):
        await provider.sign_in()
