"""The list of an organisation's accounts against the simulator in `embedded/vendors/github`, over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.abilities import Connector
from connectors.errors import ActionRequiredError, RefusedError
from connectors.listing import AccountsListed, ListsAccounts
from tests.connectors.vendors.github.connected_github import ConnectedGitHub, connected_github


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedGitHub]:
    async with connected_github() as connected:
        yield connected


async def listed(connector: Connector, *attributes: str, at_most: int = 5000) -> AccountsListed:
    assert isinstance(connector, ListsAccounts)
    found = await connector.list_accounts(attributes, at_most=at_most, deadline=10.0)
    assert found is not None
    return found


async def test_members_and_outside_collaborators_are_listed_with_what_is_known_of_them(here: ConnectedGitHub) -> None:
    guest, invited = here.org.new_user("guest"), here.org.new_user("invited")
    here.org.invite(invited)
    here.org.repositories["billing"].collaborators["guest"] = "push"
    here.github.largest_page = 1
    found = await listed(here.app, "login", "samlNameId", "employeeNumber", "verifiedEmail")
    assert found.complete
    by_label = {one.account.label: one for one in found.accounts}
    assert set(by_label) == {*here.org.members, "guest (outside collaborator)"}
    isa = by_label["isa-lund"]
    assert isa.account.native_id == str(here.isa.id) and not isa.account.privileged
    assert {name: values[0] for name, values in isa.values.items()} == {
        "login": "isa-lund",
        "samlNameId": "isa.lund@corp.example",
        "employeeNumber": "E-1",
        "verifiedEmail": "isa.lund@corp.example",
    }
    outside = by_label["guest (outside collaborator)"]
    assert outside.account.native_id == str(guest.id) and outside.values == {"login": ("guest",)}
    assert {one.account.label for one in found.accounts if one.account.privileged} == {
        login for login, role in here.org.members.items() if role == "admin"
    }
    assert here.github.sent("DELETE") == []


async def test_a_list_that_is_cut_says_so(here: ConnectedGitHub) -> None:
    here.org.new_user("guest")
    here.org.repositories["billing"].collaborators["guest"] = "push"
    for at_most in range(len(here.org.members) + 1):
        cut = await listed(here.app, "login", at_most=at_most)
        assert (len(cut.accounts), cut.complete) == (at_most, False)
    assert (await listed(here.app, "login", at_most=len(here.org.members) + 1)).complete


async def test_an_attribute_that_no_user_shows_is_no_proof(here: ConnectedGitHub) -> None:
    here.org.identities.clear()
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await listed(here.app, "login", "employeeNumber")
    assert (await listed(here.app, "login")).complete
    with pytest.raises(RefusedError, match="unknown_attribute"):
        await listed(here.app, "mail")
