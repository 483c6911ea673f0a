"""Seconds that have passed on this machine, also while the process was stopped."""

from __future__ import annotations

import time


def local_seconds() -> float:
    """This machine's clock since it started. It goes on while the process is stopped and, where the system has such a
    clock, while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
