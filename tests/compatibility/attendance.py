"""What people do until a run has ended, by the API alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import httpx

from orchestrator.documents.document import Document
from tests.compatibility.people_at_work import LOOK_EVERY, MATCH_QUESTIONS, StaffAtWork, open_tasks, story

VOTERS: Mapping[str, tuple[str, ...]] = {"all": ("it", "finance"), "money": ("finance",)}
TOO_LATE = 409
"""What someone decided, or what ended by itself, a moment before."""


class Attendance:
    def __init__(self, staff: StaffAtWork) -> None:
        self._staff = staff

    async def attend(self, run_id: str, until: Callable[[Document], bool], deadline: float) -> Document:
        """Decides at gates, completes tasks, says whose accounts are and confirms that, accepts reviews. Fails with the
        run's steps."""
        loop = asyncio.get_running_loop()
        last = loop.time() + deadline
        while True:
            run = await self._staff.run(run_id)
            if until(run):
                return run
            assert loop.time() < last, f"{run_id} did not get there in {deadline:.0f} s\n{story(run)}"
            await self._act(run)
            await asyncio.sleep(LOOK_EVERY)

    async def _act(self, run: Document) -> None:
        path = f"/runs/{run['run_id']}"
        for gate in run["gates"]:
            voted = {vote["by"] for vote in gate["votes"]}
            for alias in VOTERS.get(gate["gate"], ("it",)):
                if gate["state"] == "open" and alias not in voted:
                    await self._do(alias, f"{path}/gates/{gate['gate_id']}/decision", {"verdict": "approve"})
        for task in open_tasks(run):
            done = {"outcome": "done", "note": "Done, and seen."}
            await self._do("operator", f"{path}/tasks/{task['task_id']}/completion", done)
        for exception in run["exceptions"]:
            if exception["state"] == "open" and exception["kind"] in MATCH_QUESTIONS:
                theirs = {"accounts": [exception["candidates"][0]["account_id"]], "reason": "Asked the manager."}
                await self._do("operator", f"{path}/systems/{exception['system']}/accounts", theirs)
            elif exception["state"] == "open" and exception["kind"] == "access_kept":
                exception_path = f"{path}/exceptions/{exception['exception_id']}/acceptance"
                await self._do("value-owner", exception_path, {"reason": "The other account is a colleague's."})
            elif exception["state"] == "open" and exception["kind"] == "urgent_review":
                accepted = {"reason": "It was right."}
                exception_path = f"{path}/exceptions/{exception['exception_id']}/acceptance"
                await self._do("safety-owner", exception_path, accepted)

    async def _do(self, alias: str, path: str, document: Document) -> None:
        answer: httpx.Response = await self._staff[alias].post(path, json=document)
        assert answer.is_success or answer.status_code == TOO_LATE, f"POST {path} as {alias}: {answer.text}"


async def sign_in(url: str, aliases: Mapping[str, str]) -> dict[str, str]:
    """New tokens, where the recorded ones are over."""
    tokens = {}
    async with httpx.AsyncClient(base_url=url, timeout=90, trust_env=False) as client:
        for alias in aliases:
            answer = await client.post("/api/v1/sign-in/local", json={"alias": alias})
            assert answer.status_code == 200, answer.text
            tokens[alias] = answer.json()["token"]
    return tokens
