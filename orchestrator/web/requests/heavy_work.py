"""Work that takes much processor time: reading the files of a packet, comparing two versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class HeavyWork:
    """One at a time in each web process, in a thread, so that other requests are answered meanwhile."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Returns what `function` returns, and raises what it raises."""
        async with self._turn:
            return await asyncio.to_thread(function, *args, **kwargs)
