"""Active Directory against a real domain controller (Samba): a sign-in that worked is refused after.

`RECORD_LDAP=yes` records the exchanges again that the tests without a server play back.

Over 400 lines: the abilities of one connector at one domain, which takes long to make.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ldap3
import pytest
import pytest_asyncio

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError
from connectors.listing import ListsAccounts
from connectors.registry import connect
from tests.connectors import ldap_recordings
from tests.connectors.vendors.active_directory.samba_domain import HOST, PASSWORD, REALM, ROOT, SambaDomain

pytestmark = [pytest.mark.servers("samba", "samba-tool"), pytest.mark.timeout(300)]  # a domain takes long to make
OLD = "Ein-Satz-mit-9-Zeichen"
_numbers = itertools.count(1)


@pytest.fixture
def domain(samba: SambaDomain) -> SambaDomain:
    return samba


@pytest_asyncio.fixture
async def directory(domain: SambaDomain) -> AsyncIterator[Connector]:
    connector = domain.connect()
    yield connector
    await connector.aclose()


recorded = partial(ldap_recordings.recorded, Path(__file__).parents[1] / "recordings" / "active_directory")


async def user(domain: SambaDomain, name: str = "", **attributes: Any) -> tuple[str, str]:
    """Name and DN of a new user whose sign-in works."""
    name = name or f"user{next(_numbers)}"
    dn = await asyncio.to_thread(lambda: domain.add_user(name, OLD, **attributes))
    assert await sign_in(domain, name) == "in"
    return name, dn


async def sign_in(domain: SambaDomain, name: str, password: str = OLD) -> str:
    return await asyncio.to_thread(domain.sign_in, name, password)


async def find(directory: Connector, name: str) -> Account:
    (account,) = await directory.find_accounts([Lookup("sAMAccountName", name)])
    return account


def effect(ability: str, account: Account, **parameters: Any) -> Effect:
    return Effect(ability, "run-1/step-1/1", account, parameters)


async def test_all_users_are_listed_without_computers(directory: Connector, domain: SambaDomain) -> None:
    name, _ = await user(domain, mail="listed@f.example", proxyAddresses=["smtp:one@f.example", "SMTP:two@f.example"])
    assert isinstance(directory, ListsAccounts)
    found = await directory.list_accounts(["sAMAccountName", "proxyAddresses"], at_most=5000, deadline=60.0)
    assert found is not None and found.complete
    [one] = [one for one in found.accounts if one.values["sAMAccountName"] == (name,)]
    assert set(one.values["proxyAddresses"]) == {"one@f.example", "two@f.example"}
    assert not [one for one in found.accounts if one.account.label.endswith("$")], "computers are no people"


@pytest.mark.parametrize("cn", ["a space at the end\\ ", "\\ in\\, the\\=front", "(Müller)*@\\+\\;"])
async def test_a_name_that_is_escaped_is_changed_like_any_other(domain: SambaDomain, cn: str) -> None:
    name = f"odd{next(_numbers)}"
    unit = await asyncio.to_thread(domain.add_unit, f"{name}\\ ")
    dn = await asyncio.to_thread(lambda: domain.add_user(name, OLD, rdn=f"CN={cn}", parent=unit))
    await asyncio.to_thread(domain.add_group, f"group of {name}", dn)
    target = await asyncio.to_thread(domain.add_unit, f"{name} former\\ ")
    async with contextlib.aclosing(domain.connect()) as directory:
        account = await find(directory, name)
        for ability in ("snapshot_access", "disable_account", "remove_from_groups", "move_to_ou"):
            step = effect(ability, account, **({"ou": target} if ability == "move_to_ou" else {}))
            await directory.attempt(step)
            assert (await directory.read_back(step)).outcome == "done", ability
    assert "533" in await sign_in(domain, name)


async def test_a_disabled_account_cannot_sign_in(domain: SambaDomain, directory: Connector) -> None:
    name, dn = await user(domain, "nora", employeeID="1001", mail="nora@wolkenmuehle.example")
    with recorded("find"):
        account = await find(directory, name)
    assert account.active is True and account.label == name and not account.privileged
    assert account.attributes["employeeID"] == "1001"
    doing = effect("disable_account", account)
    with recorded("not_disabled"):
        assert (await directory.read_back(doing)).outcome == "not_done"
    with recorded("disable"):
        reply = await directory.attempt(doing)
    assert reply.detail == {
        "userAccountControl": {"before": 512, "after": 514},
        "ended": [],
        "not_possible": ["sessions", "kerberos_tickets"],
    }
    assert await sign_in(domain, name) == "49 533"
    with recorded("disabled"):
        seen = await directory.read_back(doing)
    assert seen.outcome == "done" and seen.evidence["userAccountControl"] == 514
    assert domain.values(dn, "userAccountControl") == ["514"]
    assert (await find(directory, name)).active is False
    assert (await directory.attempt(doing)).detail["userAccountControl"] == {"before": 514, "after": 514}


async def test_the_account_that_offboard_signs_in_with_is_never_changed(domain: SambaDomain) -> None:
    name, dn = await user(domain)
    account = None
    for bind_dn in (dn, f"{name}@{REALM}", f"{name.upper()}@{REALM.upper()}", f"WOLKEN\\{name}"):
        async with contextlib.aclosing(domain.connect(bind_dn=bind_dn, password=OLD)) as directory:
            account = account or await find(directory, name)
            for ability in ("disable_account", "remove_from_groups", "scramble_password"):
                with pytest.raises(RefusedError, match="own_account"):
                    await directory.attempt(effect(ability, account))
    assert await sign_in(domain, name) == "in"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("sAMAccountName", "Ida.Berg"),
        ("userPrincipalName", f"IDA.BERG@{REALM.upper()}"),
        ("mail", "Ida@example.org"),
        ("employeeID", "1002"),
        ("employeeNumber", "1002"),
        ("proxyAddresses", "ida.b@example.org"),
        ("displayName", "Ida (Berg)*"),
        ("extensionName", "x-1002"),
    ],
)
async def test_accounts_are_found_by_the_attributes_that_people_use(
    attribute: str, value: str, domain: SambaDomain, directory: Connector
) -> None:
    with contextlib.suppress(ldap3.core.exceptions.LDAPEntryAlreadyExistsResult):
        await asyncio.to_thread(
            lambda: domain.add_user(
                "Ida.Berg",
                OLD,
                mail="ida@example.org",
                employeeID="1002",
                employeeNumber="1002",
                displayName="Ida (Berg)*",
                extensionName="x-1002",
                proxyAddresses=["SMTP:ida@example.org", "smtp:ida.b@example.org"],
            )
        )
    (account,) = await directory.find_accounts([Lookup(attribute, value)])
    assert account.label == "Ida.Berg"
    assert account.attributes[attribute].casefold() == value.casefold()
    assert account.secondary == (frozenset({"proxyAddresses"}) if attribute == "proxyAddresses" else frozenset())
    (again,) = await directory.find_accounts([Lookup("objectGUID", account.native_id)])
    assert again.native_id == account.native_id
    assert await directory.find_accounts([Lookup("objectGUID", str(uuid.uuid4()))]) == []


async def test_a_list_of_more_than_a_page_is_complete(domain: SambaDomain, directory: Connector) -> None:
    """Also where the whole domain is searched, which has references to the other parts of the forest."""

    def add() -> None:
        with domain.administer() as connection:
            for number in range(210):
                connection.add(
                    f"CN=page{number},CN=Users,{ROOT}",
                    ["top", "person", "organizationalPerson", "user"],
                    {"sAMAccountName": f"page{number}", "department": "Pages"},
                )

    await asyncio.to_thread(add)
    assert len(await directory.find_accounts([Lookup("department", "Pages")])) == 210


async def test_a_search_that_proves_nothing_is_an_error(directory: Connector) -> None:
    assert await directory.find_accounts([Lookup("sAMAccountName", "no-such-name")]) == []
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await directory.find_accounts([Lookup("extensionAttribute7", "1001")])


async def test_an_expired_account_cannot_sign_in(domain: SambaDomain, directory: Connector) -> None:
    name, _ = await user(domain, "erik")
    account = await find(directory, name)
    later, past = (
        effect("expire_account", account, at="2099-01-01T00:00:00+01:00"),
        effect("expire_account", account, at="2020-01-01T00:00:00+01:00"),
    )
    with recorded("expire"):
        await directory.attempt(later)
    seen = await directory.read_back(later)
    assert seen.outcome == "done" and seen.evidence["accountExpires"] == "2098-12-31T23:00:00+00:00"
    assert await sign_in(domain, name) == "in"
    assert (await directory.read_back(past)).outcome == "not_done"
    await directory.attempt(past)
    assert await sign_in(domain, name) == "49 701"
    await directory.attempt(later)  # does not bring the account back
    assert (await directory.read_back(past)).outcome == (await directory.read_back(later)).outcome == "done"
    assert (await find(directory, name)).active is False


async def test_groups_are_left_and_those_through_others_are_named(domain: SambaDomain, directory: Connector) -> None:
    name, dn = await user(domain, "greta")

    def add() -> list[str]:
        inner = domain.add_group("Inner, staff", dn)
        return [inner, domain.add_group("Outer", inner), domain.add_group("Alone", dn)]

    _, outer, _ = await asyncio.to_thread(add)
    domain.change(f"CN=Administrators,CN=Builtin,{ROOT}", "member", ldap3.MODIFY_ADD, outer)
    account = await find(directory, name)
    assert account.privileged
    with recorded("snapshot"):
        snapshot = (await directory.read_back(effect("snapshot_access", account))).evidence
    assert {group["name"] for group in snapshot["groups"]} == {"Inner, staff", "Alone"}
    nested = {group["name"]: group["privileged"] for group in snapshot["nested_groups"]}
    assert nested["Administrators"] is True and nested["Outer"] is False
    assert snapshot["primary_group"]["name"] == "Domain Users"
    assert snapshot["parent"] == f"CN=Users,{ROOT}"

    one = effect("remove_from_groups", account, groups=["outer"])
    with recorded("nested_membership"), pytest.raises(RefusedError, match="nested_membership"):
        await directory.attempt(one)
    assert (await directory.read_back(one)).outcome == "not_done"

    everything = effect("remove_from_groups", account)
    with recorded("leave_groups"):
        reply = await directory.attempt(everything)
    assert {group["name"] for group in reply.detail["left_groups"]} == {"Inner, staff", "Alone"}
    with recorded("groups_left"):
        seen = await directory.read_back(everything)
    assert seen.outcome == "done" and seen.evidence["groups"] == seen.evidence["hidden_groups"] == []
    assert domain.values(dn, "memberOf") == []
    assert "Outer" not in {group["name"] for group in seen.evidence["nested_groups"]}
    assert not (await find(directory, name)).privileged
    assert (await directory.read_back(one)).outcome == "done"
    by_id = effect("remove_from_groups", account, groups=[snapshot["groups"][0]["id"]])
    await directory.attempt(by_id)
    assert (await directory.read_back(by_id)).outcome == "done"
    with pytest.raises(RefusedError, match="group_not_found"):
        await directory.attempt(effect("remove_from_groups", account, groups=["Outter"]))


async def test_a_privileged_primary_group_is_replaced(domain: SambaDomain, directory: Connector) -> None:
    name, dn = await user(domain, "paul")
    admins = f"CN=Domain Admins,CN=Users,{ROOT}"
    domain.change(admins, "member", ldap3.MODIFY_ADD, dn)
    domain.change(dn, "primaryGroupID", ldap3.MODIFY_REPLACE, "512")
    account = await find(directory, name)
    assert account.privileged
    doing = effect("remove_from_groups", account)
    with recorded("primary_group_there"):
        assert (await directory.read_back(doing)).outcome == "not_done"
    with recorded("replace_primary_group"):
        reply = await directory.attempt(doing)
    assert "Domain Admins" in {group["name"] for group in reply.detail["left_groups"]}
    assert domain.values(dn, "primaryGroupID") == ["513"]
    assert domain.values(dn, "memberOf") == []
    seen = await directory.read_back(doing)
    assert seen.outcome == "done" and seen.evidence["primary_group"]["name"] == "Domain Users"


async def test_a_scrambled_password_is_refused(domain: SambaDomain, directory: Connector) -> None:
    name, dn = await user(domain, "sven")
    account = await find(directory, name)
    doing = effect("scramble_password", account)
    assert (await directory.read_back(doing)).outcome == "unknown"
    with recorded("scramble"):
        await directory.attempt(doing)
    assert await sign_in(domain, name) == "49 52e"
    assert (await directory.read_back(doing)).outcome == "done"
    quoted = f'"{OLD}"'.encode("utf-16-le")
    domain.change(dn, "unicodePwd", ldap3.MODIFY_REPLACE, quoted)
    assert (await directory.read_back(doing)).outcome == "not_done"


async def test_an_account_is_moved(domain: SambaDomain, directory: Connector) -> None:
    name, _ = await user(domain, "mia", cn="Lund, Mia")
    unit = await asyncio.to_thread(domain.add_unit, "Leavers")
    account = await find(directory, name)
    moving = effect("move_to_ou", account, ou=unit.lower())
    assert (await directory.read_back(moving)).outcome == "not_done"
    with recorded("move"):
        reply = await directory.attempt(moving)
    assert reply.detail["parent"]["before"] == f"CN=Users,{ROOT}"
    assert (await directory.read_back(moving)).outcome == "done"
    await directory.attempt(moving)
    await directory.attempt(effect("disable_account", account))  # the id is still its own
    with pytest.raises(RefusedError, match="ou_not_found"):
        await directory.attempt(effect("move_to_ou", account, ou=f"OU=Nowhere,{ROOT}"))


async def test_what_a_run_removed_is_given_back(domain: SambaDomain, directory: Connector) -> None:
    name, dn = await user(domain, "rita", accountExpires="157153788000000000")

    def add() -> list[str]:
        return [domain.add_group("Kept", dn), domain.add_group("Deleted since", dn)]

    kept, deleted = await asyncio.to_thread(add)
    unit = await asyncio.to_thread(domain.add_unit, "Former")
    account = await find(directory, name)
    removals = (
        effect("disable_account", account),
        effect("expire_account", account, at="2020-01-01T00:00:00+01:00"),
        effect("remove_from_groups", account),
        effect("move_to_ou", account, ou=unit),
    )
    replies = {one.ability: (await directory.attempt(one)).detail for one in removals}
    assert (await sign_in(domain, name)).startswith("49 ")

    with domain.administer() as connection:
        connection.delete(deleted)
    for one in removals:
        ability = directory.abilities[one.ability]
        taken = tuple(replies[one.ability][ability.taken_as]) if ability.taken_as else ()
        giving = replace(effect(ability.undone_by, account), taken=taken)
        with recorded(f"{ability.undone_by}_lacking"):
            assert (await directory.read_back(giving)).outcome == "not_done"
        with recorded(ability.undone_by):
            reply = await directory.attempt(giving)
        with recorded(f"{ability.undone_by}_done"):
            seen = await directory.read_back(giving)
        assert seen.outcome == "done", giving.ability
        await directory.attempt(giving)  # changes nothing more
        if ability.undone_by == "add_to_groups":
            assert [group["name"] for group in reply.detail["joined_groups"]] == ["Kept"]
            assert [group["name"] for group in seen.evidence["deleted_groups"]] == ["Deleted since"]
    assert await sign_in(domain, name) == "in"
    assert domain.values(dn, "memberOf") == [kept]
    assert domain.values(dn, "accountExpires") == ["157153788000000000"]


async def test_what_an_administrator_set_since_stays(domain: SambaDomain, directory: Connector) -> None:
    name, _ = await user(domain)
    former, other = [await asyncio.to_thread(domain.add_unit, f"{name} {place}") for place in ("former", "other")]
    account = await find(directory, name)
    expiring = await directory.attempt(effect("expire_account", account, at="2020-01-01T00:00:00+01:00"))
    moving = await directory.attempt(effect("move_to_ou", account, ou=former))
    domain.change(f"CN={name},{former}", "accountExpires", ldap3.MODIFY_REPLACE, "157153788000000000")
    with domain.administer() as connection:
        connection.modify_dn(f"CN={name},{former}", f"CN={name}", new_superior=other)
    for ability, taken in (
        ("restore_expiry", expiring.detail["replaced_expiry"]),
        ("move_back", moving.detail["left_place"]),
    ):
        giving = replace(effect(ability, account), taken=taken)
        await directory.attempt(giving)
        assert taken and (await directory.read_back(giving)).outcome == "done"
    assert domain.values(f"CN={name},{other}", "accountExpires") == ["157153788000000000"]


async def test_a_former_primary_group_is_given_as_an_ordinary_one(domain: SambaDomain, directory: Connector) -> None:
    name, dn = await user(domain)
    group = await asyncio.to_thread(domain.add_group, f"Primary of {name}", dn)
    domain.change(dn, "primaryGroupID", ldap3.MODIFY_REPLACE, domain.sid(group).rpartition("-")[2])
    account = await find(directory, name)
    snapshot = (await directory.read_back(effect("snapshot_access", account))).evidence
    left = (await directory.attempt(effect("remove_from_groups", account))).detail["left_groups"]
    assert {one["id"] for one in left} == {one["id"] for one in snapshot["removable_groups"]}
    giving = replace(effect("add_to_groups", account), taken=left)
    await directory.attempt(giving)
    assert (await directory.read_back(giving)).outcome == "done"
    assert group in domain.values(dn, "memberOf") and domain.values(dn, "primaryGroupID") == ["513"]


async def test_the_check_names_missing_rights(domain: SambaDomain, directory: Connector) -> None:
    with recorded("check"):
        checked = await directory.check()
    assert checked.reachable and ROOT in checked.detail and "not possible" not in checked.detail
    name, _ = await user(domain, "weak")
    weak = domain.connect(bind_dn=f"{name}@{REALM}", password=OLD)
    with recorded("check_without_rights"):
        checked = await weak.check()
    assert checked.reachable
    for missing in ("userAccountControl", "accountExpires", "member"):
        assert f"cannot write {missing}" in checked.detail
    other, _ = await user(domain)
    doing = effect("disable_account", await find(directory, other))
    with recorded("disable_without_rights"), pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await weak.attempt(doing)
    assert "userAccountControl" in raised.value.remedy and raised.value.happened == "no"
    assert await sign_in(domain, other) == "in"
    await weak.aclose()


# schemaIDGUID of classes and attributes, and the extended right Reset Password (MS-ADSC, MS-ADA, MS-ADTS section 5.1.3)
USER, GROUP = "bf967aba-0de6-11d0-a285-00aa003049e2", "bf967a9c-0de6-11d0-a285-00aa003049e2"
CONTROL, EXPIRES = "bf967a68-0de6-11d0-a285-00aa003049e2", "bf967915-0de6-11d0-a285-00aa003049e2"
MEMBER, NAME = "bf9679c0-0de6-11d0-a285-00aa003049e2", "bf967a0e-0de6-11d0-a285-00aa003049e2"
COMMON_NAME, RESET_PASSWORD = "bf96793f-0de6-11d0-a285-00aa003049e2", "00299570-246d-11d0-a768-00aa006e0529"


async def test_the_documented_permissions_suffice(domain: SambaDomain, directory: Connector) -> None:
    """docs/connectors/active-directory.md lists them."""
    service, service_dn = await user(domain, "offboard")
    staff, gone = [await asyncio.to_thread(domain.add_unit, name) for name in ("Staff", "Gone")]
    name, dn = await user(domain, parent=staff)
    group = await asyncio.to_thread(lambda: domain.add_group("Delegated", dn, parent=staff))
    sid = domain.sid(service_dn)

    def delegate() -> None:
        people = [f"(OA;CIIO;WP;{what};{USER};{sid})" for what in (CONTROL, EXPIRES, NAME, COMMON_NAME)]
        password = f"(OA;CIIO;CR;{RESET_PASSWORD};{USER};{sid})"
        others = [password, f"(OA;CIIO;WP;{MEMBER};{GROUP};{sid})"]
        for unit in (staff, gone):
            domain.delegate(unit, *people, *others, f"(OA;CI;DC;{USER};;{sid})", f"(OA;CI;CC;{USER};;{sid})")

    await asyncio.to_thread(delegate)
    delegated = domain.connect(bind_dn=f"{service}@{REALM}", password=OLD, people_base=staff)
    said = (await delegated.check()).detail
    assert "not possible for people" not in said
    account = await find(delegated, name)
    given: list[Effect] = []
    for doing in (
        effect("move_to_ou", account, ou=gone),
        effect("disable_account", account),
        effect("expire_account", account, at="2020-01-01T00:00:00+01:00"),
        effect("remove_from_groups", account),
        effect("scramble_password", account),
    ):
        reply = await delegated.attempt(doing)
        assert (await delegated.read_back(doing)).outcome == "done", doing.ability
        ability = delegated.abilities[doing.ability]
        if ability.undone_by:
            taken = reply.detail[ability.taken_as] if ability.taken_as else ()
            given.append(replace(effect(ability.undone_by, account), taken=taken))
    assert domain.values(group, "member") == []
    for doing in given:
        await delegated.attempt(doing)
        assert (await delegated.read_back(doing)).outcome == "done", doing.ability
    assert domain.values(group, "member") == [dn]
    await delegated.aclose()


async def test_the_check_says_why_the_sign_in_is_refused(domain: SambaDomain, directory: Connector) -> None:
    name, _ = await user(domain)
    await directory.attempt(effect("disable_account", await find(directory, name)))
    for changed, said in (
        ({"password": "wrong"}, "The user name or the password is wrong"),
        ({"bind_dn": f"{name}@{REALM}", "password": OLD}, "The account of bind_dn is disabled"),
        ({"url": f"ldap://{HOST}"}, "not_encrypted"),
    ):
        connector = domain.connect(**changed)
        checked = await connector.check()
        assert not checked.reachable and said in checked.detail, checked
        await connector.aclose()


async def test_a_connection_with_start_tls(domain: SambaDomain) -> None:
    connector = domain.connect(url=f"ldap://{HOST}", start_tls="true")
    assert "not possible" not in (await connector.check()).detail
    await connector.aclose()


async def test_the_plain_kind_says_that_it_is_active_directory(domain: SambaDomain) -> None:
    settings = {
        "url": domain.url,
        "bind_dn": f"administrator@{REALM}",
        "password": PASSWORD,
        "ca_file": str(domain.authority),
        "people_base": ROOT,
        "groups_base": ROOT,
    }
    connector = connect("ldap", settings, allowed_hosts=[HOST])
    checked = await connector.check()
    assert not checked.reachable and "Set connector to active_directory" in checked.detail
    with pytest.raises(ActionRequiredError, match="active_directory_unsupported"):
        await connector.find_accounts([Lookup("uid", "nora")])
    await connector.aclose()
