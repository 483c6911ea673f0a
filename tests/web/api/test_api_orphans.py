"""Accounts without an owner: listed by a worker, for people who read the system; at API, page and terminal."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
import pytest

from activities.connections import Connections
from activities.inquiries.account_owners import AccountOwnersList, Hidden
from activities.inquiries.people import People
from connectors.errors import ActionRequiredError
from connectors.listing import PeopleListed
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.stack import Stack
from tests.web.api.running import PACKET, WITHIN, Leavers, refused
from tests.web.conftest import Program, Visit
from tests.web.pages.pressing import ParsedPage


async def listed(client: httpx.AsyncClient, system: str) -> Any:
    answer = await client.post(f"/systems/{system}/orphans", json={"packet": PACKET})
    assert answer.status_code in (200, 202), answer.text
    body, deadline = answer.json(), asyncio.get_running_loop().time() + WITHIN
    while "inquiry_id" in body and body.get("accounts") is None:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)
        body = (await client.get(f"/inquiries/{body['inquiry_id']}")).json()
    return body["accounts"] if "inquiry_id" in body else body


async def add_account(stack: Stack, user_name: str, external_id: str | None = None) -> None:
    """To the identity provider of the small company, beside those of its people."""
    known = stack.company.connections
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user_name, "active": True}
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {known['IDENTITY_TOKEN']}"}) as client:
        document = user | ({"externalId": external_id} if external_id is not None else {})
        answer = await client.post(f"{known['IDENTITY_URL']}/Users", json=document)
        assert answer.status_code == 201, answer.text


class NoOneWorksHere:
    """HR with a permission that covers no one who works here."""

    async def everyone(self, most: int, *, deadline: float) -> PeopleListed:
        return PeopleListed([])


async def test_a_list_of_hr_without_people_who_work_here_makes_no_account_an_orphan() -> None:
    lists = AccountOwnersList(cast(Connections, None), frozenset())
    with pytest.raises(ActionRequiredError) as refused:
        await lists.of(
            starter_packet("standard-leaver"),
            "identity",
            cast(People, NoOneWorksHere()),
            cast(Hidden, None),
            shows_people=True,
        )
    assert refused.value.code == "list_incomplete"


async def test_accounts_without_an_owner_are_listed_for_people_who_read_the_system(
    program: Program, leaver: Leavers, visit: Visit, stack: Stack
) -> None:
    person = await leaver()
    await add_account(stack, "nightly-build@wolkenmuehle.example")
    await add_account(stack, "old.colleague@wolkenmuehle.example", "E-0000-gone")
    auditor, operator = await program("auditor"), await program("operator")
    found = await listed(auditor, "identity")
    assert found["code"] == "", found["detail"]
    assert found["complete"] and found["counts"]["owned"] > 0
    orphans = {one["label"]: one for one in found["accounts"] if one["ownership"] == "orphan"}
    assert {"nightly-build@wolkenmuehle.example", "old.colleague@wolkenmuehle.example"} <= set(orphans)
    assert orphans["old.colleague@wolkenmuehle.example"]["attributes"]["externalId"] == "E-0000-gone"
    assert person.email not in str(found), "an account with an owner is not listed"
    assert all(one["ownership"] in ("left", "ambiguous", "orphan") for one in found["accounts"])
    again = await listed(operator, "identity")
    assert again["read_at"] == found["read_at"], "the same lists are not read twice within a minute"
    assert (await listed(auditor, "code"))["counts"]["owned"] > 0
    cards = await listed(operator, "cards")
    assert cards["code"] == "not_listed" and not cards["complete"], "a kind that cannot list accounts says so"

    finance = await program("finance")
    refused(await finance.post("/systems/identity/orphans", json={"packet": PACKET}), 403, "level_not_granted")
    refused(await auditor.post("/systems/nowhere/orphans", json={"packet": PACKET}), 404, "unknown_system")
    refused(await auditor.post("/systems/identity/orphans", json={"packet": "nothing"}), 422, "unknown_packet")

    reader = await visit("auditor")
    shown = ParsedPage((await reader.get("/systems")).text).text
    assert "Accounts without an owner on Identity provider" in shown
    assert "Accounts without an owner on Company cards" not in shown, "its kind lists no accounts"
    said = ParsedPage((await reader.submit(f"/systems/{PACKET}/identity/orphans", {})).text).text
    assert "Accounts without an owner" in said
    assert "nightly-build@wolkenmuehle.example" in said and "Orphan: of no person whom HR knows" in said
    others = await (await visit("finance")).get("/systems")
    assert "Accounts without an owner on Identity provider" not in ParsedPage(others.text).text
