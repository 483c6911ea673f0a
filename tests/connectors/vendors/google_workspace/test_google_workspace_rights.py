"""Google Workspace over the wire: scopes of the service account, privileges of the administrator, limits, and replies
that do not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.errors import ActionRequiredError, TryAgainError
from tests.connectors.vendors.google_workspace.connected_google import ALL_SCOPES, ConnectedGoogle, connected_google


@pytest_asyncio.fixture
async def company() -> AsyncIterator[ConnectedGoogle]:
    async with connected_google() as company:
        yield company


async def test_each_ability_asks_for_its_own_scopes(company: ConnectedGoogle) -> None:
    await company.do("suspend_account")
    assert company.scopes_asked() == ["admin.directory.user", "admin.directory.user.readonly"]


async def test_a_snapshot_names_what_may_not_be_read(company: ConnectedGoogle) -> None:
    company.seed.service.delegated -= {scope for scope in ALL_SCOPES if "licensing" in scope or "role" in scope}
    evidence = (await company.look("snapshot_access")).evidence
    assert evidence["not_shown"] == ["roles", "licenses"]
    assert evidence["groups"]


async def test_the_check_names_each_missing_scope_and_what_needs_it(company: ConnectedGoogle) -> None:
    complete = await company.connector.check()
    assert complete.reachable and "not granted" not in complete.detail and "refused" not in complete.detail
    company.seed.service.delegated -= {scope for scope in ALL_SCOPES if scope.endswith(("datatransfer", "user.alias"))}
    company.workspace.tokens.clear()
    checked = await company.connector.check()
    said = checked.detail.partition("scopes not granted: ")[2]
    assert checked.reachable and "remove_aliases, transfer_data" in said
    for scope in ("admin.directory.user.alias", "admin.datatransfer"):
        assert f"https://www.googleapis.com/auth/{scope}" in said
    assert "suspend_account" not in said
    company.seed.service.delegated.clear()
    company.workspace.tokens.clear()
    refused = await company.connector.check()
    assert not refused.reachable
    assert "rights_missing" in refused.detail and "auth/admin.directory.user.readonly" in refused.detail


async def test_the_check_names_what_the_administrator_may_not_do(company: ConnectedGoogle) -> None:
    company.seed.admin.is_admin = False
    company.workspace.assign_role("2", company.seed.admin)
    checked = await company.connector.check()
    refused = checked.detail.partition("refused to the administrator")[2]
    assert checked.reachable and "rolemanagement" in refused and "remove_from_groups" in refused
    assert "admin.directory.user.security" not in refused


@pytest.mark.parametrize(
    ("ability", "lacks"),
    [
        ("suspend_account", "admin.directory.user"),
        ("revoke_sessions", "admin.directory.user.security"),
        ("remove_from_groups", "admin.directory.group.member"),
        ("remove_admin_roles", "admin.directory.rolemanagement"),
        ("remove_aliases", "admin.directory.user.alias"),
        ("transfer_data", "admin.datatransfer"),
        ("remove_licenses", "apps.licensing"),
    ],
)
async def test_a_missing_scope_stops_only_what_needs_it_and_is_named(
    company: ConnectedGoogle, ability: str, lacks: str
) -> None:
    company.seed.service.delegated.discard(f"https://www.googleapis.com/auth/{lacks}")
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await company.do(ability, company.bo, to_email=company.kim.email)
    assert f"auth/{lacks} " in raised.value.remedy and raised.value.happened in ("no", "unknown")
    assert await company.find("externalId", "E-1")


async def test_an_administrator_without_the_privilege_needs_a_person(company: ConnectedGoogle) -> None:
    company.seed.admin.is_admin = False
    company.workspace.assign_role("3", company.seed.admin)
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await company.do("suspend_account")
    assert not company.isa.suspended


async def test_a_refused_key_or_administrator_is_explained(company: ConnectedGoogle) -> None:
    company.seed.admin.suspended = True
    checked = await company.connector.check()
    assert not checked.reachable and "credential_refused" in checked.detail and "admin_email" in checked.detail


@pytest.mark.parametrize("form", ["limit", "limit_as_forbidden"])
async def test_a_limit_in_either_form_is_waited_for(company: ConnectedGoogle, form: str) -> None:
    getattr(company.google.faults, form)("DELETE", "/members/", after=1)
    with pytest.raises(TryAgainError, match="too_many_requests") as raised:
        await company.do("remove_from_groups")
    assert raised.value.happened == "unknown", "one group was left before"
    assert len((await company.do("remove_from_groups"))["left_groups"]) == 2
    assert await company.outcome("remove_from_groups") == "done"


async def test_a_lost_reply_leaves_the_outcome_to_the_read_back(company: ConnectedGoogle) -> None:
    company.google.faults.lose_reply("PUT", "/users/")
    with pytest.raises(TryAgainError) as raised:
        await company.do("suspend_account")
    assert raised.value.happened == "unknown"
    assert await company.outcome("suspend_account") == "done"
    company.google.faults.cut("POST", "/signOut")
    with pytest.raises(TryAgainError) as raised:
        await company.do("revoke_sessions", company.kim)
    assert (raised.value.happened, company.kim.sessions) == ("unknown", 1)
    company.google.faults.lose_reply("POST", "/transfers")
    with pytest.raises(TryAgainError):
        await company.do("transfer_data")
    with pytest.raises(TryAgainError, match="transfer_in_progress"):
        await company.do("transfer_data")
    assert len(company.workspace.transfers) == 1


async def test_an_old_state_after_a_change_is_not_done_yet(company: ConnectedGoogle) -> None:
    await company.do("suspend_account", company.kim)  # the tokens are there, and their requests change nothing more
    company.google.faults.stay_stale("/users/", reads=1)
    await company.do("suspend_account")
    assert [await company.outcome("suspend_account") for _ in range(2)] == ["not_done", "done"]


async def test_an_expired_token_is_renewed_and_the_change_is_made_once(company: ConnectedGoogle) -> None:
    company.google.faults.expire("PUT", "/users/")
    await company.do("suspend_account")
    assert company.isa.suspended and len(company.google.sent("PUT")) == 2
    company.google.forget()
    company.workspace.tokens.clear()
    assert await company.outcome("suspend_account") == "done"
    assert len(company.google.sent("POST", "/token")) == 1


async def test_a_server_that_fails_is_tried_again(company: ConnectedGoogle) -> None:
    company.google.faults.break_down("PUT", "/users/")
    with pytest.raises(TryAgainError, match="system_failed") as raised:
        await company.do("suspend_account")
    assert raised.value.happened == "no"
