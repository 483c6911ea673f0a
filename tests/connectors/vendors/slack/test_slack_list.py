"""The list of all accounts of an organisation or a workspace, against the simulator in `embedded/vendors/slack`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.abilities import Connector
from connectors.errors import ActionRequiredError, RefusedError
from connectors.listing import AccountsListed, ListedAccount, ListsAccounts
from tests.connectors.vendors.slack.connected_slack import ConnectedSlack, connected_slack

FINDING = ("users:read", "users:read.email")


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedSlack]:
    async with connected_slack() as connected:
        yield connected


async def listed(connector: Connector, *attributes: str, at_most: int = 5000) -> AccountsListed:
    assert isinstance(connector, ListsAccounts)
    found = await connector.list_accounts(attributes, at_most=at_most, deadline=10.0)
    assert found is not None
    return found


def by_id(found: AccountsListed) -> dict[str, ListedAccount]:
    return {one.account.native_id: one for one in found.accounts}


async def test_all_users_of_an_organisation_are_listed_and_bots_are_not(here: ConnectedSlack) -> None:
    corp = here.seed.workspaces[0]
    bot = here.grid.new_user("helper@corp.example", "Helper", "", corp, is_bot=True)
    guest = here.grid.new_user("gus@other.example", "Gus", "", corp, guest="multi")
    here.grid.deactivate(here.kim)
    here.grid.users[here.isa.id].secondary_email = "isa@old.example"
    here.slack.largest_page = 2
    found = await listed(here.owner, "id", "email", "employeeNumber", "externalId", "userName")
    assert found.complete
    accounts = by_id(found)
    assert set(accounts) == here.grid.users.keys() - {bot.id}
    assert accounts[here.isa.id].values == {
        "id": (here.isa.id,),
        "email": (here.isa.email, "isa@old.example"),
        "employeeNumber": ("E-1",),
        "externalId": ("E-1",),
        "userName": (here.isa.user_name,),
    }
    assert accounts[guest.id].account.label == f"{guest.user_name} (guest)"
    assert accounts[guest.id].values.keys() == {"id", "email", "userName"}
    assert {id for id, one in accounts.items() if one.account.active is False} == {here.kim.id}
    privileged = {id for id, one in accounts.items() if one.account.privileged}
    assert privileged == {here.bo.id, here.seed.owner.id, here.seed.founder.id}
    assert not here.slack.sent("POST") and not here.slack.sent("DELETE")


async def test_a_list_that_is_cut_says_so_also_where_bots_are_left_out(here: ConnectedSlack) -> None:
    here.grid.new_user("helper@corp.example", "Helper", "", here.seed.workspaces[0], is_bot=True)
    here.grid.deactivate(here.kim)
    people = len(here.grid.users) - 1
    for at_most in range(people):
        cut = await listed(here.owner, "email", at_most=at_most)
        assert (len(cut.accounts), cut.complete) == (at_most, False)
    assert (await listed(here.owner, "email", at_most=people)).complete


async def test_a_workspace_is_listed_without_bots() -> None:
    async with connected_slack("business_plus") as here:
        bot = here.grid.new_user("helper@corp.example", "Helper", "", here.seed.workspaces[0], is_bot=True)
        here.grid.deactivate(here.kim)
        here.slack.largest_page = 2
        accounts = by_id(await listed(here.owner, "email", "employeeNumber"))
        assert set(accounts) == here.grid.users.keys() - {bot.id}
        assert accounts[here.kim.id].account.active is False
        assert accounts[here.isa.id].values == {"email": (here.isa.email,), "employeeNumber": ("E-1",)}
        here.slack.forget()
        by_mail = by_id(await listed(here.bot, "email"))
        assert set(by_mail) == set(accounts) and not here.slack.sent("GET", "/scim/")
        with pytest.raises(ActionRequiredError, match="rights_missing"):
            await listed(here.bot, "employeeNumber")


async def test_what_the_token_may_read_decides_how_users_are_listed(here: ConnectedSlack) -> None:
    scim = here.with_scopes(*FINDING, "admin")
    accounts = by_id(await listed(scim, "email"))
    assert set(accounts) == set(here.grid.users) and not here.slack.sent("GET", "admin.users.list")
    assert accounts[here.isa.id].values == {"email": (here.isa.email,)}
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await listed(here.with_scopes(*FINDING), "email")
    assert "admin" in raised.value.detail


async def test_an_attribute_that_no_user_shows_is_no_proof(here: ConnectedSlack) -> None:
    for user in here.grid.users.values():
        user.profile.pop("employeeNumber", None)
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await listed(here.owner, "email", "employeeNumber")
    assert (await listed(here.owner, "email")).complete
    with pytest.raises(RefusedError, match="unknown_attribute"):
        await listed(here.owner, "login")
