"""Google Workspace against the simulator: when an empty list of tokens, app passwords, backup codes or aliases is done,
and when it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from connectors.abilities import ReadBack
from tests.connectors.vendors.google_workspace.connected_google import ConnectedGoogle, connected_google
from tests.vendors.google.workspace import GoogleUser

LISTS = {
    "revoke_grants": "/tokens$",
    "delete_app_passwords": "/asps$",
    "invalidate_backup_codes": "/verificationCodes$",
    "remove_aliases": "/aliases$",
}


@pytest_asyncio.fixture
async def company() -> AsyncIterator[ConnectedGoogle]:
    async with connected_google() as company:
        yield company


def newcomer(company: ConnectedGoogle) -> GoogleUser:
    """A user without entries in any of the lists."""
    user = company.workspace.new_user("new.one@corp.example")
    user.app_passwords, user.backup_codes = {}, []
    return user


def make_delegated(company: ConnectedGoogle) -> None:
    """The administrator for whom Offboard acts manages users, and is no super administrator any more."""
    company.seed.admin.is_admin = False
    company.workspace.assign_role("2", company.seed.admin)


def proof(found: ReadBack) -> tuple[str, str]:
    return found.outcome, str(found.evidence["list_proven_by"])


@pytest.mark.parametrize("ability", LISTS)
async def test_an_empty_list_of_an_account_counts_only_with_evidence(company: ConnectedGoogle, ability: str) -> None:
    new = newcomer(company)
    assert proof(await company.look(ability, new)) == ("done", "another_account")
    reply = await company.do(ability)
    company.google.faults.hide_list(LISTS[ability])
    just_after = replace(company.effect(ability), replied=reply)
    assert proof(await company.connector.read_back(just_after)) == ("done", "this_account")
    make_delegated(company)
    assert proof(await company.look(ability)) == ("unknown", "")


@pytest.mark.parametrize("ability", LISTS)
async def test_a_company_in_which_no_account_has_any(company: ConnectedGoogle, ability: str) -> None:
    company.workspace.tokens = {
        value: one for value, one in company.workspace.tokens.items() if one.client == company.seed.service.id
    }
    for user in company.workspace.users.values():
        user.app_passwords, user.backup_codes, user.aliases = {}, [], []
    assert proof(await company.look(ability)) == ("done", "permission"), "for a super administrator"
    make_delegated(company)
    assert proof(await company.look(ability)) == ("unknown", "")


async def test_aliases_of_users_documents_contradict_an_empty_list(company: ConnectedGoogle) -> None:
    company.google.faults.hide_list("/aliases$")
    assert proof(await company.look("remove_aliases", newcomer(company))) == (
        "unknown",
        "",
    )
    for user in (company.bo, company.kim):
        user.aliases = []
    assert proof(await company.look("remove_aliases")) == ("unknown", "")
