"""This machine's clock in tests: time that passes without waiting, as for a process that is stopped and continues."""

from __future__ import annotations

import time

import pytest


class JumpingClock:
    """In place of the clock that `connectors.elapsed.local_seconds` reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        self._frozen: float | None = None
        self._real = time.clock_gettime
        monkeypatch.setattr(time, "clock_gettime", self._now)

    def passes(self, seconds: float = 3600.0) -> None:
        self._ahead += seconds

    def stands_still(self) -> None:
        """As on a virtual machine that is paused."""
        self._frozen = self._now(time.CLOCK_BOOTTIME)

    def _now(self, clock: int) -> float:
        return self._frozen if self._frozen is not None else self._real(clock) + self._ahead
