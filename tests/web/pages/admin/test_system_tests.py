"""Testing a system from its page and over the API: what is shown, to whom, and what is kept."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any

import httpx

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.engine import inquiries
from orchestrator.ledger.engine.system_tests import last_system_tests
from tests.web.api.running import PACKET, Leavers
from tests.web.conftest import Program, Visit


async def result_of(client: httpx.AsyncClient, system: str, person: str | None = None) -> dict[str, Any]:
    asked = await client.post(f"/systems/{system}/test", json={"packet": PACKET, "person": person})
    assert asked.status_code == 202, asked.text
    for _ in range(300):
        answer = await client.get(f"/inquiries/{asked.json()['inquiry_id']}")
        if answer.status_code != 200 or answer.json()["state"] == "answered":
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()["system_test"]
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("no worker answered")


def outcomes(found: dict[str, Any]) -> dict[str, str]:
    return {part["part"]: part["outcome"] for part in found["parts"]}


async def test_a_system_is_tested_with_a_person_and_only_the_asker_sees_the_account(
    stack: Stack, program: Program, leaver: Leavers
) -> None:
    operator, person = await program("operator"), await leaver()
    found = await result_of(operator, "identity", person.email)
    assert outcomes(found) == {
        "settings": "passed",
        "dns": "passed",
        "tcp": "passed",
        "credential": "passed",
        "permissions": "passed",
        "person": "passed",
        "requests": "passed",
    }
    assert found["ok"] and len(found["accounts"]) == 1
    assert "employee number" in {part["part"]: part for part in found["parts"]}["person"]["said"], "HR knows it"
    steps = {one["step"]: one for one in found["abilities"]}
    changes = [one["path"] for one in steps["disable_identity"]["requests"] if one["changes"]]
    assert changes == ["/Users/{id}"]
    assert await changed(stack, person) == [], "nothing was changed"
    kept = await operator.get("/systems/identity/test", params={"packet": PACKET})
    assert kept.status_code == 200 and kept.json()["finished_at"]
    assert kept.json()["result"]["parts"] == found["parts"] and kept.json()["result"]["accounts"] == []
    row = (await last_system_tests(stack.backend.database, PACKET))["identity"]
    for personal in (person.email, person.employee_number, person.family_name, *found["accounts"]):
        assert personal not in row.result
    auditor = await program("auditor")
    assert (await auditor.get("/systems/identity/test", params={"packet": PACKET})).status_code == 403
    assert (await auditor.post("/systems/identity/test", json={"packet": PACKET})).status_code == 403
    unknown = await operator.get("/systems/moon/test", params={"packet": PACKET})
    assert unknown.status_code in (404, 422)


async def changed(stack: Stack, person: Employee) -> list[dict[str, Any]]:
    """Of the person's account at the identity provider: runs of other tests may still change other accounts."""
    known = stack.company.connections
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {known['IDENTITY_TOKEN']}"}) as client:
        query = {"filter": f'userName eq "{person.email}"'}
        [account] = (await client.get(f"{known['IDENTITY_URL']}/Users", params=query)).json()["Resources"]
    return [one for one in await stack.company.effects("identity") if one["target"] == account["id"]]


async def test_ldap_operations_are_named_and_an_unknown_person_is_refused(
    stack: Stack, program: Program, leaver: Leavers
) -> None:
    operator = await program("operator")
    if stack.company.connections.get("DIRECTORY_URL"):
        found = await result_of(operator, "directory", (await leaver()).employee_number)
        lock = {one["ability"]: one for one in found["abilities"]}["lock_account"]
        assert [(one["method"], one["path"]) for one in lock["requests"]] == [
            ("MODIFY", "replace pwdAccountLockedTime")
        ]
    asked = await operator.post("/systems/identity/test", json={"packet": PACKET, "person": "no.one@nowhere.example"})
    for _ in range(300):
        answer = await operator.get(f"/inquiries/{asked.json()['inquiry_id']}")
        if answer.status_code != 200:
            break
        await asyncio.sleep(0.1)
    assert answer.json()["code"] == "unknown_person"


async def test_a_system_that_does_not_answer_says_why_and_without_a_person_nothing_is_looked_up(
    stack: Stack, program: Program
) -> None:
    operator = await program("operator")
    without = await result_of(operator, "code")
    assert outcomes(without)["person"] == "skipped" and without["ok"] and not without["abilities"]
    await stack.company.stop("code")
    try:
        found = await result_of(operator, "code")
    finally:
        await stack.company.restart()
    assert not found["ok"] and outcomes(found)["tcp"] == "failed" and outcomes(found)["credential"] == "skipped"
    assert await reachable(operator) is False, "a test counts as a check"
    await result_of(operator, "code")
    assert await reachable(operator) is True


async def reachable(operator: httpx.AsyncClient) -> bool | None:
    listed = (await operator.get("/systems", params={"packet": PACKET})).json()["systems"]
    found: bool | None = {one["system"]: one["reachable"] for one in listed}["code"]
    return found


async def test_the_page_runs_a_test_and_keeps_its_result(visit: Visit, leaver: Leavers) -> None:
    person = await leaver()
    operator = await visit("operator")
    systems = await operator.get("/systems")
    assert f'href="/systems/{PACKET}/identity/test"' in systems.text
    page = await operator.submit(f"/systems/{PACKET}/identity/test", {"person": person.email})
    for _ in range(60):
        waits = re.search(r'http-equiv="refresh" content="1; url=([^"]+)"', page.text)
        if waits is None:
            break
        page = await operator.get(html.unescape(waits[1]))
    text = html.unescape(page.text)
    assert "one account, matched by" in text and "/Users/{id}" in text and "would change something" in text
    assert "<h3>Disable the sign-in account " in text and "<h3>disable_identity" not in text
    kept = html.unescape((await operator.get(f"/systems/{PACKET}/identity/test")).text)
    assert "one account, matched by" in kept and person.email not in kept and " by " in kept
    auditor = await visit("auditor")
    assert (await auditor.get(f"/systems/{PACKET}/identity/test")).status_code == 403
    assert f'href="/systems/{PACKET}/identity/test"' not in (await auditor.get("/systems")).text
    refused = await auditor.submit(f"/systems/{PACKET}/identity/test", {"person": person.email})
    assert refused.status_code == 403


async def test_an_account_requests_a_limited_number_of_tests(program: Program, monkeypatch: Any) -> None:
    monkeypatch.setattr(inquiries, "MAX_SYSTEM_TESTS", 0)
    finance = await program("operator")
    limited = await finance.post("/systems/code/test", json={"packet": PACKET})
    assert limited.status_code == 429 and "tests of systems" in limited.json()["detail"]
