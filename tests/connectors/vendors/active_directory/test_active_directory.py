"""Active Directory, with exchanges recorded from a Samba domain controller: what is sent, and what the answers mean.

`tests/connectors/vendors/active_directory/test_active_directory_samba.py` makes the recordings, and has the sign-ins
that are refused.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.registry import connect
from connectors.vendors.active_directory.user import guid_text, sid_text
from tests.connectors.ldap_recordings import LdapExchange, read, replaying
from tests.connectors.protocols.odd_directory import BASE, MANAGER, PASSWORD, odd_directory
from tests.connectors.vendors.active_directory.samba_domain import ROOT

RECORDINGS = Path(__file__).parents[1] / "recordings" / "active_directory"
SETTINGS = {"url": "ldaps://dc1.example.org", "bind_dn": "offboard@example.org", "password": "p"}


@pytest_asyncio.fixture
async def directory() -> AsyncIterator[Connector]:
    connector = connected()
    yield connector
    await connector.aclose()


def connected(**changed: str) -> Connector:
    return connect("active_directory", {**SETTINGS, **changed}, allowed_hosts=["dc1.example.org", "127.0.0.1"])


def exchanges(name: str) -> list[LdapExchange]:
    return read(RECORDINGS / f"{name}.json")


def effect(ability: str, recorded: list[LdapExchange], **parameters: Any) -> Effect:
    """For the account that the recording is about: the first that was asked for by its id."""
    base = next(each["request"][1] for each in recorded if str(each["request"][1:2]).startswith("['<GUID="))
    return Effect(ability, "run-1/step-1/1", Account(base.removeprefix("<GUID=").removesuffix(">"), "x"), parameters)


async def done(directory: Connector, ability: str, name: str, **parameters: Any) -> Any:
    recorded = exchanges(name)
    with replaying(*recorded):
        return (await directory.attempt(effect(ability, recorded, **parameters))).detail


async def looked(directory: Connector, ability: str, name: str, **parameters: Any) -> Any:
    recorded = exchanges(name)
    with replaying(*recorded):
        return await directory.read_back(effect(ability, recorded, **parameters))


async def test_an_account_is_found_by_its_name(directory: Connector) -> None:
    with replaying(*exchanges("find")):
        (account,) = await directory.find_accounts([Lookup("sAMAccountName", "nora")])
    assert (account.label, account.active, account.privileged) == ("nora", True, False)
    assert account.attributes["employeeID"] == "1001"
    assert account.attributes["userPrincipalName"] == "nora@wolkenmuehle.example"


async def test_filters_are_escaped(directory: Connector) -> None:
    sign_in, root, search = exchanges("find")[:3]
    nothing = {**search, "response": []}
    people, base = "(&(objectCategory=person)(objectClass=user))", search["request"][1]
    asked, any_such = (
        {**nothing, "request": ["search", base, f"(&{people}(employeeID={value}))", "SUBTREE"]}
        for value in (r"\2a\29\28cn=x", "*")
    )
    with replaying(sign_in, root, asked, any_such), pytest.raises(ActionRequiredError, match="search_unproven"):
        await directory.find_accounts([Lookup("employeeID", "*)(cn=x")])


async def test_disabling_compares_and_sets(directory: Connector) -> None:
    assert await done(directory, "disable_account", "disable") == {
        "userAccountControl": {"before": 512, "after": 514},
        "ended": [],
        "not_possible": ["sessions", "kerberos_tickets"],
    }
    assert (await looked(directory, "disable_account", "not_disabled")).outcome == "not_done"
    seen = await looked(directory, "disable_account", "disabled")
    assert seen.outcome == "done" and seen.evidence["disabled"] is True


async def test_a_change_by_another_client_is_kept(directory: Connector) -> None:
    """Between reading and writing another client set "password never expires" (65536)."""
    *before, modify = exchanges("disable")
    entry = before[-1]
    refused = {**modify, "result": {"result": 16, "description": "noSuchAttribute", "message": ""}}
    changed = copy.deepcopy(entry)
    changed["response"][0]["raw_attributes"]["userAccountControl"] = ["66048"]
    again = copy.deepcopy(modify)
    again["request"][2]["userAccountControl"] = [["MODIFY_DELETE", ["66048"]], ["MODIFY_ADD", ["66050"]]]
    with replaying(*before, refused, changed, again):
        reply = await directory.attempt(effect("disable_account", before))
    assert reply.detail["userAccountControl"] == {"before": 66048, "after": 66050}
    with (
        replaying(*before, *[refused, entry] * 3),
        pytest.raises(TryAgainError, match="changed_meanwhile") as raised,
    ):
        await directory.attempt(effect("disable_account", before))
    assert raised.value.happened == "no"


async def test_without_the_permission_the_error_names_it(directory: Connector) -> None:
    recorded = exchanges("disable_without_rights")
    with replaying(*recorded), pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await directory.attempt(effect("disable_account", recorded))
    assert "write userAccountControl" in raised.value.remedy and "AdminSDHolder" in raised.value.remedy


async def test_the_check_names_what_is_missing(directory: Connector) -> None:
    with replaying(*exchanges("check")):
        assert "not possible" not in (await directory.check()).detail
    with replaying(*exchanges("check_without_rights")):
        said = (await directory.check()).detail
    assert (
        "disable_account and enable_account not possible for people: bind_dn cannot write userAccountControl "
        "(rights_missing)" in said
    )
    assert "remove_from_groups and add_to_groups not possible" in said


async def test_the_check_names_what_is_missing_for_protected_people(directory: Connector) -> None:
    """AdminSDHolder sets their permissions, so a delegation on an OU does not reach them."""
    recorded = exchanges("check")
    protected = next(
        each for each in recorded if "(&(&(objectCategory=person)(objectClass=user))(adminCount>=1))" in each["request"]
    )
    protected["response"][0]["raw_attributes"]["allowedAttributesEffective"] = ["accountExpires"]
    with replaying(*recorded):
        said = (await directory.check()).detail
    assert said.count("not possible") == 1
    assert "disable_account and enable_account not possible for protected people (adminCount 1; AdminSDHolder" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"supportedCapabilities": ["1.2.840.113556.1.4.1851"]}, "AD LDS is not supported"),
        ({}, "Set connector to ldap"),
        ({"supportedCapabilities": ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1920"]}, "read-only"),
    ],
)
async def test_the_check_says_what_the_server_is(directory: Connector, values: Any, said: str) -> None:
    recorded = exchanges("check")
    root = recorded[1]["response"][0]["raw_attributes"]
    root.pop("supportedCapabilities")
    root.update(values)
    remaining = recorded if said == "read-only" else recorded[:2]
    with replaying(*remaining):
        checked = await directory.check()
    assert said in checked.detail


async def test_another_domain_of_the_forest_is_named(directory: Connector) -> None:
    recorded = exchanges("check")
    child = {"dnsRoot": ["south.wolkenmuehle.example"], "nCName": ["DC=south,DC=wolkenmuehle,DC=example"]}
    recorded[-1]["response"].append({"type": "searchResEntry", "dn": "CN=SOUTH", "raw_attributes": child})
    with replaying(*recorded):
        assert "add a system for each of south.wolkenmuehle.example" in (await directory.check()).detail


async def test_groups_through_others_are_named_and_not_done(directory: Connector) -> None:
    snapshot = await looked(directory, "snapshot_access", "snapshot")
    assert {group["name"] for group in snapshot.evidence["groups"]} == {"Inner, staff", "Alone"}
    nested = {group["name"]: group["privileged"] for group in snapshot.evidence["nested_groups"]}
    assert nested["Administrators"] is True and nested["Outer"] is False
    assert snapshot.evidence["userAccountControl"] == 512 and snapshot.evidence["parent"].startswith("CN=Users,")
    with pytest.raises(RefusedError, match="nested_membership"):
        await done(directory, "remove_from_groups", "nested_membership", groups=["outer"])


async def test_the_account_leaves_its_groups(directory: Connector) -> None:
    reply = await done(directory, "remove_from_groups", "leave_groups")
    assert {group["name"] for group in reply["left_groups"]} == {"Inner, staff", "Alone"}
    assert reply["primary_group"]["name"] == "Domain Users"


async def test_groups_that_are_not_shown_are_not_taken_as_left(directory: Connector) -> None:
    assert (await looked(directory, "remove_from_groups", "groups_left")).outcome == "done"
    recorded = exchanges("groups_left")
    tokens = recorded[-1]["response"][0]["raw_attributes"]["tokenGroups"]
    tokens.append({"hex": "01050000000000051500000001000000020000000300000007020000"})
    with replaying(*recorded):
        seen = await directory.read_back(effect("remove_from_groups", recorded))
    assert seen.outcome == "unknown" and seen.evidence["hidden_groups"] == ["S-1-5-21-1-2-3-519"]
    recorded = exchanges("groups_left")
    hidden = next(each for each in recorded if "<SID=" in str(each["request"]))
    hidden["response"] = []
    chain = next(number for number, each in enumerate(recorded[:-1]) if "1941" in str(each["request"]))
    base, scope = recorded[chain]["request"][1], recorded[chain]["request"][3]
    # Instead of the groups of the primary group: whether the directory shows members at all.
    recorded[chain + 1]["request"] = ["search", base, "(&(objectClass=group)(member=*))", scope]
    with replaying(*recorded):
        assert (await directory.read_back(effect("remove_from_groups", recorded))).outcome == "unknown"


async def test_a_privileged_primary_group_is_replaced(directory: Connector) -> None:
    assert (await looked(directory, "remove_from_groups", "primary_group_there")).outcome == "not_done"
    recorded = exchanges("replace_primary_group")
    primary = {"primaryGroupID": [["MODIFY_DELETE", ["512"]], ["MODIFY_ADD", ["513"]]]}
    assert any(each["request"][2:] == [primary] for each in recorded)
    reply = await done(directory, "remove_from_groups", "replace_primary_group")
    assert "Domain Admins" in {group["name"] for group in reply["left_groups"]}


async def test_an_expiry_is_set_and_an_earlier_one_kept(directory: Connector) -> None:
    at = "2099-01-01T00:00:00+01:00"
    reply = await done(directory, "expire_account", "expire", at=at)
    assert reply["accountExpires"]["after"] == 157153788000000000
    *before, _ = exchanges("expire")
    before[-1]["response"][0]["raw_attributes"]["accountExpires"] = ["132223104000000000"]  # 2020-01-01
    with replaying(*before):
        reply = (await directory.attempt(effect("expire_account", before, at=at))).detail
    assert reply["accountExpires"] == {"before": 132223104000000000, "after": 132223104000000000}
    assert reply["replaced_expiry"] == []


async def test_a_password_is_set_twice_and_known_by_its_time(directory: Connector) -> None:
    recorded = exchanges("scramble")
    assert [each["request"][2] for each in recorded if each["request"][0] == "modify"] == [
        {"unicodePwd": [["MODIFY_REPLACE", ["<password>"]]]}
    ] * 2
    scrambling = effect("scramble_password", recorded)
    look = [*recorded[:2], recorded[-1]]
    with replaying(*look):
        assert (await directory.read_back(scrambling)).outcome == "unknown"
    with replaying(*recorded):
        await directory.attempt(scrambling)
    with replaying(*look):
        assert (await directory.read_back(scrambling)).outcome == "done"
    look[-1]["response"][0]["raw_attributes"]["pwdLastSet"] = ["132223104000000000"]
    with replaying(*look):
        assert (await directory.read_back(scrambling)).outcome == "not_done"


async def test_a_password_is_not_set_without_encryption() -> None:
    directory = connected(url="ldap://127.0.0.1:389")
    recorded = exchanges("scramble")
    with replaying(*recorded[:3]), pytest.raises(ActionRequiredError, match="not_encrypted") as raised:
        await directory.attempt(effect("scramble_password", recorded))
    assert raised.value.happened == "no" and "start_tls" in raised.value.remedy
    with replaying(*exchanges("check")):
        assert "scramble_password not possible" in (await directory.check()).detail
    await directory.aclose()


async def test_an_account_is_moved(directory: Connector) -> None:
    recorded = exchanges("move")
    ou = recorded[-1]["request"][3]
    reply = await done(directory, "move_to_ou", "move", ou=ou)
    assert reply["parent"]["before"].startswith("CN=Users,")
    refused = copy.deepcopy(recorded)
    place = next(each for each in refused if each["request"][1:2] == [ou])
    place["response"][0]["raw_attributes"]["allowedChildClassesEffective"] = ["contact"]
    with replaying(*refused[:-1]), pytest.raises(ActionRequiredError, match="rights_missing"):
        await directory.attempt(effect("move_to_ou", recorded, ou=ou))
    place.update(response=[], result={"result": 32, "description": "noSuchObject", "message": ""})
    with replaying(*refused[:-1]), pytest.raises(RefusedError, match="ou_not_found"):
        await directory.attempt(effect("move_to_ou", recorded, ou=ou))


@pytest.mark.parametrize(
    ("ability", "taken"),
    [
        ("enable_account", []),
        (
            "restore_expiry",
            [{"id": "accountExpires", "before": 157153788000000000, "after": 132223068000000000}],
        ),
        ("move_back", [{"id": "parent", "before": f"CN=Users,{ROOT}", "after": f"OU=Former,{ROOT}"}]),
    ],
)
async def test_a_restore_puts_back_what_the_run_replaced(
    directory: Connector, ability: str, taken: list[dict[str, Any]]
) -> None:
    for name, outcome in ((f"{ability}_lacking", "not_done"), (f"{ability}_done", "done")):
        recorded = exchanges(name)
        with replaying(*recorded):
            seen = await directory.read_back(replace(effect(ability, recorded), taken=taken))
        assert seen.outcome == outcome
    recorded = exchanges(ability)
    with replaying(*recorded):
        await directory.attempt(replace(effect(ability, recorded), taken=taken))
    assert recorded[-1]["request"][0] in ("modify", "modify_dn")


async def test_an_expiry_that_is_not_shown_is_neither_set_nor_taken_as_restored(directory: Connector) -> None:
    recorded = exchanges("restore_expiry")[:-1]
    recorded[-1]["response"][0]["raw_attributes"].pop("accountExpires")
    taken = [{"id": "accountExpires", "before": 157153788000000000, "after": 132223068000000000}]
    restoring = replace(effect("restore_expiry", recorded), taken=taken)
    with replaying(*recorded):
        await directory.attempt(restoring)
    with replaying(*recorded):
        assert (await directory.read_back(restoring)).outcome == "unknown"


async def test_groups_are_joined_and_those_that_are_gone_are_named(directory: Connector) -> None:
    recorded = exchanges("add_to_groups")
    asked = [str(each["request"][1]) for each in recorded if each["request"][-2:] == ["(objectClass=*)", "BASE"]]
    ids = [one.removeprefix("<GUID=").removesuffix(">") for one in asked if one.startswith("<GUID=")]
    own = ids[0]
    taken = [{"id": one, "name": one} for one in dict.fromkeys(ids) if one != own]
    joining = replace(effect("add_to_groups", recorded), taken=taken)
    with replaying(*recorded):
        reply = (await directory.attempt(joining)).detail
    assert (len(reply["joined_groups"]), len(reply["deleted_groups"])) == (1, 1)
    recorded = exchanges("add_to_groups_lacking")
    with replaying(*recorded):
        seen = await directory.read_back(joining)
    assert seen.outcome == "not_done" and seen.evidence["not_joined"] == reply["joined_groups"]
    recorded = exchanges("add_to_groups_done")
    with replaying(*recorded):
        assert (await directory.read_back(joining)).outcome == "done"


@pytest.mark.parametrize("port", ["3268", "3269"])
def test_the_global_catalogue_is_refused(port: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        connected(url=f"ldaps://dc1.example.org:{port}")


def test_identifiers_are_read_in_their_byte_order() -> None:
    assert guid_text("33221100554477668899aabbccddeeff") == "00112233-4455-6677-8899-aabbccddeeff"
    assert sid_text("010500000000000515000000010000000200000003000000f4010000") == "S-1-5-21-1-2-3-500"
    assert sid_text("01020000000000052000000020020000") == "S-1-5-32-544"


@pytest.mark.usefixtures("needs_directory")
async def test_another_server_is_named_at_the_check() -> None:
    async with odd_directory() as url:
        settings = {"url": url, "bind_dn": MANAGER, "password": PASSWORD, "people_base": BASE}
        directory = connect("active_directory", settings, allowed_hosts=["127.0.0.1"])
        checked = await directory.check()
        assert not checked.reachable and "Set connector to ldap" in checked.detail
        with pytest.raises(ActionRequiredError, match="not_active_directory"):
            await directory.find_accounts([Lookup("mail", "nora@example.org")])
        await directory.aclose()
