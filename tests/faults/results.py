"""The results of a full run: one file for each batch, in a folder that git ignores."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.batch import Counts, TrialBatch


@dataclass(frozen=True, slots=True)
class Result:
    """`trial` is the test's ID without the batch, `id` with it. `failure` is the first line of what went wrong, empty
    if the batch passed; `skipped` is why it could not run here."""

    id: str
    trial: str
    row: int
    seed: int
    seconds: float
    failure: str = ""
    skipped: str = ""
    counts: Counts = field(default_factory=Counts)
    sums: Mapping[str, int] = field(default_factory=dict)
    longest: Mapping[str, float] = field(default_factory=dict)


def result_of(
    id_: str, trial: str, row: int, batch: TrialBatch | None, seconds: float, failure: str, skipped: str
) -> Result:
    """`batch` is None where the test did not get as far as that."""
    batch = batch or TrialBatch(0, "full")
    return Result(id_, trial, row, batch.seed, seconds, failure, skipped, batch.counts, batch.sums, batch.longest)


class ResultStore:
    """In `folder`. Several processes write at the same time, each its own batches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "results"

    def write(self, result: Result) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / (re.sub(r"[^\w.-]+", "_", result.id) + ".json")
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(result)))
        unfinished.rename(path)

    def read(self) -> dict[str, Result]:
        """By the ID of the test."""
        found = (json.loads(path.read_text()) for path in sorted(self._folder.glob("*.json")))
        return {each["id"]: Result(**{**each, "counts": Counts(**each["counts"])}) for each in found}

    def forget(self, ids: frozenset[str]) -> None:
        for path in self._folder.glob("*.json"):
            if json.loads(path.read_text())["id"] in ids:
                path.unlink()
