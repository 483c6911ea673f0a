"""A process of which a background task has died takes no more requests, since it is about to end."""

from __future__ import annotations

import asyncio

import httpx

from orchestrator.backend import engine_address, open_backend
from orchestrator.background import BackgroundTask
from orchestrator.commands import Services
from orchestrator.embedded.stack import Stack
from orchestrator.engine import Engine
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from tests.web.api.running import WITHIN


async def dies() -> None:
    raise ZeroDivisionError("a name")


async def test_a_process_is_not_ready_after_the_death_of_a_background_task(stack: Stack) -> None:
    """In an event loop of its own: the tasks of another loop are another process's."""

    async def scenario() -> list[tuple[int, object]]:
        on, seen = listening("127.0.0.1", 0), []
        url = f"http://127.0.0.1:{on.getsockname()[1]}"
        engine = await Engine.connect(engine_address(stack.settings))
        async with (
            open_backend(stack.settings, abilities={}) as backend,
            serving(
                WebSettings(public_url=url),
                Services(backend.runs, backend.keyring, engine),
                engine,
                backend.database,
                on,
            ),
            httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=WITHIN) as client,
        ):

            async def look() -> None:
                answer = await client.get("/readiness")
                seen.append((answer.status_code, answer.json()))

            await look()
            task = BackgroundTask(dies(), "a task")
            async with asyncio.timeout(WITHIN):
                while not task.done:
                    await asyncio.sleep(0)
            await look()
            assert (await client.get("/health")).status_code == 200, "it responds until it ends"
        on.close()
        return seen

    before, after = await asyncio.to_thread(lambda: asyncio.run(scenario()))
    assert before == (200, {"ready": True, "ledger": True, "temporal": True})
    assert after == (503, {"ready": False, "ledger": True, "temporal": True})
