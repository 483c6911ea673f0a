"""Webhooks of the simulator of BambooHR: who may make them, what they send, and how it is signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest_asyncio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from orchestrator.embedded.vendors.serving import served
from tests.vendors.bamboohr.conftest import BambooFromOutside

FIELD_BASED = {
    "name": "Leavers", "url": "https://offboard.example/hooks/hr?source=bamboo", "format": "json",
    "monitorFields": ["employmentHistoryStatus", "hireDate"],
    "postFields": {"employeeNumber": "Number", "terminationDate": "Last day"}, "includeCompanyDomain": True,
}  # fmt: skip
EVENT_BASED = {
    "name": "Events", "url": "https://offboard.example/events", "format": "form-encoded",
    "monitorFields": ["employmentHistoryStatus"], "events": ["employee.updated", "employee.created"],
}  # fmt: skip


class BambooReceiver:
    """Takes deliveries at `url`, and answers each with `status`."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.taken: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.taken.append((str(request.url), dict(request.headers), await request.body()))
        await Response(status_code=self.status)(scope, receive, send)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[BambooReceiver]:
    taking = BambooReceiver()
    async with served(taking) as taking.url:
        yield taking


async def made(here: BambooFromOutside, document: dict[str, Any]) -> dict[str, Any]:
    response = await here.client.post("/webhooks", json=document)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def test_a_change_of_a_monitored_field_is_posted_signed(
    here: BambooFromOutside, receiver: BambooReceiver
) -> None:
    webhook = await made(here, FIELD_BASED)
    here.bamboo.state.change(here.isa, mobilePhone="1")
    here.bamboo.state.terminate(here.isa, here.day(-2))
    assert await here.bamboo.deliver(receiver.url) == [200]
    assert await here.bamboo.deliver(receiver.url) == []
    ((url, headers, body),) = receiver.taken
    assert url.endswith("/hooks/hr?source=bamboo")
    (employee,) = json.loads(body)["employees"]
    assert (employee["id"], employee["action"]) == (here.isa.id, "Updated")
    assert employee["changedFields"] == ["Employment Status"]
    assert employee["fields"] == {"Number": "E-1", "Last day": here.day(-2)}
    signed = body + headers["x-bamboohr-timestamp"].encode()
    expected = hmac.new(webhook["privateKey"].encode(), signed, hashlib.sha256).hexdigest()
    assert (headers["x-bamboohr-signature"], headers["company-domain"]) == (expected, "corp")
    shown = (await here.client.get(f"/webhooks/{webhook['id']}")).json()
    assert "privateKey" not in shown
    assert shown["lastSent"] is not None


async def test_events_are_posted_as_a_form(here: BambooFromOutside, receiver: BambooReceiver) -> None:
    await made(here, EVENT_BASED)
    new = here.bamboo.state.hire(firstName="New", lastName="One")
    here.bamboo.state.terminate(new, here.day(9))
    here.bamboo.state.delete(new)
    assert await here.bamboo.deliver(receiver.url) == [200, 200]
    first, second = (parse_qs(body.decode()) for _, _, body in receiver.taken)
    assert (first["type"], first["data[employeeId]"]) == (["employee.created"], [new.id])
    assert (second["type"], second["data[changedFields][0]"]) == (["employee.updated"], ["employmentHistoryStatus"])


async def test_a_broken_receiver_is_tried_again_and_a_refusal_is_not(
    here: BambooFromOutside, receiver: BambooReceiver
) -> None:
    await made(here, FIELD_BASED)
    here.bamboo.state.terminate(here.isa, here.day(1))
    receiver.status = 503
    assert await here.bamboo.deliver(receiver.url) == [503]
    assert await here.bamboo.deliver(receiver.url) == []
    for minutes in (5, 10, 20, 40, 80):
        here.bamboo.advance(minutes=minutes)
        assert await here.bamboo.deliver(receiver.url) == [503]
    here.bamboo.advance(days=1)
    assert await here.bamboo.deliver(receiver.url) == []
    here.bamboo.state.take_back_termination(here.isa)
    receiver.status = 400
    assert await here.bamboo.deliver(receiver.url) == [400]
    here.bamboo.advance(days=1)
    assert await here.bamboo.deliver(receiver.url) == []


async def test_a_webhook_has_the_access_of_its_user_and_ends_with_them(
    here: BambooFromOutside, receiver: BambooReceiver
) -> None:
    weak = here.bamboo.state.new_user("weak@corp.example", None, "employmentHistoryStatus")
    async with here.as_user(weak) as client:
        refused = await client.post("/webhooks", json=FIELD_BASED)
        (fault,) = refused.json()["errors"]
        assert (refused.status_code, [one["id"] for one in fault["monitorFields"]]) == (
            403,
            ["employmentHistoryStatus"],
        )
        assert [one["id"] for one in fault["postFields"]] == ["terminationDate"]
        mine = (
            await client.post("/webhooks", json={**FIELD_BASED, "monitorFields": ["hireDate"], "postFields": {}})
        ).json()
        other = await made(here, FIELD_BASED)
        assert (await client.get(f"/webhooks/{other['id']}")).status_code == 403
        assert [one["id"] for one in (await client.get("/webhooks")).json()["webhooks"]] == [mine["id"]]
    weak.sees = {here.kim.id}
    here.bamboo.state.rehire(here.isa, here.day(-1))
    assert await here.bamboo.deliver(receiver.url) == [200]
    here.bamboo.state.rehire(here.kim, here.day(-1))
    here.seed.reader.enabled = False
    assert await here.bamboo.deliver(receiver.url) == [200]
    weak.hidden.add("hireDate")
    here.bamboo.state.rehire(here.kim, here.day(0))
    assert await here.bamboo.deliver(receiver.url) == []


async def test_a_webhook_is_refused_and_deleted(here: BambooFromOutside) -> None:
    for changed, error in (
        ({"url": "http://offboard.example"}, "The url must begin with https://"),
        ({"monitorFields": []}, "monitorFields is required"),
        ({"events": ["employee.created", "employee_with_fields.deleted"]}, "Events of both kinds cannot be mixed"),
    ):
        response = await here.client.post("/webhooks", json={**FIELD_BASED, **changed})
        assert (response.status_code, response.json()["errors"][0]["error"]) == (400, error)
    unknown = await here.client.post("/webhooks", json={**FIELD_BASED, "monitorFields": ["shoeSize"]})
    assert unknown.json()["errors"][0]["unknownFields"] == [{"id": "shoeSize", "name": "shoeSize"}]
    path = f"/webhooks/{(await made(here, FIELD_BASED))['id']}"
    assert (await here.client.delete(path)).text == "Web hook has been deleted."
    assert (await here.client.get(path)).status_code == 404
    assert [one.kind for one in here.bamboo.state.effects] == ["webhook_created", "webhook_deleted"]
