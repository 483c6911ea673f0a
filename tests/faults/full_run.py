"""What a full run (`make faults`) asks of the tests, from its environment: a seed, a folder for results, a choice."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.results import ResultStore

PREFIX = "OFFBOARD_FAULTS_"


@dataclass(frozen=True, slots=True)
class FullRun:
    """`folder` is None outside of `make faults`: nothing is stored. `row` is one row, `part` is (k, n) for part k of n.
    `again`: what is finished is run again."""

    seed: int
    folder: Path | None = None
    row: int | None = None
    part: tuple[int, int] | None = None
    again: bool = False

    @staticmethod
    def read(environment: Mapping[str, str] = os.environ) -> FullRun:
        found = {name: environment.get(PREFIX + name) for name in ("SEED", "FOLDER", "ROW", "PART", "AGAIN")}
        return FullRun(
            int(found["SEED"]) if found["SEED"] else random.randrange(10**9),
            Path(found["FOLDER"]) if found["FOLDER"] else None,
            int(found["ROW"]) if found["ROW"] else None,
            parse_part(found["PART"]) if found["PART"] else None,
            bool(found["AGAIN"]),
        )

    def environment(self) -> dict[str, str]:
        """From which `read` makes it again."""
        values = {
            "SEED": str(self.seed),
            "FOLDER": str(self.folder or ""),
            "ROW": str(self.row or ""),
            "PART": "/".join(map(str, self.part or ())),
            "AGAIN": "1" if self.again else "",
        }
        return {PREFIX + name: value for name, value in values.items()}

    def seed_of(self, trial: str, number: int) -> int:
        """Of one batch: it depends on nothing but the seed of the full run, the trial and the batch's number."""
        return random.Random(f"{self.seed} {trial} {number}").randrange(10**9)

    def selected(self, trials: Sequence[tuple[str, int]]) -> frozenset[str]:
        """The IDs of those that are to run now, of all `trials` with their rows. A part has a share of every row."""
        k, n = self.part or (1, 1)
        of_row = [id_ for id_, row in trials if self.row in (None, row)]
        wanted = frozenset(of_row[k - 1 :: n])
        if self.folder is None:
            return wanted
        if self.again:
            ResultStore(self.folder).forget(wanted)
        return wanted - ResultStore(self.folder).read().keys()

    def write_trials(self, trials: Sequence[tuple[str, int]]) -> None:
        """All that a full run has, so that it is known what is missing."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "trials.json").write_text(json.dumps(trials))


def parse_part(text: str) -> tuple[int, int]:
    """`2/4` -> (2, 4). Raises ValueError."""
    k, _, n = text.partition("/")
    part = int(k), int(n)
    if not 1 <= part[0] <= part[1]:
        raise ValueError(f"a part is written as 1/4, 2/4, ...: {text!r} is not one")
    return part
