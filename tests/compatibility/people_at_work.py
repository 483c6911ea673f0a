"""The staff of the small company, each with a token of the API, and what they do until a run has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from orchestrator.documents.document import Document

LOOK_EVERY = 0.1  # seconds
MATCH_QUESTIONS = ("ambiguous_match", "weak_match", "no_account")


class StaffAtWork:
    """`staff["it"]` is a client of the API that acts as the identity lead."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient]) -> None:
        self._clients = clients

    def __getitem__(self, alias: str) -> httpx.AsyncClient:
        return self._clients[alias]

    async def get(self, alias: str, path: str) -> Any:
        answer = await self[alias].get(path)
        assert answer.is_success, f"GET {path} as {alias}: {answer.status_code} {answer.text}"
        return answer.json()

    async def post(self, alias: str, path: str, document: Document | None = None, **headers: str) -> Document:
        answer = await self[alias].post(path, json=document, headers=headers)
        assert answer.is_success, f"POST {path} as {alias}: {answer.status_code} {answer.text}"
        answered: Document = answer.json() if answer.content else {}
        return answered

    async def run(self, run_id: str, alias: str = "hr") -> Document:
        document: Document = await self.get(alias, f"/runs/{run_id}")
        return document

    async def wait(
        self, run_id: str, holds: Callable[[Document], bool], what: str, *, alias: str = "hr", deadline: float = 120
    ) -> Document:
        """The first answer about the run for which `holds`. Fails with the run's steps after `deadline` seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        while True:
            run = await self.run(run_id, alias)
            if holds(run):
                return run
            assert loop.time() < until, f"{run_id}: {what} did not come within {deadline:.0f} s\n{story(run)}"
            await asyncio.sleep(LOOK_EVERY)

    async def approve(self, run_id: str, *aliases: str, gates: Callable[[str], bool] = lambda name: True) -> None:
        for gate in (await self.run(run_id, aliases[0]))["gates"]:
            for alias in aliases if gate["state"] == "open" and gates(gate["gate"]) else ():
                await self.post(alias, f"/runs/{run_id}/gates/{gate['gate_id']}/decision", {"verdict": "approve"})


@asynccontextmanager
async def at_work(url: str, tokens: Mapping[str, str]) -> AsyncIterator[StaffAtWork]:
    async with AsyncExitStack() as stack:
        clients = {}
        for alias, token in tokens.items():
            client = httpx.AsyncClient(
                base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=90, trust_env=False
            )
            clients[alias] = await stack.enter_async_context(client)
        yield StaffAtWork(clients)


def has_open_gate(run: Document) -> bool:
    return any(gate["state"] == "open" for gate in run["gates"])


def open_kinds(run: Document) -> set[str]:
    return {exception["kind"] for exception in run["exceptions"] if exception["state"] == "open"}


def open_tasks(run: Document) -> list[Document]:
    return [task for task in run["tasks"] if task["state"] == "open"]


def is_finished(run: Document) -> bool:
    return run["finished_at"] is not None


def statuses(run: Document) -> dict[str, str]:
    return {step["name"]: step["status"] for step in run["steps"]}


def story(run: Document) -> str:
    steps = [f"  {s['name']}: {s['status']} {s['code']} waits for {s['waits_for']}" for s in run["steps"]]
    gates = [f"  gate {gate['gate_id']}: {gate['state']}, {len(gate['votes'])} votes" for gate in run["gates"]]
    return "\n".join([f"  {run['state']}", *steps, *gates, *(f"  open: {kind}" for kind in sorted(open_kinds(run)))])
