"""HR's system reports leavers: signed, in time, once."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio
from standardwebhooks.webhooks import Webhook

from connectors.abilities import Account, Effect
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.smaller_packet import without_systems
from orchestrator.embedded.stack import Stack, put_in_production
from tests.ledger.small_office import renamed
from tests.web.api.running import PAST, Leavers, planned, refused, served, until, wanted
from tests.web.conftest import Program

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SENDER = Webhook(SECRET)


@pytest_asyncio.fixture
async def door(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served(stack, hr_webhook_secret=SECRET) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=90) as client,
    ):
        yield client


def signed(body: bytes, delivery: str, at: datetime | None = None) -> dict[str, str]:
    """As a sender of Standard Webhooks signs, by a library of theirs."""
    at = at or datetime.now(UTC)
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": SENDER.sign(delivery, at, body.decode()),
        "content-type": "application/json",
    }


def leaving(person: Any, **more: Any) -> bytes:
    return json.dumps(wanted(person, **more)).encode()


def delivery() -> str:
    return f"msg_{secrets.token_hex(8)}"


async def test_a_report_of_hr_starts_a_run_that_records_and_waits_for_people(
    door: httpx.AsyncClient, program: Program, leaver: Leavers
) -> None:
    auditor, body = await program("auditor"), leaving(await leaver())
    answer = await door.post("/hooks/hr", content=body, headers=signed(body, delivery()))
    assert answer.status_code == 201, answer.text
    run_id = answer.json()["run_id"]
    assert answer.headers["location"] == f"/api/v1/runs/{run_id}"
    run = await until(
        auditor,
        run_id,
        lambda run: (
            planned(run)
            and all(
                step["status"] == "verified"
                for step in run["steps"]
                if step["name"] in ("record_leaving", "snapshot_code")
            )
        ),
    )
    assert run["requested_by"] == "hr-webhook"
    assert {gate["state"] for gate in run["gates"]} == {"open"}


async def test_a_repeated_delivery_is_answered_alike_and_starts_nothing_twice(
    door: httpx.AsyncClient, program: Program, leaver: Leavers
) -> None:
    hr, person, id_ = await program("hr"), await leaver(), delivery()
    body = leaving(person)
    answers = await asyncio.gather(*(door.post("/hooks/hr", content=body, headers=signed(body, id_)) for _ in range(8)))
    made = [answer for answer in answers if answer.status_code == 201]
    assert made and len({answer.json()["run_id"] for answer in made}) == 1
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 409, "request_under_way")
    run_id = made[0].json()["run_id"]
    assert (await hr.post(f"/runs/{run_id}/end", json={"reason": "They stay."})).status_code == 200
    again = await door.post("/hooks/hr", content=body, headers=signed(body, id_))
    assert (again.status_code, again.json()) == (201, made[0].json())
    other = leaving(person, cutoff="2031-11-29T17:00")
    refused(await door.post("/hooks/hr", content=other, headers=signed(other, id_)), 422, "delivery_reused")
    known = [
        run["run_id"]
        for run in (await hr.get("/runs", params={"limit": 500})).json()["runs"]
        if (run["person"] or {}).get("employee_number") == person.employee_number
    ]
    assert known == [run_id]


async def test_what_is_not_signed_right_learns_only_that(door: httpx.AsyncClient, leaver: Leavers) -> None:
    body, id_ = leaving(await leaver()), delivery()
    right = signed(body, id_)
    said = set()
    for wrong in (
        {},
        right | {"webhook-id": delivery()},
        right | {"webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)},
        right | {"webhook-timestamp": "now"},
        right | {"webhook-signature": "v1,AAAA"},
        right | {"webhook-signature": right["webhook-signature"].replace("v1,", "v2,")},
        right | {"webhook-signature": ""},
    ):
        problem = refused(await door.post("/hooks/hr", content=body, headers=wrong), 401, "signature_does_not_match")
        said.add(json.dumps(problem))
    tampered = body.replace(b"2031", b"2026")
    said.add(
        json.dumps(
            refused(await door.post("/hooks/hr", content=tampered, headers=right), 401, "signature_does_not_match")
        )
    )
    assert len(said) == 1
    several = right | {"webhook-signature": f"v1,AAAA v2,BBBB {right['webhook-signature']}"}
    assert (await door.post("/hooks/hr", content=body, headers=several)).status_code == 201


async def test_a_delivery_counts_for_five_minutes(door: httpx.AsyncClient, leaver: Leavers) -> None:
    body, now = leaving(await leaver()), datetime.now(UTC)
    for at in (now - timedelta(minutes=6), now + timedelta(minutes=6)):
        refused(await door.post("/hooks/hr", content=body, headers=signed(body, delivery(), at)), 401, "out_of_time")
    inside = signed(body, delivery(), now - timedelta(minutes=4))
    assert (await door.post("/hooks/hr", content=body, headers=inside)).status_code == 201


async def test_a_signed_report_that_cannot_be_is_refused_like_any_request(
    door: httpx.AsyncClient, leaver: Leavers
) -> None:
    for body, status, code in (
        (b"{", 422, "invalid_request"),
        (b'"x"', 422, "invalid_request"),
        (leaving(await leaver(), cutoff="2031-03-30T02:30"), 422, "cutoff_in_gap"),
        (leaving(await leaver(), packet="nosuch"), 422, "unknown_packet"),
        (leaving(await leaver(), urgent=True), 422, "invalid_request"),
        (leaving(await leaver(), shadow=True), 422, "invalid_request"),
    ):
        refused(await door.post("/hooks/hr", content=body, headers=signed(body, delivery())), status, code)


async def test_without_a_secret_the_route_does_not_exist(stack: Stack, leaver: Leavers) -> None:
    body = leaving(await leaver())
    async with served(stack) as url, httpx.AsyncClient(base_url=f"{url}/api/v1") as client:
        refused(await client.post("/hooks/hr", content=body, headers=signed(body, delivery())), 404, "unknown_address")


async def test_a_late_report_removes_access_before_approval_only_if_hrs_record_has_it(
    stack: Stack, door: httpx.AsyncClient, program: Program, leaver: Leavers
) -> None:
    packet = renamed(without_systems(starter_packet("standard-leaver"), stack.company.missing), "late-report")
    known = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, known["value-owner"], known["safety-owner"])
    auditor = await program("auditor")
    for in_record in (False, True):
        person = await leaver()
        if in_record:
            people = stack.people(packet)
            hr_id = (await people.find(person.employee_number)).id
            at = {"at": "2026-01-05T17:00:00Z"}
            source: Any = await people._source()
            await source.attempt(Effect("record_leaving", delivery(), Account(hr_id, "", {}), at))
        body = leaving(person, packet=packet.name, cutoff=PAST)
        answer = await door.post("/hooks/hr", content=body, headers=signed(body, delivery()))
        assert answer.status_code == 201, answer.text
        run = (await auditor.get(f"/runs/{answer.json()['run_id']}")).json()
        assert run["urgent"] is in_record
