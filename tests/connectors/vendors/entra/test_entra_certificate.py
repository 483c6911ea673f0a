"""Entra with a certificate: the simulator checks signature, thumbprint, audience, time and repetition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from joserfc import jwt

from connectors.abilities import Connector, Lookup
from connectors.errors import ActionRequiredError
from connectors.registry import connect
from orchestrator.embedded.vendors.keys import certificate_of, private_key, private_pem, thumbprint_of
from tests.connectors.vendors.entra.connected_entra import PEOPLE
from tests.vendors.entra.seeds import EntraSeed, seed_entra
from tests.vendors.entra.simulator import EntraSimulator


@asynccontextmanager
async def by_certificate(
    days: float = 365, *, uploaded: str = "", **changed: str
) -> AsyncIterator[tuple[EntraSimulator, EntraSeed, Connector]]:
    """`uploaded` is another certificate of the app than the connector's."""
    certificate = certificate_of(private_key(), days=days)
    async with EntraSimulator().start() as entra:
        seed = seed_entra(entra, PEOPLE)
        thumbprint = thumbprint_of(uploaded or certificate)
        seed.service.key = private_key().as_dict(private=False) | {"x5t#S256": thumbprint}
        settings = {
            "url": f"{entra.url}/v1.0",
            "login_url": entra.url,
            "tenant": entra.state.id,
            "client_id": seed.service.app_id,
            "certificate": certificate,
            "private_key": private_pem(),
        }
        connector = connect("entra", settings | changed, allowed_hosts=["127.0.0.1"])
        yield entra, seed, connector
        await connector.aclose()


async def test_a_token_is_asked_for_with_an_assertion_that_is_used_once() -> None:
    async with by_certificate() as (entra, seed, connector):
        for _ in range(2):
            [found] = await connector.find_accounts([Lookup("employeeId", "E-1")])
            assert found.native_id == seed.user("E-1").id
            entra.state.tickets.clear()  # the next request is refused, and the token renewed
        forms = [call.body for call in entra.requests if call.path.endswith("/oauth2/v2.0/token")]
    assert len(forms) == 2
    assertions = [form["client_assertion"] for form in forms]
    tokens = [jwt.decode(one, private_key(), algorithms=["PS256"]) for one in assertions]
    assert tokens[0].claims["jti"] != tokens[1].claims["jti"]
    for form, token in zip(forms, tokens, strict=True):
        assert form.keys() == {
            "grant_type",
            "client_id",
            "client_assertion_type",
            "client_assertion",
            "scope",
        }
        assert token.header.keys() == {"alg", "typ", "x5t#S256"} and token.header["alg"] == "PS256"
        assert token.claims.keys() == {"aud", "iss", "sub", "jti", "iat", "nbf", "exp"}
        assert token.claims["aud"] == entra.token_url and token.claims["exp"] - token.claims["nbf"] == 300


async def test_a_certificate_that_the_app_does_not_have_is_refused() -> None:
    async with by_certificate(uploaded=certificate_of(private_key())) as (_, _, connector):
        with pytest.raises(ActionRequiredError, match="credential_refused") as refused:
            await connector.find_accounts([Lookup("employeeId", "E-1")])
        assert "BEGIN" not in refused.value.detail
        checked = await connector.check()
        assert not checked.reachable and checked.code == "credential_refused"


@pytest.mark.parametrize(("days", "says"), [(365, ""), (20, "The certificate expires on "), (-1, "expired on ")])
async def test_the_check_warns_before_the_certificate_expires(days: float, says: str) -> None:
    async with by_certificate(days) as (_, _, connector):
        checked = await connector.check()
    assert checked.reachable and says in checked.warning and bool(says) == bool(checked.warning)
    assert checked.detail.startswith(checked.warning) and "credential accepted" in checked.detail


@pytest.mark.parametrize("changed", [{"client_secret": "s3cret"}, {"private_key": ""}, {"certificate": ""}])
async def test_one_of_the_two_credentials_is_complete(changed: dict[str, str]) -> None:
    with pytest.raises(ActionRequiredError, match="setting_missing") as refused:
        async with by_certificate(**changed):
            pass
    assert refused.value.remedy == "Set one of the two, not both."
