"""Temporal is away: what people decide stands, and what needs a worker says when to come again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from orchestrator.embedded.stack import Stack
from orchestrator.engine import Engine
from tests.web.api.running import PACKET, Leavers, gate_of, planned, refused, served, start, until, wanted
from tests.web.conftest import Program
from tests.web.visitor import api, token_of


@pytest_asyncio.fixture
async def alone(stack: Stack) -> AsyncIterator[str]:
    """Pages and API of a process that cannot reach Temporal: nobody listens at the address it has."""
    client = await Client.connect("127.0.0.1:9", lazy=True, data_converter=pydantic_data_converter)
    async with served(stack, engine=Engine(client, "offboard", "none")) as url:
        yield url


async def test_a_decision_stands_and_says_where_to_look(alone: str, program: Program, leaver: Leavers) -> None:
    hr = await program("hr")
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    async with api(alone, await token_of(alone, "it")) as it:
        answer = await it.post(f"/runs/{run_id}/gates/g-access-1/decision", json={"verdict": "approve"})
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/api/v1/runs/{run_id}" and answer.json()["carried_on"] is False
        run = (await it.get(answer.headers["location"].removeprefix("/api/v1"))).json()
        assert gate_of(run, "access")["state"] == "approved"



async def test_what_needs_a_worker_says_when_to_come_again_and_keeps_no_answer(alone: str, leaver: Leavers) -> None:
    person = await leaver()
    async with api(alone, await token_of(alone, "hr")) as hr:
        key = {"Idempotency-Key": "once temporal is back"}
        for _ in range(2):
            answer = await hr.post("/runs", json=wanted(person), headers=key)
            refused(answer, 503, "engine_unavailable")
            assert answer.headers["retry-after"] and "idempotency-replayed" not in answer.headers
        for path, body in (
            ("/previews", wanted(person)),
            ("/people/search", {"packet": PACKET, "text": "mira"}),
            ("/systems/check", {"packet": PACKET}),
            ("/ledger/verifications", None),
        ):
            refused(await hr.post(path, json=body), 503, "engine_unavailable")
        ready = await hr.get("/readiness")
        assert ready.status_code == 200 and ready.json() == {"ready": True, "ledger": True, "temporal": False}
        assert (await hr.get("/health")).json() == {"status": "ok"}
