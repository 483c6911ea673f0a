"""What is particular to LDAP: a lock that keeps people out, groups that may not be empty, TLS, slow servers."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import ldap3
import pytest

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.listing import ListsAccounts
from connectors.registry import connect
from connectors.rehearsal import Rehearses
from orchestrator.embedded.company.certificate import write_certificate
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.directory import PLACEHOLDER_DN, user_dn
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.company.population import password_of
from tests.conftest import Hire
from tests.connectors.clocks import JumpingClock
from tests.connectors.company_settings import ALLOWED, connect_to, settings_for
from tests.connectors.contract import STRONG_KEY, the_account
from tests.connectors.raw_servers import forwarded_to, listening, silence

pytestmark = pytest.mark.usefixtures("needs_directory")


async def can_sign_in(company: Company, person: Employee, uid: str) -> bool:
    def bind() -> bool:
        parts = urlsplit(company.connections["DIRECTORY_URL"])
        server = ldap3.Server(parts.hostname, parts.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, user_dn(uid), password_of(person))
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()

    return await asyncio.to_thread(bind)


@pytest.mark.parametrize("ability", ["lock_account", "scramble_password"])
async def test_a_login_that_worked_is_refused(
    ability: str, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire()
    account = await the_account(connectors["ldap"], person)
    assert await can_sign_in(company, person, account.label)
    effect = Effect(ability, secrets.token_hex(8), account)
    await connectors["ldap"].attempt(effect)
    assert not await can_sign_in(company, person, account.label)
    evidence = (await connectors["ldap"].read_back(effect)).evidence
    if ability == "lock_account":
        assert evidence["pwdAccountLockedTime"] == "000001010000Z"
        assert (await the_account(connectors["ldap"], person)).active is False
    else:
        assert evidence["password_is_ours"] is True
        other = Effect(ability, secrets.token_hex(8), account)
        assert (await connectors["ldap"].read_back(other)).outcome == "not_done"


async def test_a_new_password_does_not_lift_the_lock(connectors: dict[str, Connector], hire: Hire) -> None:
    (person,) = await hire()
    account = await the_account(connectors["ldap"], person)
    lock, scramble = (Effect(name, secrets.token_hex(8), account) for name in ("lock_account", "scramble_password"))
    for effect in (lock, scramble):
        await connectors["ldap"].attempt(effect)
    for effect in (lock, scramble):
        look = await connectors["ldap"].read_back(effect)
        assert look.outcome == "done", look
        assert look.evidence["pwdAccountLockedTime"] == "000001010000Z"


async def test_accounts_are_found_by_any_spelling_and_distinguished(
    connectors: dict[str, Connector], hire: Hire
) -> None:
    (admin,), (person,) = await hire(traits=["admin"]), await hire()
    (found,) = await connectors["ldap"].find_accounts([Lookup("mail", admin.email.upper())])
    assert found.privileged
    assert found.attributes["mail"] == admin.email
    assert not (await the_account(connectors["ldap"], person)).privileged


async def test_all_people_are_listed_with_the_values_of_the_match_keys(
    connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire()
    directory = connectors["ldap"]
    assert isinstance(directory, ListsAccounts)
    found = await directory.list_accounts(["mail", "employeeNumber"], at_most=5000, deadline=30.0)
    assert found is not None and found.complete
    [one] = [one for one in found.accounts if one.values["employeeNumber"] == (person.employee_number,)]
    assert one.values["mail"] == (person.email,) and one.account.active is True
    cut = await directory.list_accounts(["mail"], at_most=1, deadline=30.0)
    assert cut is not None and not cut.complete and len(cut.accounts) == 1


async def test_more_entries_than_the_limit_are_an_error_and_no_short_list(company: Company, hire: Hire) -> None:
    family = "Tangen-" + secrets.token_hex(4)
    await hire(3, family_name=family)
    for limit in ("2", "3"):
        connector = connect_to(company, "ldap", max_entries=limit)
        if limit == "3":
            assert len(await connector.find_accounts([Lookup("sn", family)])) == 3
        else:
            with pytest.raises(ActionRequiredError, match="answer_too_large") as raised:
                await connector.find_accounts([Lookup("sn", family)])
            assert raised.value.happened == "no"
        await connector.aclose()


@pytest.mark.parametrize("name", ["Štěpánka (von) *Öß\\Łącka*", "Ægir)(uid=*"])
async def test_names_with_special_letters_are_found(
    name: str, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire(display_name=name + secrets.token_hex(4))
    (found,) = await connectors["ldap"].find_accounts([Lookup("displayName", person.display_name)])
    assert found.attributes["employeeNumber"] == person.employee_number


async def test_the_last_member_needs_a_placeholder(company: Company, hire: Hire) -> None:
    (person,) = await hire(department=f"Lamplighters {secrets.token_hex(4)}")
    bare = connect_to(company, "ldap", placeholder_member="")
    with_placeholder = connect_to(company, "ldap")
    try:
        effect = Effect("remove_from_groups", secrets.token_hex(8), await the_account(bare, person))
        with pytest.raises(RefusedError, match="last_member") as raised:
            await bare.attempt(effect)
        assert "placeholder_member" in raised.value.remedy
        # Everything else was left before that.
        left_over = (await bare.read_back(effect)).evidence["groups"]
        assert len(left_over) == 1
        assert raised.value.happened == "unknown"
        await with_placeholder.attempt(effect)
        assert (await bare.read_back(effect)).outcome == "done"
        assert await _members(company, left_over[0]["name"]) == [PLACEHOLDER_DN]
    finally:
        await bare.aclose()
        await with_placeholder.aclose()


async def test_an_entry_that_cannot_be_stored_is_not_understood(
    company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire()
    entry = user_dn((await the_account(connectors["ldap"], person)).label)

    def add_a_name_with_nul() -> None:
        given = company.connections
        parts = urlsplit(given["DIRECTORY_URL"])
        server = ldap3.Server(parts.hostname, parts.port, get_info=ldap3.NONE)
        with ldap3.Connection(server, given["DIRECTORY_BIND_DN"], given["DIRECTORY_PASSWORD"]) as connection:
            assert connection.modify(entry, {"cn": [(ldap3.MODIFY_ADD, [b"Isa\x00Lund"])]})

    await asyncio.to_thread(add_a_name_with_nul)
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        await the_account(connectors["ldap"], person)


async def _members(company: Company, group: str) -> Sequence[str]:
    def search() -> Sequence[str]:
        given = company.connections
        parts = urlsplit(given["DIRECTORY_URL"])
        server = ldap3.Server(parts.hostname, parts.port, get_info=ldap3.NONE)
        with ldap3.Connection(server, given["DIRECTORY_BIND_DN"], given["DIRECTORY_PASSWORD"]) as connection:
            connection.search(given["DIRECTORY_BASE_DN"], f"(cn={group})", attributes=["member"])
            return [value.decode() for value in connection.response[0]["raw_attributes"]["member"]]

    return await asyncio.to_thread(search)


async def test_the_deadline_holds_against_silence(company: Company) -> None:
    async with listening(silence) as port:
        connector = connect_to(company, "ldap", url=f"ldap://127.0.0.1:{port}")
        began = time.monotonic()
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await connector.find_accounts([Lookup("uid", "a")], deadline=0.3)
        assert time.monotonic() - began < 20
        assert raised.value.happened == "no"
        await connector.aclose()


async def test_a_change_does_not_leave_after_its_time(
    company: Company, connectors: dict[str, Connector], hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that is stopped just before it sends the change, and continues."""
    (person,) = await hire()
    account = await the_account(connectors["ldap"], person)
    clock, modify = JumpingClock(monkeypatch), ldap3.Connection.modify

    def stopped(connection: ldap3.Connection, dn: str, changes: object) -> bool:
        clock.passes()
        return bool(modify(connection, dn, changes))

    monkeypatch.setattr(ldap3.Connection, "modify", stopped)
    with pytest.raises(TryAgainError, match="deadline_over") as raised:
        await connectors["ldap"].attempt(Effect("lock_account", secrets.token_hex(8), account, deadline=30.0))
    assert raised.value.happened == "no"
    assert (await the_account(connectors["ldap"], person)).active is True


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
async def test_a_change_on_its_way_may_have_happened(
    how: str, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire()
    account = await the_account(connectors["ldap"], person)
    seen, never = asyncio.Event(), asyncio.Event()

    async def hold_the_lock(data: bytes) -> None:
        if b"000001010000Z" in data:
            seen.set()
            await never.wait()

    port_behind = urlsplit(company.connections["DIRECTORY_URL"]).port
    assert port_behind is not None
    async with listening(forwarded_to(port_behind, hold_the_lock)) as port:
        slow = connect_to(company, "ldap", url=f"ldap://127.0.0.1:{port}")
        deadline = 0.5 if how == "deadline" else 30.0
        effect = Effect("lock_account", secrets.token_hex(8), account, deadline=deadline)
        attempt = asyncio.create_task(slow.attempt(effect))
        await asyncio.wait_for(seen.wait(), 10)
        if how == "cancelled":
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
        else:
            with pytest.raises(TryAgainError, match="deadline_over") as raised:
                await attempt
            assert raised.value.happened == "unknown"
        await slow.aclose()
    assert (await connectors["ldap"].read_back(effect)).outcome == "not_done"


async def test_certificates_are_verified(company: Company, tmp_path: Path, hire: Hire) -> None:
    (person,) = await hire()
    authority, certificate = write_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    port_behind = urlsplit(company.connections["DIRECTORY_URL"]).port
    assert port_behind is not None
    for host, ca_file, trusted in (
        ("127.0.0.1", str(authority), True),
        ("127.0.0.1", "", False),
        ("127.0.0.2", str(authority), False),  # another name than the certificate's
    ):
        async with listening(forwarded_to(port_behind), tls, host) as port:
            settings = settings_for(company, "ldap") | {"url": f"ldaps://{host}:{port}", "ca_file": ca_file}
            connector = connect("ldap", settings, allowed_hosts=[host])
            try:
                if trusted:
                    assert await connector.find_accounts([STRONG_KEY["ldap"](person)])
                else:
                    with pytest.raises(ActionRequiredError, match="certificate_refused"):
                        await connector.find_accounts([STRONG_KEY["ldap"](person)])
            finally:
                await connector.aclose()


async def test_an_id_that_is_none_reaches_no_filter(connectors: dict[str, Connector]) -> None:
    with pytest.raises(RefusedError, match="invalid_id"):
        await connectors["ldap"].attempt(Effect("lock_account", "key", Account("*", "anybody")))


@pytest.mark.parametrize("url", ["ldaps://u:p@host", "host:636", "ldap://127.0.0.1/dc=x", "ldap://127.0.0.1:x"])
def test_an_address_of_another_form_is_refused(url: str, company: Company) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        connect("ldap", settings_for(company, "ldap") | {"url": url}, allowed_hosts=[*ALLOWED, "host"])


async def test_a_rehearsal_names_the_operations_and_changes_nothing(
    company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    connector = connectors["ldap"]
    assert isinstance(connector, Rehearses)
    (person,) = await hire()
    account = await the_account(connector, person)
    before = (await connector.read_back(Effect("snapshot_access", "key", account))).evidence
    lock = await connector.rehearse(Effect("lock_account", "key", account))
    leave = await connector.rehearse(Effect("remove_from_groups", "key", account))
    assert lock is not None and leave is not None
    assert [(one.method, one.path, one.operation_id) for one in lock.requests] == [
        ("MODIFY", "replace pwdAccountLockedTime", "modifyRequest")
    ]
    assert {(one.method, one.path) for one in leave.requests} <= {("MODIFY", "delete member")}
    assert len(leave.requests) == len(before["groups"]) > 0
    assert (await connector.read_back(Effect("snapshot_access", "key", account))).evidence == before
    assert await can_sign_in(company, person, account.label)
