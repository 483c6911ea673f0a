"""A request with an `Idempotency-Key` whose process dies between the append and the kept answer. Repeated, it is
answered, and nothing is done a second time."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from orchestrator.domain import events as e
from orchestrator.embedded.stack import Stack, put_in_production
from tests.integration.installation import conninfo, environment_of
from tests.web.api.running import PAST, Leavers, served, start, until
from tests.web.requests.entry_points import packet_of
from tests.web.visitor import api, token_of

HOOK = {"url": "https://hooks.example.com/offboard", "types": ["run"], "packets": ["standard-leaver"]}
STARTED_WITHIN_SECONDS = 120.0


@dataclass(frozen=True)
class Dying:
    """The API at a process that outlives the one which is killed."""

    stack: Stack
    url: str

    async def token(self, alias: str) -> str:
        return await token_of(self.url, alias)

    async def get(self, alias: str, path: str, **query: str) -> Any:
        async with api(self.url, await self.token(alias)) as client:
            answer = await client.get(path, params=query)
            assert answer.status_code == 200, answer.text
            return answer.json()

    async def twice(self, alias: str, path: str, body: Any) -> httpx.Response:
        """The answer to a request that was sent to a process which died before it answered."""
        token, key = await self.token(alias), secrets.token_hex(8)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.web.killed_web"),
            env=environment_of(self.stack.settings),
            cwd=Path(__file__).parents[3],
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(STARTED_WITHIN_SECONDS):
                url = (await process.stdout.readline()).decode().strip()
            assert url, "the process did not start"
            async with api(url, token) as client:
                with pytest.raises(httpx.TransportError):
                    await client.post(path, json=body, headers={"Idempotency-Key": key})
            assert await process.wait() == -9
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        settings = self.stack.settings
        async with await psycopg.AsyncConnection.connect(conninfo(settings.database_url), autocommit=True) as raw:
            aged = (
                "UPDATE access.answers SET asked_at = asked_at - interval '3 minutes' WHERE key = %s AND status IS NULL"
            )
            assert (await raw.execute(aged, (key,))).rowcount == 1
        async with api(self.url, token) as client:
            answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
            again = await client.post(path, json=body, headers={"Idempotency-Key": key})
            assert again.headers["idempotency-replayed"] == "true", again.text
            return answer


@pytest_asyncio.fixture
async def dying(stack: Stack) -> AsyncIterator[Dying]:
    async with served(stack, webhook_hosts=("hooks.example.com",)) as url:
        yield Dying(stack, url)


async def closed_run(dying: Dying, leaver: Leavers) -> str:
    packet = packet_of("repeated", ("snapshot_code", "suspend_code"), at=None, gate=None)
    actors = (await dying.stack.services.runs.organisation()).actors
    await put_in_production(dying.stack.services, packet, actors["value-owner"], actors["safety-owner"])
    async with api(dying.url, await dying.token("hr")) as hr:
        run_id = await start(hr, await leaver(), packet="repeated", cutoff=PAST)
        await until(hr, run_id, lambda run: run["finished_at"] is not None)
    return run_id


async def types(dying: Dying, run_id: str) -> list[str]:
    events = (await dying.get("hr", f"/runs/{run_id}/events"))["events"]
    return [event["type"] for event in events]


async def test_a_comment_and_a_pause_are_recorded_once(dying: Dying, leaver: Leavers) -> None:
    async with api(dying.url, await dying.token("hr")) as hr:
        run_id = await start(hr, await leaver())
    paused = await dying.twice("operator", f"/runs/{run_id}/hold", {"reason": "A mistake?"})
    assert paused.status_code == 200 and paused.json()["events"] >= 1
    run = await dying.get("operator", f"/runs/{run_id}")
    [exception] = [one for one in run["exceptions"] if one["kind"] == "pause_unconfirmed"]
    path = f"/runs/{run_id}/exceptions/{exception['exception_id']}/comments"
    commented = await dying.twice("operator", path, {"text": "HR is asked."})
    assert commented.status_code == 200 and commented.json()["events"] == 1, commented.text
    found = await types(dying, run_id)
    assert (found.count("ExceptionCommented"), found.count("RunHeld")) == (1, 1)


async def test_a_replay_is_requested_once(dying: Dying, leaver: Leavers) -> None:
    run_id = await closed_run(dying, leaver)
    replayed = await dying.twice("operator", f"/runs/{run_id}/replay", {"reason": "To be sure"})
    assert replayed.status_code == 200, replayed.text
    assert (await types(dying, run_id)).count("ReplayRequested") == 1


async def test_a_restore_is_opened_once_and_answered_with_its_run(dying: Dying, leaver: Leavers) -> None:
    run_id = await closed_run(dying, leaver)
    restored = await dying.twice("hr", f"/runs/{run_id}/restore", {"reason": "They stay"})
    assert restored.status_code == 200 and restored.json()["events"] >= 1, restored.text
    assert (await dying.get("hr", f"/runs/{restored.json()['run_id']}"))["restores"] == run_id


async def test_a_token_is_made_once_and_works(dying: Dying) -> None:
    name = f"Helper {secrets.token_hex(4)}"
    asked = {"name": name, "kind": "assistant", "roles": [], "up_to": "prepare", "lasts_days": 2}
    made = await dying.twice("safety-owner", "/tokens", asked)
    assert made.status_code == 201, made.text
    listed = (await dying.get("safety-owner", "/tokens"))["tokens"]
    assert [one["token_id"] for one in listed if one["name"] == name] == [made.json()["token_id"]]
    async with api(dying.url, made.json()["token"]) as program:
        assert (await program.get("/me")).json()["actor_id"] == made.json()["actor_id"]
    known = (await dying.stack.services.runs.organisation()).programs
    assert made.json()["actor_id"] in known


async def test_a_webhook_is_added_once_with_a_secret(dying: Dying) -> None:
    before = {one["hook_id"] for one in (await dying.get("safety-owner", "/webhooks"))["webhooks"]}
    added = await dying.twice("safety-owner", "/webhooks", HOOK)
    assert added.status_code == 201 and added.json()["secret"].startswith("whsec_"), added.text
    after = {one["hook_id"] for one in (await dying.get("safety-owner", "/webhooks"))["webhooks"]}
    assert after - before == {added.json()["hook_id"]}
    page = await dying.stack.backend.ledger.read({e.ORGANISATION: 0})
    events = [one.event for one in page.events[e.ORGANISATION] if isinstance(one.event, e.WebhookAdded)]
    assert [one.hook_id for one in events].count(added.json()["hook_id"]) == 1
