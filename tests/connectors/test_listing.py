"""Lists of all accounts, for accounts without an owner: values, lists that are cut, and kinds without such a list."""

from __future__ import annotations

import pytest

from connectors.listing import ListsAccounts, ListsPeople
from connectors.registry import LISTS_ACCOUNTS
from tests.connectors.answering_kinds import KINDS, AnsweringKind, named

LISTING = {
    "scim",
    "okta",
    "entra",
    "google_workspace",
    "code_hosting",
    "github",
    "slack",
    "aws_iam",
    "aws_identity_center",
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name in LISTING], ids=named)
async def test_accounts_are_listed_with_their_values_and_a_cut_list_says_so(kind: AnsweringKind) -> None:
    async with kind.connected(kind.answers) as (connector, _):
        assert isinstance(connector, ListsAccounts)
        found = await connector.list_accounts([kind.lookup.attribute], at_most=5, deadline=10.0)
        cut = await connector.list_accounts([kind.lookup.attribute], at_most=0, deadline=10.0)
    assert found is not None and found.complete and LISTS_ACCOUNTS[kind.name]
    [one] = found.accounts
    assert one.account.native_id == "7"
    assert kind.lookup.value in one.values[kind.lookup.attribute]
    assert cut is not None and not cut.complete and not cut.accounts


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name not in LISTING], ids=named)
async def test_other_kinds_say_that_they_list_none(kind: AnsweringKind) -> None:
    async with kind.connected(kind.answers) as (connector, _):
        assert isinstance(connector, ListsAccounts)
        assert await connector.list_accounts(["email"], at_most=5, deadline=10.0) is None
    assert not LISTS_ACCOUNTS[kind.name], "the page Systems has no button for it"


async def test_people_are_listed_and_a_cut_list_says_so() -> None:
    [kind] = [kind for kind in KINDS if kind.name == "hr"]
    async with kind.connected(kind.answers) as (connector, _):
        assert isinstance(connector, ListsPeople)
        found = await connector.list_people(at_most=5, deadline=10.0)
        cut = await connector.list_people(at_most=0, deadline=10.0)
    assert [person.id for person in found.people] == ["7"] and found.missing == ""
    assert not cut.people and "more than 0 people" in cut.missing
