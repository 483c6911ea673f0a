"""The connector for Entra against a simulated tenant that lies: a list is empty although there are entries, a filter is
ignored, a missing permission is not refused, a replica is behind. An empty list is `done` only with evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from connectors.abilities import ReadBack
from tests.connectors.vendors.entra.connected_entra import ConnectedEntra, connected_entra
from tests.vendors.entra.directory import EntraConsent

LISTS = {
    "revoke_grants": "/users/[^/]+/oauth2PermissionGrants$",
    "hand_over_reports": "/directReports$",
    "hand_over_ownership": "/ownedObjects$",
}
READS_ALL = ("Directory.Read.All", "Application.ReadWrite.All")
"""With one of them, the app can read which permissions it has."""
of_each_list = pytest.mark.parametrize("ability", LISTS)


@pytest_asyncio.fixture
async def company() -> AsyncIterator[ConnectedEntra]:
    async with connected_entra() as connected:
        connected.tenant.new_group("Project", owners=[connected.isa.id])
        yield connected


def proof(found: ReadBack) -> tuple[str, str]:
    return found.outcome, str(found.evidence.get("list_proven_by", "-"))


def clear(company: ConnectedEntra) -> None:
    """No account has consents, reports or owned objects."""
    company.tenant.consents.clear()
    for user in company.tenant.users.values():
        user.manager = ""
    for holder in (*company.tenant.groups.values(), *company.tenant.applications.values()):
        holder.owners.clear()


@of_each_list
async def test_an_honest_tenant(company: ConnectedEntra, ability: str) -> None:
    new = company.tenant.new_user("new.one@corp.example", employeeId="E-90")
    assert proof(await company.look(ability)) == ("not_done", "-")
    assert proof(await company.look(ability, new)) == ("done", "another_account")
    await company.do(ability, to_email=company.kim.upn if ability == "hand_over_ownership" else company.bo.upn)
    assert proof(await company.look(ability)) == ("done", "another_account")


@of_each_list
async def test_a_list_that_shows_nothing_of_anyone(company: ConnectedEntra, ability: str) -> None:
    company.entra.faults.hide_list(LISTS[ability])
    new = company.tenant.new_user("new.one@corp.example", employeeId="E-90")
    for user in (new, company.isa):
        assert proof(await company.look(ability, user)) == ("unknown", ""), "others are known to have entries"


@of_each_list
async def test_a_list_that_is_empty_for_one_account_only(company: ConnectedEntra, ability: str) -> None:
    """Another list of the tenant still shows an entry of the account, such as from a replica that is behind."""
    company.entra.faults.hide_list(f"/users/{company.isa.id}/")
    assert proof(await company.look(ability)) == ("unknown", "")


async def test_a_missing_permission_that_is_not_refused(company: ConnectedEntra) -> None:
    company.seed.service.permissions -= {"Directory.Read.All", "DelegatedPermissionGrant.ReadWrite.All"}
    company.entra.faults.empty_if_denied("/oauth2PermissionGrants$")
    assert proof(await company.look("revoke_grants")) == ("unknown", "")


@of_each_list
async def test_a_tenant_in_which_no_account_has_any(company: ConnectedEntra, ability: str) -> None:
    clear(company)
    assert proof(await company.look(ability)) == ("done", "permission")
    company.seed.service.permissions.difference_update(READS_ALL)
    assert proof(await company.look(ability)) == ("unknown", ""), "the app cannot read its own permissions"


@of_each_list
async def test_what_the_attempt_removed_proves_the_list(company: ConnectedEntra, ability: str) -> None:
    reply = await company.do(ability, to_email=company.bo.upn)
    clear(company)
    company.seed.service.permissions.difference_update(READS_ALL)
    company.entra.forget()
    found = await company.connector.read_back(replace(company.effect(ability), replied=reply))
    assert proof(found) == ("done", "this_account")
    assert len(company.entra.requests) == 2


@of_each_list
async def test_a_replica_that_is_behind_is_not_done_until_it_is_not(company: ConnectedEntra, ability: str) -> None:
    assert await company.outcome(ability) == "not_done"  # and there is a token: to issue one is a change too
    company.entra.faults.stay_stale(LISTS[ability], reads=1)
    await company.do(ability, to_email=company.bo.upn)
    outcomes = [(await company.look(ability)).outcome for _ in range(2)]
    assert outcomes == ["not_done", "done"]


async def test_a_filter_that_is_ignored_finds_no_other_account(company: ConnectedEntra) -> None:
    """Consents of an administrator for everyone are no account's own."""
    clear(company)
    company.tenant.consents["all"] = EntraConsent("all", company.seed.mobile.principal, "", "User.Read")
    company.entra.faults.ignore_filter("/oauth2PermissionGrants$")
    assert proof(await company.look("revoke_grants")) == ("done", "permission")
