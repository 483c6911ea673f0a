"""Heartbeats of activities that can take long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

HEARTBEAT_SECONDS = 3.0  # between two heartbeats


@asynccontextmanager
async def heartbeats(every: float = HEARTBEAT_SECONDS) -> AsyncIterator[None]:
    """Tells the engine that this worker lives, so that what it does is begun elsewhere soon after it died. What ends
    quickly says nothing and pays nothing."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
