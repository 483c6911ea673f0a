"""Heartbeats of activities that can take long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

from orchestrator.background import BackgroundTask

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
