"""A real 389 Directory Server, on whose schema FreeIPA is built: a sign-in that worked is refused after."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ldap3
import pytest
import pytest_asyncio

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import RefusedError
from tests.connectors import ldap_recordings
from tests.connectors.protocols import directory_389 as server
from tests.connectors.protocols.odd_directory import BASE, connected, signs_in

pytestmark = [
    pytest.mark.servers("ns-slapd", "dscreate"),
    pytest.mark.timeout(300),  # an instance takes long to make
    pytest.mark.skipif(os.geteuid() != 0, reason="389 Directory Server needs root here"),
]

SERVICE = f"cn=offboard,{BASE}"
recorded = partial(ldap_recordings.recorded, Path(__file__).parent / "recordings" / "389")
_numbers = itertools.count(1001)


@pytest_asyncio.fixture(scope="session")
async def url() -> AsyncIterator[str]:
    async with server.directory_389() as running:
        yield running


@pytest_asyncio.fixture
async def ldap(url: str) -> AsyncIterator[Connector]:
    async with connected(url, bind_dn=server.MANAGER, password=server.PASSWORD) as connector:
        yield connector


@pytest.fixture
def uid(url: str) -> Iterator[str]:
    """A new person who can sign in, with a POSIX account and an SSH key."""
    name = f"u{next(_numbers)}"
    with server.administer(url) as connection:
        connection.add(
            dn(name),
            ["inetOrgPerson", "posixAccount", "shadowAccount", "ldapPublicKey"],
            {
                "uid": name,
                "cn": name,
                "sn": name,
                "employeeNumber": name[1:],
                "userPassword": name,
                "uidNumber": name[1:],
                "gidNumber": "100",
                "homeDirectory": "/home/x",
                "sshPublicKey": ["ssh-ed25519 AAAA x"],
            },
        )
    yield name


def dn(uid: str) -> str:
    return f"uid={uid},ou=people,{BASE}"


def shown(url: str, entry: str, attribute: str) -> list[str]:
    with server.administer(url) as connection:
        connection.search(entry, "(objectClass=*)", "BASE", attributes=[attribute])
        return [value.decode() for value in connection.response[0]["raw_attributes"].get(attribute, [])]


async def find(ldap: Connector, uid: str) -> Account:
    (account,) = await ldap.find_accounts([Lookup("uid", uid)])
    return account


async def test_the_check_says_how_accounts_are_locked(ldap: Connector, uid: str) -> None:
    with recorded("check"):
        checked = await ldap.check()
    assert checked.reachable and "accounts are locked by nsAccountLock" in checked.detail


async def test_a_locked_account_cannot_sign_in(ldap: Connector, url: str, uid: str) -> None:
    with recorded("find"):
        account = await find(ldap, uid)
    assert account.active is True and await signs_in(url, dn(uid), uid)
    lock = Effect("lock_account", "key", account)
    assert (await ldap.read_back(lock)).outcome == "not_done"
    with recorded("lock"):
        await ldap.attempt(lock)
    assert not await signs_in(url, dn(uid), uid)
    with recorded("locked"):
        look = await ldap.read_back(lock)
    assert look.outcome == "done" and look.evidence["nsAccountLock"] == "true"
    assert (await find(ldap, uid)).active is False
    assert (await find(ldap, uid)).native_id == account.native_id


async def test_an_account_is_found_again_after_it_was_renamed(ldap: Connector, url: str, uid: str) -> None:
    account = await find(ldap, uid)
    await asyncio.to_thread(rename, url, uid)
    assert (await ldap.read_back(Effect("snapshot_access", "key", account))).evidence["dn"] == dn(f"{uid}x")


def rename(url: str, uid: str) -> None:
    with server.administer(url) as connection:
        connection.modify_dn(dn(uid), f"uid={uid}x")


async def test_groups_and_keys_are_removed(ldap: Connector, url: str, uid: str) -> None:
    def add(name: str, kind: str, values: dict[str, Any]) -> None:
        with server.administer(url) as connection:
            connection.add(f"cn={name},ou=groups,{BASE}", [kind], {"cn": name, **values})

    await asyncio.to_thread(add, f"names-{uid}", "groupOfNames", {"member": [dn(uid)]})
    await asyncio.to_thread(add, f"unique-{uid}", "groupOfUniqueNames", {"uniqueMember": [dn(uid)]})
    await asyncio.to_thread(add, f"posix-{uid}", "posixGroup", {"gidNumber": "7", "memberUid": ["ida", uid]})
    account = await find(ldap, uid)
    for ability in ("remove_from_groups", "remove_ssh_keys"):
        doing = Effect(ability, "key", account)
        assert (await ldap.read_back(doing)).outcome == "not_done"
        await ldap.attempt(doing)
        assert (await ldap.read_back(doing)).outcome == "done"
    assert shown(url, f"cn=posix-{uid},ou=groups,{BASE}", "memberUid") == ["ida"]
    assert shown(url, f"cn=unique-{uid},ou=groups,{BASE}", "uniqueMember") == []
    assert shown(url, dn(uid), "sshPublicKey") == []


async def test_a_scrambled_password_is_refused(ldap: Connector, url: str, uid: str) -> None:
    scramble = Effect("scramble_password", "key", await find(ldap, uid))
    await ldap.attempt(scramble)
    assert (await ldap.read_back(scramble)).outcome == "done"
    assert not await signs_in(url, dn(uid), uid)


async def test_an_account_of_our_own_needs_no_more_than_its_permissions(url: str, uid: str) -> None:
    """It does not read entryUUID, so that nsUniqueId is the id, and is not allowed to set hashed passwords."""
    await asyncio.to_thread(add_service, url)
    async with connected(url, bind_dn=SERVICE, password="offboard-password") as ldap:
        assert (await ldap.check()).reachable
        account = await find(ldap, uid)
        unique = shown(url, dn(uid), "nsUniqueId")[0]
        assert account.native_id.replace("-", "") == unique.replace("-", "")
        lock = Effect("lock_account", "key", account)
        await ldap.attempt(lock)
        assert (await ldap.read_back(lock)).outcome == "done"
        assert not await signs_in(url, dn(uid), uid)
        scramble = Effect("scramble_password", "key", account)
        with pytest.raises(RefusedError, match="password_policy_refused") as raised:
            await ldap.attempt(scramble)
        assert "nsslapd-allow-hashed-passwords" in raised.value.remedy
        assert (await ldap.read_back(scramble)).outcome == "not_done"


def add_service(url: str) -> None:
    may = f'(targetattr!="entryUUID")(version 3.0; acl "offboard"; allow (all) userdn="ldap:///{SERVICE}";)'
    with server.administer(url) as connection:
        classes = ["organizationalRole", "simpleSecurityObject"]
        connection.add(SERVICE, classes, {"userPassword": "offboard-password"})
        connection.modify(BASE, {"aci": [(ldap3.MODIFY_ADD, [may])]})
