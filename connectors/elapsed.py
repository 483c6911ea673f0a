"""Seconds that have passed on this machine, also while the process was stopped, and the time-outs that count them.

The timers of asyncio expire late: they stand still while the machine sleeps, and a process that was stopped runs
them after the tasks that were ready. So a connector asks a `Deadline` just before it sends a change.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_attempt_ends_at: ContextVar[float] = ContextVar("end of the attempt", default=math.inf)


def local_seconds() -> float:
    """This machine's clock since it started. It goes on while the process is stopped and, where the system has such a
    clock, while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@contextmanager
def attempt_ends_at(moment: float) -> Iterator[None]:
    """No call that is begun in this block lasts longer than until `moment`, on `local_seconds`. The time of an attempt
    begins when its lease is checked, and not when a connector begins the call: the process can be stopped in
    between."""
    token = _attempt_ends_at.set(moment)
    try:
        yield
    finally:
        _attempt_ends_at.reset(token)


class Deadline:
    """The end of the time for one call, and for everything that is sent in it."""

    def __init__(self, seconds: float) -> None:
        self._at = min(local_seconds() + seconds, _attempt_ends_at.get())

    @property
    def left(self) -> float:
        """In seconds, 0 once it is over."""
        return max(self._at - local_seconds(), 0.0)

    @property
    def over(self) -> bool:
        return self.left == 0.0

    def require_time(self) -> None:
        """Raises `TimeoutError` once it is over."""
        if self.over:
            raise TimeoutError

    def timeout(self) -> asyncio.Timeout:
        """For what is awaited. It does not replace a look at `over` before a change is sent."""
        return asyncio.timeout(self.left)
