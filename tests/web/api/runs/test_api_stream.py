"""A run as it happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.web.api.running import WITHIN, Leavers, planned, refused, start, until
from tests.web.conftest import Program


async def told(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """The events of a stream (WHATWG HTML, section 9.2.6), as far as this one uses the format."""
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if not line and "event" in event:
            yield event
        if not line:
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


async def test_a_stream_tells_what_happened_and_then_what_happens(program: Program, leaver: Leavers) -> None:
    hr, it, auditor = await program("hr"), await program("it"), await program("auditor")
    run_id = await start(hr, await leaver())
    run = await until(hr, run_id, planned)
    async with asyncio.timeout(WITHIN), auditor.stream("GET", f"/runs/{run_id}/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        events = told(answer)
        seen = [await anext(events) for _ in range(run["version"])]
        assert [int(event["id"]) for event in seen] == list(range(1, run["version"] + 1))
        assert seen[0]["event"] == "RunRequested" and json.loads(seen[0]["data"])["version"] == 1
        await it.post(f"/runs/{run_id}/gates/g-access-1/decision", json={"verdict": "approve"})
        while (event := await anext(events))["event"] != "GateVoted":
            pass
        assert json.loads(event["data"])["data"]["by"] == "it"


async def test_who_comes_again_goes_on_after_the_last_event_until_the_runs_end(
    program: Program, leaver: Leavers
) -> None:
    hr = await program("hr")
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    await hr.post(f"/runs/{run_id}/end", json={"reason": "They stay."})
    async with asyncio.timeout(WITHIN):
        seen = [event async for event in told_of(await streamed(hr, run_id, "2"))]
    assert int(seen[0]["id"]) == 3 and seen[-1]["event"] == "end"
    assert seen[-2]["event"] == "RunEnded" or "RunEnded" in [event["event"] for event in seen]
    refused(await hr.get(f"/runs/{run_id}/stream", headers={"Last-Event-ID": "x"}), 422, "invalid_request")


async def test_a_stream_ends_with_the_token_that_opened_it(program: Program, leaver: Leavers) -> None:
    hr, it, auditor = await program("hr"), await program("it"), await program("auditor")
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    [mine, *_] = [one for one in (await auditor.get("/tokens")).json()["tokens"] if one["works"]]
    async with asyncio.timeout(WITHIN), auditor.stream("GET", f"/runs/{run_id}/stream") as answer:
        events = told(answer)
        await anext(events)
        assert (await auditor.delete(f"/tokens/{mine['token_id']}")).status_code == 204
        await it.post(f"/runs/{run_id}/gates/g-access-1/decision", json={"verdict": "approve"})
        seen = [event["event"] async for event in events]
    assert "GateVoted" not in seen
    refused(await auditor.get("/me"), 401, "token_needed")


async def streamed(client: httpx.AsyncClient, run_id: str, after: str) -> httpx.Response:
    return await client.get(f"/runs/{run_id}/stream", headers={"Last-Event-ID": after})


async def told_of(answer: Any) -> AsyncIterator[dict[str, str]]:
    async for event in told(answer):
        yield event
