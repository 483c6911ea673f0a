"""What an attempt would send is found out with requests that read: each vendor's simulator is the same afterwards, and
received no request that changes something. The attempt then sends what the rehearsal said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.abilities import Account, Connector, Effect
from connectors.errors import ConnectorError
from connectors.registry import connect, connector_kinds
from connectors.rehearsal import Rehearsal, Rehearses
from orchestrator.embedded.vendors.okta.seeds import seed_okta
from orchestrator.embedded.vendors.okta.simulator import OktaSimulator
from orchestrator.embedded.vendors.simulator import Call, Simulator
from tests.connectors.vendors.aws.connected_aws import connected_aws
from tests.connectors.vendors.aws.connected_identity_center import connected_center
from tests.connectors.vendors.github.connected_github import connected_github
from tests.connectors.vendors.google_workspace.connected_google import connected_google
from tests.connectors.vendors.slack.connected_slack import connected_slack
from tests.vendors.entra.seeds import seed_entra
from tests.vendors.entra.simulator import EntraSimulator

READS = ("/token", "/access_tokens", "/graphql")
"""What is asked by POST and changes nothing: tokens, and queries."""


@asynccontextmanager
async def okta() -> AsyncIterator[tuple[Simulator, Connector, Account]]:
    async with OktaSimulator().start() as there:
        seed = seed_okta(there)
        isa = seed.user("E-1015")
        connector = connect("okta", {"url": there.url, "token": seed.api_token}, allowed_hosts=["127.0.0.1"])
        yield there, connector, Account(isa.id, isa.login)
        await connector.aclose()


@asynccontextmanager
async def entra() -> AsyncIterator[tuple[Simulator, Connector, Account]]:
    async with EntraSimulator().start() as there:
        seed = seed_entra(there)
        isa = seed.user("E-1015")
        settings = {
            "url": f"{there.url}/v1.0",
            "login_url": there.url,
            "tenant": there.state.id,
            "client_id": seed.service.app_id,
            "client_secret": seed.service.secret,
        }
        connector = connect("entra", settings, allowed_hosts=["127.0.0.1"])
        yield there, connector, Account(isa.id, isa.upn)
        await connector.aclose()


@asynccontextmanager
async def github() -> AsyncIterator[tuple[Simulator, Connector, Account]]:
    async with connected_github() as here:
        yield here.github, here.app, Account(str(here.isa.id), here.isa.login)


@asynccontextmanager
async def google() -> AsyncIterator[tuple[Simulator, Connector, Account]]:
    async with connected_google() as here:
        yield here.google, here.connector, Account(here.isa.id, here.isa.email)


@asynccontextmanager
async def slack() -> AsyncIterator[tuple[Simulator, Connector, Account]]:
    async with connected_slack() as here:
        here.grid.user_groups = {id: one for id, one in here.grid.user_groups.items() if len(one.users) > 1}
        yield here.slack, here.owner, Account(here.isa.id, here.isa.user_name)


@asynccontextmanager
async def aws() -> AsyncIterator[tuple[Simulator, Connector, Account]]:
    async with connected_aws() as here:
        yield here.aws, here.connector, Account(here.isa.id, here.isa.name)


@asynccontextmanager
async def identity_center() -> AsyncIterator[tuple[Simulator, Connector, Account]]:
    async with connected_center() as here:
        yield here.aws, here.connector, Account(here.isa.id, here.isa.name)


def changes_of(calls: Sequence[Call]) -> list[str]:
    return [
        f"{call.method} {call.path}"
        for call in calls
        if call.method not in ("GET", "HEAD") and not call.path.endswith(READS)
    ]


async def rehearsed(connector: Connector, ability: str, account: Account) -> Rehearsal | None:
    """None where the ability is refused before its first change, such as for a parameter that is missing."""
    assert isinstance(connector, Rehearses)
    try:
        return await connector.rehearse(Effect(ability, "run-1/step-1/1", account))
    except ConnectorError:
        return None


@pytest.mark.parametrize("vendor", [okta, entra, github, google, slack, aws, identity_center])
async def test_no_ability_changes_anything_when_it_is_rehearsed(vendor: Any) -> None:
    async with vendor() as (there, connector, account):
        there.forget()
        found = {ability: await rehearsed(connector, ability, account) for ability in connector.abilities}
        assert changes_of(there.requests) == []
    known = {ability: rehearsal for ability, rehearsal in found.items() if rehearsal is not None}
    assert len(known) >= 4, "most abilities need no parameter"
    levels = {ability.name: ability.level for ability in connector_kinds()[connector.kind].values()}
    for ability, rehearsal in known.items():
        assert all(request.path.startswith("/") for request in rehearsal.requests)
        assert account.native_id not in str(rehearsal) and account.label not in str(rehearsal), "only templates"
        if levels[ability] == "read":
            assert rehearsal.requests and not any(request.changes for request in rehearsal.requests)
    assert sum(request.changes for rehearsal in known.values() for request in rehearsal.requests) >= 4


async def test_an_attempt_sends_what_was_rehearsed() -> None:
    async with okta() as (there, connector, account):
        rehearsal = await rehearsed(connector, "suspend_account", account)
        assert rehearsal is not None and rehearsal.complete
        assert [(one.method, one.path, one.operation_id, one.changes) for one in rehearsal.requests] == [
            ("GET", "/api/v1/users/{id}", "getUser", False),
            ("GET", "/api/v1/users/{id}", "getUser", False),  # the administrator to whom the API token belongs
            ("POST", "/api/v1/users/{id}/lifecycle/suspend", "suspendUser", True),
        ]
        there.forget()
        await connector.attempt(Effect("suspend_account", "run-1/step-1/1", account))
        assert changes_of(there.requests) == [f"POST /api/v1/users/{account.native_id}/lifecycle/suspend"]
        again = await rehearsed(connector, "suspend_account", account)
        assert again is not None and not any(one.changes for one in again.requests), "nothing is left to do"


async def test_a_right_that_is_missing_is_named_before_the_first_change() -> None:
    async with OktaSimulator().start() as there:
        seed = seed_okta(there)
        key = seed.key.as_pem(private=True).decode()
        settings = {"url": there.url, "client_id": seed.service.id, "private_key": key}
        connector = connect("okta", settings, allowed_hosts=["127.0.0.1"])
        assert isinstance(connector, Rehearses)
        checked = await connector.check()
        assert checked.reachable and "remove_from_apps (okta.apps.read okta.apps.manage)" in checked.lacking
        with pytest.raises(ConnectorError, match="rights_missing"):
            await connector.rehearse(Effect("remove_from_apps", "key", Account(seed.user("E-1015").id, "isa")))
        await connector.aclose()
