"""One batch of a trial: its seed, its size, and what it counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, TypeVar

Size = Literal["short", "full"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the runs of a batch, at their end. `effects`: how many the plans of the runs ask for. By the logs of the
    systems themselves: `lost` = those that are not there, `repeated` = the sum of (count - 1). `open_intents`:
    attempts that began and have no result."""

    runs: int = 0
    effects: int = 0
    lost: int = 0
    repeated: int = 0
    open_intents: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass
class TrialBatch:
    """`number` counts the batches of one trial from 0; it is 0 in a short test. `chance` is made from `seed`, and all
    that is random in the batch is taken from it."""

    seed: int
    size: Size
    number: int = 0
    counts: Counts = Counts()
    sums: dict[str, int] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=dict)
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def sized(self, short: T, full: T) -> T:
        """`full` in `make faults`, and `short` in `make test` and `make test-servers`."""
        return full if self.size == "full" else short

    def count(self, counted: Counts, where: Sequence[str] = ()) -> None:
        """Adds what was counted to the table, and then fails if an effect was lost or repeated, or an intent is open.
        `where` says which, for the message."""
        self.counts += counted
        wrong = {name: getattr(counted, name) for name in ("lost", "repeated", "open_intents")}
        assert not any(wrong.values()), f"seed {self.seed}: {wrong}: {list(where[:10])}"

    def add(self, what: str, count: int = 1) -> None:
        """Another figure of the row, in words that people read. The table has its sum over all batches."""
        self.sums[what] = self.sums.get(what, 0) + count

    def took(self, what: str, seconds: float) -> None:
        """A duration of the row, in words that people read. The table has the longest of all batches."""
        self.longest[what] = max(self.longest.get(what, 0.0), seconds)

    @property
    def counted(self) -> bool:
        return self.counts != Counts() or bool(self.sums)
