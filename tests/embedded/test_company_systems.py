"""Every system of the company answers, counts what was done, and misbehaves on request."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import httpx
import ldap3
import pytest

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.directory import user_dn
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.company.population import hr_id, password_of

if TYPE_CHECKING:
    from tests.conftest import Hire

PREFIXES = {"hr": "HR", "identity": "IDENTITY", "code": "CODE", "cards": "CARDS", "mail": "MAIL_ADMIN"}


async def ask(
    company: Company, system: str, method: str, path: str, *, key: str | None = None, **more: Any
) -> httpx.Response:
    prefix = PREFIXES[system]
    headers = {"Authorization": f"Bearer {company.connections[f'{prefix}_TOKEN']}"}
    if key is not None:
        headers["Idempotency-Key" if system == "cards" else "Effect-Key"] = key
    async with httpx.AsyncClient(timeout=90, trust_env=False) as client:
        return await client.request(method, company.connections[f"{prefix}_URL"] + path, headers=headers, **more)


async def the_code_account(company: Company, person: Employee) -> dict[str, Any]:
    found = (await ask(company, "code", "GET", "/accounts", params={"email": person.email})).json()["accounts"]
    assert len(found) == 1
    account: dict[str, Any] = found[0]
    return account


READS = {"hr": "/people", "identity": "/Users", "code": "/accounts", "cards": "/cards", "mail": "/mailboxes/nobody"}


@pytest.mark.parametrize("system", PREFIXES)
async def test_no_one_gets_in_without_the_token(company: Company, system: str) -> None:
    url = company.connections[f"{PREFIXES[system]}_URL"] + READS[system]
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 401
        assert (await client.get(url, headers={"Authorization": "Bearer wrong"})).status_code == 401
    assert (await ask(company, system, "GET", READS[system])).status_code in (200, 404)


async def test_hr_finds_people_and_books_every_final_payment(company: Company, hire: Hire) -> None:
    [person] = await hire()
    by_mail = (await ask(company, "hr", "GET", "/people", params={"email": person.email.upper()})).json()["people"]
    assert [found["employee_number"] for found in by_mail] == [person.employee_number]
    prefix = (await ask(company, "hr", "GET", "/people", params={"email": person.email[:-1]})).json()["people"]
    assert prefix == []
    path = f"/people/{hr_id(person.employee_number)}"
    for _ in range(2):
        left = await ask(company, "hr", "POST", f"{path}/leaving", key="l", json={"at": "2026-12-01T17:00:00+01:00"})
        assert left.json()["status"] == "leaving"
    for key in ("pay-1", "pay-1"):
        assert (await ask(company, "hr", "POST", f"{path}/final-pay", key=key, json={})).json()[
            "payroll"
        ] == "final_pay"
    payments = (await ask(company, "hr", "GET", f"{path}/final-payments")).json()["payments"]
    assert [payment["key"] for payment in payments] == ["pay-1", "pay-1"]
    assert [effect["action"] for effect in await company.effects("hr")] == [
        "POST /people/{id}/leaving",
        "POST /people/{id}/final-pay",
        "POST /people/{id}/final-pay",
    ]
    assert (await ask(company, "hr", "POST", f"{path}/leaving", json={"at": "2026-12-01T17:00"})).status_code == 422


async def test_hr_pages(company: Company) -> None:
    seen: list[str] = []
    cursor, pages = None, 0
    while True:
        # Other tests hire hundreds of people in the same company.
        params = {"limit": str(max(5, len(company.people) // 8))} | ({"cursor": cursor} if cursor else {})
        page = (await ask(company, "hr", "GET", "/people", params=params)).json()
        seen += [person["id"] for person in page["people"]]
        cursor, pages = page["next"], pages + 1
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == len(company.people)
    assert pages >= 3


async def test_code_hosting_counts_only_what_changed(company: Company, hire: Hire) -> None:
    [person], [heir] = await hire(traits=["admin"]), await hire()
    account, other = await the_code_account(company, person), await the_code_account(company, heir)
    path = f"/accounts/{account['id']}"
    assert account["admin"] and account["tokens"] == 2
    for _ in range(2):
        suspended = await ask(company, "code", "POST", f"{path}/suspend", key="s")
        assert suspended.json()["state"] == "suspended"
    assert (await ask(company, "code", "DELETE", f"{path}/sessions")).json() == {"removed": 2}
    assert (await ask(company, "code", "DELETE", f"{path}/tokens")).json() == {"removed": 2}
    assert (await ask(company, "code", "DELETE", f"{path}/tokens")).json() == {"removed": 0}
    assert (await ask(company, "code", "POST", f"{path}/demote")).json()["admin"] is False
    moved = await ask(company, "code", "POST", f"{path}/repositories/transfer", json={"to": other["id"]})
    assert moved.json() == {"transferred": account["repositories"]}
    nobody = await ask(company, "code", "POST", f"{path}/repositories/transfer", json={"to": "acc-nobody"})
    assert nobody.status_code == 404
    effects = await company.effects("code")
    assert [effect["key"] for effect in effects] == ["s", None, None, None, None]
    assert {effect["target"] for effect in effects} == {account["id"]}


async def test_cards_honour_the_idempotency_key(company: Company, hire: Hire) -> None:
    [person] = await hire()
    params = {"employee_number": person.employee_number}
    [card] = (await ask(company, "cards", "GET", "/cards", params=params)).json()["cards"]
    path = f"/cards/{card['id']}"
    first = await ask(company, "cards", "POST", f"{path}/freeze", key="freeze-1")
    again = await ask(company, "cards", "POST", f"{path}/freeze", key="freeze-1")
    assert first.json() == again.json()
    for key in ("close-1", "close-1", None, None):
        assert (await ask(company, "cards", "POST", f"{path}/close", key=key)).json()["state"] == "closed"
    assert [effect["key"] for effect in await company.effects("cards")] == ["freeze-1", "close-1", None, None]
    assert (await ask(company, "cards", "POST", f"{path}/close", key="freeze-1")).status_code == 422
    assert (await ask(company, "cards", "POST", f"{path}/unfreeze", key="u")).status_code == 409


async def test_identity_counts_only_what_changed(company: Company, hire: Hire) -> None:
    [person] = await hire(department="Finance")
    query = {"filter": f'externalId eq "{person.employee_number}"'}
    [user] = (await ask(company, "identity", "GET", "/Users", params=query)).json()["Resources"]
    assert user["userName"] == person.email and user["active"]
    patch = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": False}],
    }
    for _ in range(2):
        done = await ask(company, "identity", "PATCH", f"/Users/{user['id']}", key="disable", json=patch)
        assert done.is_success
    assert (await ask(company, "identity", "GET", f"/Users/{user['id']}")).json()["active"] is False
    assert [(e["key"], e["action"], e["target"]) for e in await company.effects("identity")] == [
        ("disable", f"PATCH /v2/Users/{user['id']}", user["id"])
    ]
    groups = (
        await ask(company, "identity", "GET", "/Groups", params={"filter": f'members.value eq "{user["id"]}"'})
    ).json()["Resources"]
    assert {group["displayName"] for group in groups} == {"everyone", "department-finance", "payroll-admins"}


async def test_mailboxes_are_forwarded_and_licences_released(company: Company, hire: Hire) -> None:
    [person] = await hire()
    path = f"/mailboxes/{person.email.upper()}"
    assert (await ask(company, "mail", "GET", path)).json()["license"] is True
    for _ in range(2):
        document = {"forward_to": "successor@wolkenmuehle.example", "auto_reply": None, "license": False}
        assert (await ask(company, "mail", "PATCH", path, key="m", json=document)).json()["license"] is False
    assert [effect["key"] for effect in await company.effects("mail")] == ["m"]
    assert (await ask(company, "mail", "PATCH", path, json={"license": "no"})).status_code == 422


async def test_mail_arrives_over_starttls_and_not_with_a_wrong_password(company: Company) -> None:
    settings = company.connections
    message = EmailMessage()
    message["From"], message["To"] = "offboard@wolkenmuehle.example", "successor@wolkenmuehle.example"
    message["Subject"], message["Message-ID"] = "Þín bíður verk", "<effect-1@offboard>"
    message.set_content("Please look.")
    trust = ssl.create_default_context(cafile=settings["MAIL_CA_FILE"])
    with smtplib.SMTP(settings["MAIL_HOST"], int(settings["MAIL_PORT"]), timeout=90) as client:
        client.starttls(context=trust)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(settings["MAIL_USER"], "wrong")
    with smtplib.SMTP(settings["MAIL_HOST"], int(settings["MAIL_PORT"]), timeout=90) as client:
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.send_message(message)
        client.starttls(context=trust)
        client.login(settings["MAIL_USER"], settings["MAIL_PASSWORD"])
        client.send_message(message)
    kept = (await company.messages())[-1]
    assert (kept["id"], kept["subject"], kept["tls"]) == ("<effect-1@offboard>", "Þín bíður verk", True)
    over_http = (await ask(company, "mail", "GET", "/_company/messages")).json()["messages"]
    assert over_http[-1] == kept
    assert [effect["key"] for effect in await company.effects("mail")] == ["<effect-1@offboard>"]


@pytest.mark.usefixtures("needs_directory")
async def test_a_login_that_worked_is_refused_once_the_account_is_locked(company: Company, hire: Hire) -> None:
    [person] = await hire(traits=["admin"])
    settings = company.connections
    server = ldap3.Server(settings["DIRECTORY_URL"], connect_timeout=5)
    with ldap3.Connection(server, settings["DIRECTORY_BIND_DN"], settings["DIRECTORY_PASSWORD"]) as admin:
        admin.search(
            settings["DIRECTORY_BASE_DN"], f"(mail={person.email})", attributes=["memberOf", "entryUUID", "uid"]
        )
        [entry] = admin.entries
        assert entry.entry_dn == user_dn(str(entry.uid))
        assert "global-admins" in " ".join(entry.memberOf.values)
        assert may_sign_in(server, entry.entry_dn, password_of(person))
        assert not may_sign_in(server, entry.entry_dn, "wrong")
        lock = {"pwdAccountLockedTime": [(ldap3.MODIFY_REPLACE, ["000001010000Z"])]}
        assert admin.modify(entry.entry_dn, lock), admin.result
        assert not may_sign_in(server, entry.entry_dn, password_of(person))
        [effect] = await company.effects("directory")
        assert (effect["action"], effect["target"]) == ("modify", entry.entry_dn)
        assert effect["changes"] == ["replace pwdAccountLockedTime"]
        assert admin.modify(entry.memberOf.values[0], {"member": [(ldap3.MODIFY_DELETE, [entry.entry_dn])]})
        admin.search(entry.entry_dn, "(objectClass=*)", ldap3.BASE, attributes=["memberOf"])
        assert len(admin.entries[0].memberOf.values) == len(entry.memberOf.values) - 1
    with ldap3.Connection(server) as nobody:
        assert not nobody.search(settings["DIRECTORY_BASE_DN"], "(objectClass=*)")


def may_sign_in(server: ldap3.Server, dn: str, password: str) -> bool:
    connection = ldap3.Connection(server, dn, password)
    try:
        return bool(connection.bind())
    finally:
        connection.unbind()


@pytest.mark.usefixtures("needs_directory")
async def test_the_directory_knows_the_people_of_the_export_with_their_diacritics(company: Company) -> None:
    person = next(person for person in company.people if person.employee_number == "E-1015")
    settings = company.connections
    server = ldap3.Server(settings["DIRECTORY_URL"])
    with ldap3.Connection(server, settings["DIRECTORY_BIND_DN"], settings["DIRECTORY_PASSWORD"]) as admin:
        admin.search(settings["DIRECTORY_BASE_DN"], "(employeeNumber=E-1015)", attributes=["cn", "uid", "memberOf"])
        [entry] = admin.entries
    assert entry.cn.value == person.name
    assert entry.uid.value == "zivadinka.thorvaldsdottir"
    assert len(entry.memberOf.values) == 3


async def test_faults_of_every_mode(company: Company, hire: Hire) -> None:
    people = await hire(8)
    paths = [f"/accounts/{(await the_code_account(company, person))['id']}/suspend" for person in people]
    only: dict[str, Any] = {"method": "POST", "path": "/suspend$", "times": 1}

    await company.break_("code", "429", seconds=7, **only)
    busy = await ask(company, "code", "POST", paths[0])
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
    await company.break_("code", "503", seconds=3, **only)
    away = await ask(company, "code", "POST", paths[1])
    assert (away.status_code, away.headers["retry-after"]) == (503, "3")
    await company.break_("code", "fail", **only)
    assert (await ask(company, "code", "POST", paths[2])).status_code == 500
    await company.break_("code", "nonsense", **only)
    nonsense = await ask(company, "code", "POST", paths[3])
    assert nonsense.status_code == 200 and nonsense.text.startswith("<html>")
    await company.break_("code", "error_in_200", **only)
    assert (await ask(company, "code", "POST", paths[4])).json()["error"]["code"] == "locked"
    await company.break_("code", "oversized", **only)
    assert len((await ask(company, "code", "POST", paths[5])).content) > 4_000_000
    assert await company.effects("code") == []

    await company.break_("code", "lose_reply", **only)
    with pytest.raises(httpx.TransportError):
        await ask(company, "code", "POST", paths[6], key="lost")
    assert [effect["key"] for effect in await company.effects("code")] == ["lost"]
    await company.break_("code", "slow", seconds=0.3, **only)
    began = time.monotonic()
    assert (await ask(company, "code", "POST", paths[7])).status_code == 200
    assert time.monotonic() - began > 0.3

    await company.break_("code", "503")
    assert (await ask(company, "code", "GET", "/accounts")).status_code == 503
    await company.clear_faults("code")
    assert (await ask(company, "code", "GET", "/accounts")).status_code == 200
    with pytest.raises(ValueError, match="mode"):
        await company.break_("code", "explode")  # type: ignore[arg-type]


async def test_faults_and_effects_are_also_reached_over_the_systems_own_address(company: Company, hire: Hire) -> None:
    [person] = await hire()
    account = await the_code_account(company, person)
    fault = {"method": "*", "path": "^/accounts", "mode": "503", "times": None, "seconds": 1}
    assert (await ask(company, "code", "POST", "/_company/faults", json=fault)).status_code == 201
    assert (await ask(company, "code", "POST", f"/accounts/{account['id']}/suspend")).status_code == 503
    assert (await ask(company, "code", "DELETE", "/_company/faults")).status_code == 200
    await ask(company, "code", "POST", f"/accounts/{account['id']}/suspend", key="k")
    effects = (await ask(company, "code", "GET", "/_company/effects")).json()["effects"]
    assert effects[-1]["key"] == "k"


async def test_a_slow_request_that_was_given_up_is_done_when_the_faults_are_cleared(
    company: Company, hire: Hire
) -> None:
    [person] = await hire()
    account = await the_code_account(company, person)
    await company.break_("code", "slow", method="POST", seconds=600)
    async with httpx.AsyncClient(timeout=0.3, trust_env=False) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(
                f"{company.connections['CODE_URL']}/accounts/{account['id']}/suspend",
                headers={"Authorization": f"Bearer {company.connections['CODE_TOKEN']}"},
            )
    assert await company.effects("code") == []
    await company.clear_faults()
    assert [effect["target"] for effect in await company.effects("code")] == [account["id"]]


@pytest.mark.parametrize("system", PREFIXES)
async def test_an_outage_and_its_end(company: Company, system: str) -> None:
    await company.stop(system)
    with pytest.raises(httpx.ConnectError):
        await ask(company, system, "GET", READS[system])
    await company.restart(system)
    assert (await ask(company, system, "GET", READS[system])).status_code in (200, 404)


@pytest.mark.usefixtures("needs_directory")
async def test_an_outage_of_the_directory_keeps_what_was_done(company: Company, hire: Hire) -> None:
    [person] = await hire()
    settings = company.connections

    def lock_value() -> object:
        server = ldap3.Server(settings["DIRECTORY_URL"], connect_timeout=90)
        with ldap3.Connection(server, settings["DIRECTORY_BIND_DN"], settings["DIRECTORY_PASSWORD"]) as admin:
            admin.search(settings["DIRECTORY_BASE_DN"], f"(mail={person.email})", attributes=["pwdAccountLockedTime"])
            if not admin.entries[0].pwdAccountLockedTime:
                lock = {"pwdAccountLockedTime": [(ldap3.MODIFY_REPLACE, ["000001010000Z"])]}
                admin.modify(admin.entries[0].entry_dn, lock)
                return None
            return admin.entries[0].pwdAccountLockedTime.raw_values

    assert lock_value() is None
    await company.stop("directory")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(settings["DIRECTORY_URL"].rpartition(":")[2])), timeout=90)
    assert len(await company.effects("directory")) == 1
    await company.restart("directory")
    assert lock_value() == [b"000001010000Z"]
