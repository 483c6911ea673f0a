"""What AI assistants request is on the record before it is answered, and a stopped one is refused from then on."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from orchestrator.deciding import assistant_calls
from orchestrator.domain import events as e
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.book.errors import LedgerUnavailable
from tests.web.api.running import refused
from tests.web.conftest import Program, Visit
from tests.web.visitor import api

HELPER = {"name": "Exception helper", "kind": "assistant", "roles": [], "up_to": "read", "lasts_days": 30}


async def helper(owner: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await owner.post("/tokens", json=HELPER | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def calls(owner: httpx.AsyncClient, token: dict[str, Any]) -> list[tuple[str, int | None, str | None]]:
    """The oldest first."""
    found = (await owner.get(f"/assistants/{token['actor_id']}/calls")).json()["calls"]
    return [(one["operation"], one["status"], one["code"]) for one in reversed(found)]


async def test_every_request_is_recorded_also_refused_ones(stack: Stack, program: Program) -> None:
    owner = await program("safety-owner")
    token = await helper(owner)
    run = "r" + "0" * 16
    async with api(stack.url, token["token"]) as assistant:
        assert (await assistant.get("/me")).status_code == 200
        assert (await assistant.get(f"/runs/{run}")).status_code == 404
        refused(await assistant.post("/ledger/comparisons", json={}), 403, "access_limited")
        assert (await assistant.get("/runs", params={"misspelled": "1"})).status_code == 422
        assert (await assistant.get("/runs/Nora%20Berg")).status_code == 404
    assert await calls(owner, token) == [
        ("GET /api/v1/me", 200, None),
        ("GET /api/v1/runs/{run_id}", 404, "unknown_run"),
        ("POST /api/v1/ledger/comparisons", 403, "access_limited"),
        ("GET /api/v1/runs", 422, "invalid_request"),
        ("GET /api/v1/runs/{run_id}", 404, "unknown_run"),
    ]
    day = await stack.backend.ledger.now()
    stream = e.assistant_stream(token["actor_id"], day.date())
    recorded = (await stack.backend.ledger.read({stream: 0})).events[stream]
    named = [one.event.run_id for one in recorded if isinstance(one.event, e.AssistantCalled)]
    assert named == [None, run, None, None, None], "an address is recorded only where it is the ID of a run"
    listed = (await owner.get("/assistants")).json()["assistants"]
    [shown] = [one for one in listed if one["actor_id"] == token["actor_id"]]
    assert (shown["calls_today"], shown["refused_today"], shown["stopped"]) == (5, 4, False)


async def test_what_cannot_be_recorded_is_not_answered(
    stack: Stack, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await helper(await program("safety-owner"))

    async def unavailable(*_: object) -> None:
        raise LedgerUnavailable("PostgreSQL", "it does not answer")

    async with api(stack.url, token["token"]) as assistant:
        with monkeypatch.context() as patch:
            patch.setattr(assistant_calls.AssistantCalls, "record", unavailable)
            answer = await assistant.get("/me")
            refused(answer, 503, "ledger_unavailable")
            assert "actor_id" not in answer.text
        assert (await assistant.get("/me")).status_code == 200


async def test_people_and_services_are_not_recorded_by_request(stack: Stack, program: Program) -> None:
    owner = await program("safety-owner")
    service = await helper(owner, kind="service")
    async with api(stack.url, service["token"]) as client:
        assert (await client.get("/me")).status_code == 200
    day = (await stack.backend.ledger.now()).date()
    streams = [e.assistant_stream(account, day) for account in (service["actor_id"], "safety-owner")]
    page = await stack.backend.ledger.read(dict.fromkeys(streams, 0))
    assert not any(page.events.values())
    refused(await owner.get(f"/assistants/{service['actor_id']}/calls"), 404, "unknown_assistant")
    refused(await owner.post(f"/assistants/{service['actor_id']}/stop"), 404, "unknown_assistant")


async def test_a_stopped_assistant_is_refused_until_a_safety_owner_resumes_it(stack: Stack, program: Program) -> None:
    owner, value = await program("safety-owner"), await program("value-owner")
    token = await helper(owner)
    at = f"/assistants/{token['actor_id']}"
    async with api(stack.url, token["token"]) as assistant:
        assert (await assistant.get("/me")).status_code == 200
        for who in ("hr", "it", "operator", "auditor"):
            refused(await (await program(who)).post(f"{at}/stop"), 403, "not_an_owner")
        assert (await value.post(f"{at}/stop", json={"reason": "It reads too much."})).json()["changed"]
        assert not (await owner.post(f"{at}/stop")).json()["changed"]
        refused(await assistant.get("/me"), 403, "assistant_stopped")
        refused(await assistant.post(f"{at}/resume"), 403, "assistant_stopped")
        refused(await value.post(f"{at}/resume"), 403, "not_an_owner")
        resumed = (await owner.post(f"{at}/resume")).json()
        assert resumed == {"actor_id": token["actor_id"], "stopped": False, "changed": True}
        assert (await assistant.get("/me")).status_code == 200
    assert [code for _, _, code in await calls(owner, token)] == [None, "assistant_stopped", "assistant_stopped", None]


async def test_all_are_stopped_at_once_also_new_ones(stack: Stack, program: Program) -> None:
    owner, value = await program("safety-owner"), await program("value-owner")
    token, other = await helper(owner), await helper(owner)
    assert (await owner.post(f"/assistants/{other['actor_id']}/stop")).json()["changed"]
    try:
        refused(await (await program("hr")).post("/assistants/stop"), 403, "not_an_owner")
        assert (await value.post("/assistants/stop")).json()["changed"]
        later = await helper(owner)
        for one in (token, later):
            async with api(stack.url, one["token"]) as assistant:
                refused(await assistant.get("/me"), 403, "assistant_stopped")
        assert (await owner.get("/assistants")).json()["all_stopped"]
        assert (await (await program("hr")).get("/me")).status_code == 200
    finally:
        refused(await value.post("/assistants/resume"), 403, "not_an_owner")
        assert (await owner.post("/assistants/resume")).json()["changed"]
    async with api(stack.url, token["token"]) as assistant, api(stack.url, other["token"]) as stopped_alone:
        assert (await assistant.get("/me")).status_code == 200
        refused(await stopped_alone.get("/me"), 403, "assistant_stopped")


async def test_so_many_requests_a_minute_and_the_rest_is_one_event(
    stack: Stack, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant_calls, "MAX_CALLS_A_MINUTE", 5)
    owner = await program("safety-owner")
    token = await helper(owner)
    async with api(stack.url, token["token"]) as assistant:
        answers = [await assistant.get("/me") for _ in range(9)]
        answers += await asyncio.gather(*(assistant.get("/me") for _ in range(9)))
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 13
    refused(answers[-1], 429, "assistant_limited")
    assert int(answers[-1].headers["retry-after"]) > 1
    assert await calls(owner, token) == [("GET /api/v1/me", 200, None)] * 5 + [("", None, "assistant_limited")]


async def test_the_page_shows_what_it_requested_and_stops_it(stack: Stack, program: Program, visit: Visit) -> None:
    owner = await program("safety-owner")
    token = await helper(owner, name="Shown on the page")
    async with api(stack.url, token["token"]) as assistant:
        await assistant.get("/runs")
    page = await visit("safety-owner")
    csrf = await page.csrf()
    assert "Shown on the page" in (await page.get("/assistants")).text
    shown = (await page.get(f"/assistants/{token['actor_id']}")).text
    assert "GET /api/v1/runs" in shown and "Shown on the page" in shown
    hr = await visit("hr")
    assert "Shown on the page" not in (await hr.get("/assistants")).text
    assert (await hr.get(f"/assistants/{token['actor_id']}")).status_code == 404
    await page.post("/assistants/stop", data={"csrf": csrf, "account": token["actor_id"], "reason": "No longer needed"})
    async with api(stack.url, token["token"]) as assistant:
        refused(await assistant.get("/runs"), 403, "assistant_stopped")
    await page.post("/assistants/resume", data={"csrf": csrf, "account": token["actor_id"]})
    async with api(stack.url, token["token"]) as assistant:
        assert (await assistant.get("/runs")).status_code == 200
