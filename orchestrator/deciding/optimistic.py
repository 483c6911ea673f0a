"""The optimistic loop: read, decide, append; begin again when another process appended first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from orchestrator.ledger.book.errors import VersionConflict

T = TypeVar("T")

MAX_ROUNDS = 200
"""Conflicts in a row after which the loop gives up: a stream this busy is a fault, not a crowd."""
BACKOFF_STEP_SECONDS, MAX_BACKOFF_SECONDS = 0.001, 0.05
"""The longest pause grows by the step with each lost round, up to the maximum."""


async def until_appended(attempt: Callable[[], Awaitable[T]]) -> T:
    """Calls `attempt`, which reads, decides and appends, until its append succeeds, and returns its result.

    `attempt` raises `VersionConflict` when a stream changed after it was read; anything else it raises ends the loop.
    Raises the last `VersionConflict` after `MAX_ROUNDS`.
    """
    for lost in range(MAX_ROUNDS):
        # Two processes that append to one stream in step would otherwise let the same one win every time.
        if lost:
            longest = min(BACKOFF_STEP_SECONDS * lost, MAX_BACKOFF_SECONDS)
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311  # not a secret
        try:
            return await attempt()
        except VersionConflict as conflict:
            last = conflict
    raise last
