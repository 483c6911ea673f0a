"""The connector for Okta against the simulator: each ability is proven from outside, as the person or a program of
theirs sees it. Leaving the simulator fails if one request of the connector is not in Okta's description.

Written with the connector's declared abilities only, not with its code.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from connectors.abilities import Account, Connector, Effect, Lookup, Reply
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.registry import connect
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.okta.organisation import OktaUser
from orchestrator.embedded.vendors.okta.seeds import SERVICE_SCOPES, OktaSeed, seed_okta
from orchestrator.embedded.vendors.okta.simulator import OktaSimulator
from orchestrator.embedded.vendors.simulator import client_of

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", traits=frozenset({"admin"})),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales"),
]


@dataclass
class ConnectedOkta:
    okta: OktaSimulator
    seed: OktaSeed
    connector: Connector
    isa: OktaUser
    bo: OktaUser

    def connected(self, **settings: str) -> Connector:
        return connect("okta", {"url": self.okta.url, **settings}, allowed_hosts=["127.0.0.1"])

    async def account(self, user: OktaUser) -> Account:
        (found,) = await self.connector.find_accounts([Lookup("login", user.login)])
        return found

    async def act(self, ability: str, user: OktaUser | None = None, **parameters: Any) -> Reply:
        account = await self.account(user or self.isa)
        return await self.connector.attempt(Effect(ability, f"key-{ability}", account, parameters))

    async def outcome(self, ability: str) -> str:
        account = Account(self.isa.id, self.isa.login)
        return (await self.connector.read_back(Effect(ability, f"key-{ability}", account))).outcome

    async def signs_in(self, user: OktaUser) -> bool:
        async with client_of(self.okta) as web:
            body = {"username": user.login, "password": user.password}
            return (await web.post("/api/v1/authn", json=body)).status_code == 200

    async def live_tokens(self, user: OktaUser) -> set[str]:
        live = set()
        async with client_of(self.okta) as web:
            for token in [one for one in self.okta.state.tokens.values() if one.user == user.id]:
                form, query = {"token": token.value}, {"client_id": self.seed.mobile.id}
                answered = await web.post("/oauth2/v1/introspect", params=query, data=form)
                live |= {token.kind} if answered.json()["active"] else set()
        return live

    async def apps(self, user: OktaUser) -> set[str]:
        return {one.label for one in self.okta.state.apps.values() if self.okta.state.assignment(one, user)}


@pytest_asyncio.fixture
async def there() -> AsyncIterator[ConnectedOkta]:
    async with OktaSimulator().start() as okta:
        okta.largest_page = 2
        seed = seed_okta(okta, PEOPLE)
        connector = connect("okta", {"url": okta.url, "token": seed.api_token}, allowed_hosts=["127.0.0.1"])
        yield ConnectedOkta(okta, seed, connector, seed.user("E-1"), seed.user("E-2"))
        await connector.aclose()


async def test_accounts_are_found_by_each_key_and_when_they_are_deactivated(there: ConnectedOkta) -> None:
    for key, value in (
        ("employeeNumber", "E-1"),
        ("login", there.isa.login),
        ("email", there.isa.login),
        ("id", there.isa.id),
    ):
        found = await there.connector.find_accounts([Lookup(key, value)])
        assert [(one.native_id, one.active) for one in found] == [(there.isa.id, True)]
    there.okta.state.set_status(there.isa, "DEPROVISIONED")
    (deactivated,) = await there.connector.find_accounts([Lookup("employeeNumber", "E-1")])
    assert (deactivated.native_id, deactivated.active) == (there.isa.id, False)
    assert await there.connector.find_accounts([Lookup("employeeNumber", "E-9")]) == []


async def test_a_suspended_account_cannot_sign_in_and_its_sessions_and_tokens_end(there: ConnectedOkta) -> None:
    there.okta.state.suspension_ends_sessions = False
    session = there.okta.state.new_session(there.isa)
    assert await there.signs_in(there.isa)
    await there.act("suspend_account")
    assert await there.outcome("suspend_account") == "done"
    assert not await there.signs_in(there.isa)
    assert await there.live_tokens(there.isa) != set()
    await there.act("revoke_sessions")
    assert session.id not in there.okta.state.sessions
    assert await there.live_tokens(there.isa) == set()
    assert await there.signs_in(there.bo)
    assert await there.live_tokens(there.bo) == {"access_token", "refresh_token"}


async def test_a_second_attempt_changes_nothing_more(there: ConnectedOkta) -> None:
    for ability in ("suspend_account", "deactivate_account"):
        for _ in range(2):
            await there.act(ability)
            assert await there.outcome(ability) == "done"
        assert len(there.okta.sent("POST", "/lifecycle/")) == 1
        there.okta.forget()


async def test_own_groups_are_left_and_what_they_bring_ends(there: ConnectedOkta) -> None:
    assert "HELP_DESK_ADMIN" in {role.type for role, _ in there.okta.state.roles_of(there.isa)}
    assert "Wiki" in await there.apps(there.isa)
    await there.act("remove_from_groups")
    assert await there.outcome("remove_from_groups") == "done"
    assert {one.name for one in there.okta.state.groups_of(there.isa)} == {"Everyone", "Domain Users"}
    assert {role.type for role, _ in there.okta.state.roles_of(there.isa)} == {"ORG_ADMIN"}
    assert await there.apps(there.isa) == {"Payroll"}


async def test_an_empty_list_of_applications_proves_something_only_where_others_have_some(there: ConnectedOkta) -> None:
    await there.act("remove_from_groups")
    await there.act("remove_from_apps")
    assert await there.outcome("remove_from_apps") == "done", "the same query finds applications of other users"
    there.okta.faults.hide_list(r"/apps$", r"user\.id eq")
    assert await there.outcome("remove_from_apps") == "unknown"


@pytest.mark.parametrize(("ability", "path"), [("remove_admin_roles", "/roles$"), ("reset_factors", "/factors$")])
async def test_an_empty_list_of_an_account_proves_something_only_where_others_have_some(
    there: ConnectedOkta, ability: str, path: str
) -> None:
    for group in [one for one in there.okta.state.groups_of(there.isa) if one.type == "OKTA_GROUP"]:
        group.members.discard(there.isa.id)
    await there.act(ability)
    assert await there.outcome(ability) == "done"
    there.okta.faults.hide_list(path)
    assert await there.outcome(ability) == "unknown"


async def test_an_empty_list_of_grants_counts_only_with_evidence(there: ConnectedOkta) -> None:
    state = there.okta.state
    await there.act("revoke_grants")
    assert await there.outcome("revoke_grants") == "done", "the same list shows grants of other users"
    there.okta.faults.hide_list("/grants$")
    (ours,) = [role for role in state.roles.values() if role.type == "SUPER_ADMIN" and role.assignee in state.users]
    ours.type = "ORG_ADMIN"
    assert await there.outcome("revoke_grants") == "unknown"


async def test_a_filter_that_is_ignored_is_not_done(there: ConnectedOkta) -> None:
    await there.act("remove_from_groups")
    await there.act("remove_from_apps")
    there.okta.faults.ignore_filter("/apps$")
    assert await there.outcome("remove_from_apps") == "not_done"


async def test_grants_that_a_replica_still_shows_are_not_done_until_it_does_not(there: ConnectedOkta) -> None:
    there.okta.faults.stay_stale("/grants$", reads=1)
    await there.act("revoke_grants")
    assert [await there.outcome("revoke_grants") for _ in range(2)] == ["not_done", "done"]


async def test_an_organisation_in_which_no_user_has_a_grant(there: ConnectedOkta) -> None:
    there.okta.state.grants.clear()
    assert await there.outcome("revoke_grants") == "done", "a super administrator sees the grants of all users"


async def test_a_search_that_finds_no_one_proves_no_missing_account(there: ConnectedOkta) -> None:
    there.okta.faults.hide_list(r"/users$", r"profile\.employeeNumber eq")
    for number in ("E-1", "E-9"):
        with pytest.raises(ActionRequiredError, match="search_unproven"):
            await there.connector.find_accounts([Lookup("employeeNumber", number)])


async def test_a_rule_that_puts_the_member_back_is_seen(there: ConnectedOkta) -> None:
    group = there.okta.state.new_group("Stubborn")
    there.okta.state.new_rule("Stubborn", "department", "Finance", group, puts_back=True)
    with contextlib.suppress(ConnectorError):
        await there.act("remove_from_groups")
    assert there.isa.id in group.members
    assert await there.outcome("remove_from_groups") == "not_done"


async def test_direct_assignments_roles_tokens_grants_and_factors_end(there: ConnectedOkta) -> None:
    state, isa = there.okta.state, there.isa.id
    for ability in ("remove_from_apps", "revoke_api_tokens", "revoke_grants", "reset_factors"):
        await there.act(ability)
        assert await there.outcome(ability) == "done", ability
    assert await there.apps(there.isa) == {"Wiki"}
    left = [one.user for one in state.api_tokens.values()] + [one.user for one in state.grants.values()]
    assert isa not in left + [one.user for one in state.factors.values()]
    await there.act("remove_admin_roles")
    assert {role.type for role, _ in state.roles_of(there.isa)} == {"HELP_DESK_ADMIN"}
    assert any(one.user == there.bo.id for one in state.factors.values())


async def test_a_deactivated_account_is_deleted_and_no_other_is(there: ConnectedOkta) -> None:
    account = await there.account(there.isa)
    with pytest.raises(ConnectorError):
        await there.connector.attempt(Effect("delete_account", "early", account))
    assert there.isa.status == "ACTIVE"
    await there.act("deactivate_account")
    assert not await there.signs_in(there.isa)
    await there.act("delete_account")
    assert there.isa.id not in there.okta.state.users
    assert await there.outcome("delete_account") == "done"


async def test_a_lost_reply_is_read_back_and_a_limit_had_no_effect(there: ConnectedOkta) -> None:
    there.okta.faults.lose_reply("POST", "/lifecycle/suspend")
    with pytest.raises(TryAgainError) as lost:
        await there.act("suspend_account")
    assert lost.value.happened == "unknown"
    assert await there.outcome("suspend_account") == "done"
    there.okta.faults.limit("POST", "/lifecycle/deactivate")
    with pytest.raises(TryAgainError) as limited:
        await there.act("deactivate_account")
    assert (limited.value.happened, there.isa.status) == ("no", "SUSPENDED")
    assert limited.value.retry_after is not None
    assert 0 < limited.value.retry_after <= 61


async def test_a_token_with_too_few_permissions_is_named(there: ConnectedOkta) -> None:
    reader = there.okta.state.new_user("reader@corp.example")
    there.okta.state.new_role("READ_ONLY_ADMIN", reader)
    connector = there.connected(token=there.okta.state.new_api_token(reader, "reading").value)
    account = await there.account(there.isa)
    with pytest.raises((ActionRequiredError, RefusedError)):
        await connector.attempt(Effect("suspend_account", "key", account))
    assert await there.signs_in(there.isa)
    await connector.aclose()
    wrong = there.connected(token="wrong")
    assert not (await wrong.check()).reachable
    await wrong.aclose()


async def test_a_service_app_works_with_its_key_and_gets_a_new_token_in_time(there: ConnectedOkta) -> None:
    pem = there.seed.key.as_pem(private=True).decode()
    connector = there.connected(client_id=there.seed.service.id, private_key=pem, scopes=" ".join(SERVICE_SCOPES))
    account = await there.account(there.isa)
    await connector.attempt(Effect("suspend_account", "key", account))
    assert not await there.signs_in(there.isa)
    there.okta.faults.expire("GET", "/users/")
    outcome = await connector.read_back(Effect("suspend_account", "key", account))
    assert outcome.outcome == "done"
    assert len(there.okta.sent("POST", "/oauth2/v1/token")) == 2
    await connector.aclose()
