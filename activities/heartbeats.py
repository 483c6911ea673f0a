"""Heartbeats of activities that can take long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from temporalio import activity

from orchestrator.background import BackgroundTask

R = TypeVar("R")

HEARTBEAT_SECONDS = 3.0  # between two heartbeats


@asynccontextmanager
async def heartbeats(every: float = HEARTBEAT_SECONDS) -> AsyncIterator[None]:
    """Reports to Temporal that this worker is alive, so that another worker repeats the activity soon after this one
    died. An activity that ends within the first interval sends no heartbeat."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            activity.heartbeat()

    beating = BackgroundTask(beat(), "heartbeats")
    try:
        yield
    finally:
        await beating.stop()


async def with_heartbeats(work: Coroutine[Any, Any, R]) -> R:
    """Sends heartbeats until `work` has ended. Where Temporal has given up the activity, since its heartbeats came too
    late or its workflow was terminated, `work` still comes to its end: otherwise a call in progress would stay without
    a result. Only a worker that shuts down cancels it."""
    async with heartbeats():
        task = asyncio.create_task(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not activity.is_worker_shutdown():
                await asyncio.wait([task])
            raise
        finally:
            task.cancel()
