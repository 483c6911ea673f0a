"""Temporal is away: what people decide stands, and what needs a worker says when to come again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio

from orchestrator.embedded.stack import Stack
from orchestrator.engine import Engine, EngineAddress
from tests.web.api.running import Leavers, gate_of, planned, refused, served, start, until, wanted
from tests.web.conftest import Program
from tests.web.visitor import api, token_of


class Line:
    """A connection to a server that goes through here, until it is cut."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.partition(":")
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(self._host, int(self._port))
        self._ends += [writer, to_there]
        for source, target in ((reader, to_there), (there, writer)):
            task = asyncio.create_task(self._copy(source, target))
            self._tasks.add(task)

    @staticmethod
    async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

    async def cut(self) -> None:
        self._server.close()
        for end in self._ends:
            end.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(*(end.wait_closed() for end in self._ends), return_exceptions=True)


@pytest_asyncio.fixture
async def alone(stack: Stack) -> AsyncIterator[str]:
    """Pages and API of a process that has lost its way to Temporal."""
    line = Line(stack.temporal.address)
    engine = await Engine.connect(EngineAddress(await line.open()))
    await line.cut()
    async with served(stack, engine=engine) as url:
        yield url


async def test_a_decision_stands_and_says_where_to_look(
    alone: str, stack: Stack, program: Program, leaver: Leavers
) -> None:
    hr = await program("hr")
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    async with api(alone, await token_of(stack.url, "it")) as it:
        answer = await it.post(f"/runs/{run_id}/gates/g-access-1/decision", json={"verdict": "approve"})
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/api/v1/runs/{run_id}" and answer.json()["carried_on"] is False
        run = (await it.get(answer.headers["location"].removeprefix("/api/v1"))).json()
        assert gate_of(run, "access")["state"] == "approved"


async def test_what_needs_a_worker_says_when_to_come_again_and_keeps_no_answer(
    alone: str, stack: Stack, leaver: Leavers
) -> None:
    person = await leaver()
    as_operator = api(alone, await token_of(stack.url, "operator"))
    async with api(alone, await token_of(stack.url, "hr")) as hr, as_operator as operator:
        key = {"Idempotency-Key": "once temporal is back"}
        answer = await hr.post("/runs", json=wanted(person), headers=key)
        refused(answer, 503, "engine_unavailable")
        assert answer.headers["retry-after"]
        refused(await hr.post("/ledger/verifications"), 503, "engine_unavailable")
        answer = await operator.post("/ledger/comparisons", json={})
        refused(answer, 503, "engine_unavailable")
        assert answer.json()["detail"] == "Temporal cannot be reached."
        health = (await hr.get("/health")).json()
        assert health["status"] == "ok"
        up = {part["part"]: part["up"] for part in health["parts"]}
        assert up == {"ledger": True, "temporal": False, "worker": None, "relay": True}
        ready = await hr.get("/readiness")
        assert ready.status_code == 200 and ready.json() == {"ready": True, "ledger": True, "temporal": False}
        async with api(stack.url, hr.headers["authorization"].removeprefix("Bearer ")) as again:
            back = await again.post("/runs", json=wanted(person), headers=key)
            assert back.status_code == 201 and "idempotency-replayed" not in back.headers
