"""How SCIM servers spell what they show: Unicode forms, spaces, and texts where RFC 7643 has objects or booleans."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from connectors.abilities import Lookup
from tests.connectors.protocols.odd_scim_server import OddServer

COMPOSED = "jürgen.müller@example.org"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def _filters(server: OddServer) -> None:
    """The server compares as Unicode has it, and shows its own spelling."""
    server.filter_users = lambda attribute, value: [server.user]


def _lists_only(server: OddServer) -> None:
    server.filter_users = lambda attribute, value: []


@pytest.mark.parametrize("find", [_filters, _lists_only])
@pytest.mark.parametrize(
    ("user", "lookup"),
    [
        ({"userName": DECOMPOSED}, Lookup("userName", COMPOSED)),
        ({"userName": COMPOSED}, Lookup("userName", DECOMPOSED)),
        ({"emails": [{"value": DECOMPOSED}]}, Lookup("emails.value", COMPOSED)),
        ({"emails": ["alex@example.org"]}, Lookup("emails.value", "alex@example.org")),
        ({"displayName": "Nora  Berg "}, Lookup("displayName", "Nora Berg")),
    ],
    ids=["decomposed", "composed", "address", "address as text", "spaces"],
)
async def test_an_account_is_found_in_the_servers_own_spelling(
    user: dict[str, Any], lookup: Lookup, find: Callable[[OddServer], None]
) -> None:
    server = OddServer()
    server.user = {"id": "u-1", "userName": "jm", "active": True} | user
    find(server)
    async with server.connected(privileged="") as scim:
        (account,) = await scim.find_accounts([lookup])
    assert account.native_id == "u-1" and account.attributes[lookup.attribute]


@pytest.mark.parametrize(
    ("emails", "secondary"),
    [
        ([{"value": "nora@example.org"}], False),
        ([{"value": "nora@example.org", "primary": True}, {"value": "other@example.org"}], False),
        ([{"value": "other@example.org", "primary": True}, {"value": "nora@example.org"}], True),
        ([{"value": "other@example.org"}, {"value": "nora@example.org"}], True),
        (["other@example.org", "nora@example.org"], True),
        ([{"value": "nora@example.org", "type": "work"}, {"value": "Nora@example.org", "type": "home"}], False),
    ],
    ids=["only", "primary", "not_primary", "none_is_primary", "texts", "twice"],
)
async def test_an_address_that_is_not_the_main_one_is_named(emails: list[Any], secondary: bool) -> None:
    server = OddServer()
    server.user = {"id": "u-1", "userName": "boss", "active": True, "emails": emails}
    async with server.connected(privileged="") as scim:
        (account,) = await scim.find_accounts([Lookup("emails.value", "nora@example.org"), Lookup("userName", "boss")])
    assert account.secondary == (frozenset({"emails.value"}) if secondary else frozenset())


@pytest.mark.parametrize(
    ("odd", "active", "privileged"),
    [
        ({"active": "False"}, False, False),
        ({"active": "inactive"}, None, False),
        ({"groups": [{"display": "Payroll"}]}, True, False),
        ({"groups": [{"$ref": "https://example.org/Groups/7"}]}, True, False),
        ({"groups": [{"value": 7}, "Payroll"]}, True, False),
        ({"roles": ["admin"]}, True, True),
        ({"roles": "admin"}, True, True),
    ],
    ids=["text", "word", "display", "reference", "number", "roles", "role"],
)
async def test_an_odd_value_of_an_account_hides_neither_it_nor_its_state(
    odd: dict[str, Any], active: bool | None, privileged: bool
) -> None:
    server = OddServer()
    server.user = {"id": "u-1", "userName": "nora@example.org", "active": True} | odd
    async with server.connected() as scim:
        (account,) = await scim.find_accounts([Lookup("userName", "nora@example.org")])
    assert (account.native_id, account.active, account.privileged) == ("u-1", active, privileged)
