"""A run through the API: started, looked at until it is as wanted, and seen to."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack
from orchestrator.embedded.staff import STAFF
from orchestrator.engine import Engine
from orchestrator.telemetry.telemetry import Telemetry
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember

Leavers = Callable[..., Awaitable[Employee]]

WITHIN = 30.0  # seconds
PACKET = "standard-leaver"
FUTURE, PAST = "2031-11-28T17:00", "2026-01-05T18:00"


def wanted(person: Employee, **more: Any) -> dict[str, Any]:
    return {"person": person.employee_number, "packet": PACKET, "cutoff": FUTURE, "zone": "Europe/Berlin"} | more


async def start(client: httpx.AsyncClient, person: Employee, **more: Any) -> str:
    answer = await client.post("/runs", json=wanted(person, **more))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/runs/{answer.json()['run_id']}"
    return str(answer.json()["run_id"])


async def until(client: httpx.AsyncClient, run_id: str, so: Callable[[Any], bool]) -> Any:
    """The run, as soon as it is as wanted."""
    deadline = asyncio.get_running_loop().time() + WITHIN
    while True:
        run = (await client.get(f"/runs/{run_id}")).json()
        if so(run):
            return run
        assert asyncio.get_running_loop().time() < deadline, json.dumps(run, indent=1)[:6000]
        await asyncio.sleep(0.1)


async def health_until(stack: Stack, so: Callable[[Any], bool]) -> Any:
    """`/api/v1/health` of the stack, as soon as it is as wanted."""
    deadline = asyncio.get_running_loop().time() + WITHIN
    async with httpx.AsyncClient(base_url=stack.url) as client:
        while True:
            health = (await client.get("/api/v1/health")).json()
            if health["systems"] is not None and so(health):
                return health
            assert asyncio.get_running_loop().time() < deadline, health
            await asyncio.sleep(0.2)


def planned(run: Any) -> bool:
    return bool(run["steps"])


def gate_of(run: Any, name: str) -> Any:
    return next(gate for gate in run["gates"] if gate["gate"] == name)


def task_open(run: Any) -> Any:
    return next((task for task in run["tasks"] if task["state"] == "open"), None)


def refused(answer: httpx.Response, status: int, code: str) -> Any:
    """The problem, which has the shape of RFC 9457."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code", "remedy"} <= problem.keys()
    assert (problem["status"], problem["code"]) == (status, code), problem
    assert problem["type"] == f"urn:offboard:problem:{code}"
    assert not re.search(r"--\w|\boffboard [a-z]", problem["remedy"]), "a remedy of the API names no command"
    return problem


@asynccontextmanager
async def served(
    stack: Stack,
    *,
    engine: Engine | None = None,
    members: Sequence[LocalMember] = (),
    watched: Telemetry | None = None,
    **settings: Any,
) -> AsyncIterator[str]:
    """Pages and API over the stack's ledger once more, with settings of their own; `engine` instead of the stack's,
    `members` who can sign in beside the staff, and `watched` for telemetry."""
    on = listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    local = [LocalMember(one.alias, one.employee_number, one.roles, one.duty) for one in STAFF]
    local += members
    services = replace(stack.services, engine=engine or stack.engine)
    web = WebSettings(public_url=url, **settings)
    try:
        async with serving(web, services, engine or stack.engine, stack.backend.database, on, local, watched):
            yield url
    finally:
        on.close()
