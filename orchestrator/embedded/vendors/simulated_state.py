"""What a simulator stores, at the time of a clock."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self


class SimulatedState:
    """A simulator keeps a copy from before a change, for reads that are stale and for changes that fail. The copy has
    the same clock, since time goes on for both."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__ = {
            name: value if name == "_clock" else copy.deepcopy(value, memo) for name, value in self.__dict__.items()
        }
        return twin

    @property
    def now(self) -> datetime:
        return self._clock()
