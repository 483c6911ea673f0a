"""BambooHR's webhook wakes HR's feed: signed, in time, once. Its content starts nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.engine.hr_feeds import HrFeedRows
from tests.connectors.vendors.bamboohr.connected_bamboohr import connected_bamboohr
from tests.vendors.bamboohr.conftest import client_with_key
from tests.web.api.running import refused, served

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PACKET = "woken-feed"
BODY = json.dumps({"type": "employee.updated", "data": {"employeeId": "7"}}).encode()


@pytest_asyncio.fixture
async def door(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served(stack, bamboohr_webhook_key=KEY) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30) as client,
    ):
        yield client


@pytest_asyncio.fixture
async def feed(stack: Stack) -> HrFeedRows:
    """A feed that is not due for an hour."""
    rows = HrFeedRows(stack.backend.database, stack.backend.keyring)
    await rows.wake()
    await rows.claim(PACKET, timedelta(hours=1))
    return rows


async def is_due(rows: HrFeedRows) -> bool:
    return await rows.claim(PACKET, timedelta(hours=1))


def signed(body: bytes = BODY, at: str = "", key: str = KEY) -> dict[str, str]:
    at = at or str(int(time.time()))
    digest = hmac.new(key.encode(), body + at.encode(), hashlib.sha256).hexdigest()
    return {"X-BambooHR-Timestamp": at, "X-BambooHR-Signature": digest, "Content-Type": "application/json"}


async def test_a_change_that_bamboohr_posts_makes_the_feed_due(stack: Stack, feed: HrFeedRows) -> None:
    async with connected_bamboohr() as here, client_with_key(here.bamboo, here.seed.api_key) as client:
        webhook = {
            "name": "Offboard",
            "url": "https://offboard.example/api/v1/hooks/bamboohr",
            "format": "json",
            "monitorFields": ["employmentHistoryStatus", "hireDate"],
        }
        key = (await client.post("/webhooks", json=webhook)).json()["privateKey"]
        async with served(stack, bamboohr_webhook_key=key) as url:
            here.company.change(here.isa, mobilePhone="1")
            assert await here.bamboo.deliver(url) == [] and not await is_due(feed)
            here.company.terminate(here.isa, here.day(3))
            assert await here.bamboo.deliver(url) == [202]
    assert await is_due(feed)


@pytest.mark.parametrize("form", ["%s", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%dT%H:%M:%SZ"])
async def test_the_time_is_read_in_both_forms(door: httpx.AsyncClient, feed: HrFeedRows, form: str) -> None:
    now = datetime.now(UTC)
    at = str(int(now.timestamp())) if form == "%s" else now.strftime(form)
    answer = await door.post("/hooks/bamboohr", content=BODY, headers=signed(at=at))
    assert (answer.status_code, answer.json()) == (202, {"message": "BambooHR is read soon."})
    assert await is_due(feed)


async def test_an_overheard_request_wakes_nothing_a_second_time(door: httpx.AsyncClient, feed: HrFeedRows) -> None:
    headers = signed(BODY + b" ")
    assert (await door.post("/hooks/bamboohr", content=BODY + b" ", headers=headers)).status_code == 202
    assert await is_due(feed)
    headers["X-BambooHR-Signature"] = headers["X-BambooHR-Signature"].upper()
    assert (await door.post("/hooks/bamboohr", content=BODY + b" ", headers=headers)).status_code == 202
    assert not await is_due(feed)


async def test_what_is_not_signed_right_or_in_time_wakes_nothing(door: httpx.AsyncClient, feed: HrFeedRows) -> None:
    right = signed()
    for wrong in (
        {},
        right | {"X-BambooHR-Timestamp": str(int(time.time()) + 1)},
        right | {"X-BambooHR-Signature": "0" * 64},
        right | {"X-BambooHR-Signature": ""},
        signed(key="another-key-another-key-1"),
        signed(BODY + b" "),
        signed(at="soon"),
        signed(at="2026-11-30T10:00:00"),
        {"X-BambooHR-Signature": right["X-BambooHR-Signature"]},
    ):
        refused(await door.post("/hooks/bamboohr", content=BODY, headers=wrong), 401, "signature_does_not_match")
    for minutes in (-6, 6):
        at = str(int(time.time()) + 60 * minutes)
        refused(await door.post("/hooks/bamboohr", content=BODY, headers=signed(at=at)), 401, "out_of_time")
    assert not await is_due(feed)


async def test_without_a_key_there_is_no_such_address(stack: Stack) -> None:
    async with served(stack) as url, httpx.AsyncClient(base_url=f"{url}/api/v1") as client:
        refused(await client.post("/hooks/bamboohr", content=BODY, headers=signed()), 404, "unknown_address")


async def test_a_feed_that_is_woken_while_it_reads_stays_due(stack: Stack, feed: HrFeedRows) -> None:
    await feed.release(PACKET, timedelta(hours=1))
    assert not await is_due(feed)
    await feed.wake()
    await feed.release(PACKET, timedelta(hours=1))
    assert await is_due(feed)
