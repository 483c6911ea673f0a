"""Seeds of batches that failed once, in kept_seeds.txt: each is a regression test in
`make test` or, where `tests/long_tests.py` lists its file, in `make test-servers`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from tests.faults.batch import Size

FILE: Final = Path(__file__).with_name("kept_seeds.txt")


@dataclass(frozen=True, slots=True)
class KeptSeed:
    """`trial` is the test's ID without the batch."""

    trial: str
    seed: int
    size: Size
    failure: str = ""


def read_kept(file: Path = FILE) -> list[KeptSeed]:
    """Raises ValueError for a line that is none."""
    found = []
    for line in file.read_text().splitlines():
        entry, _, failure = line.partition("#")
        if not entry.strip():
            continue
        trial, seed, size = entry.split()
        if size not in get_args(Size):
            raise ValueError(f"{file.name}: {size!r} in {line!r} is not one of {get_args(Size)}")
        found.append(KeptSeed(trial, int(seed), size, failure.strip()))  # type: ignore[arg-type]
    return found


def keep(seeds: Iterable[KeptSeed], file: Path = FILE) -> list[KeptSeed]:
    """Adds those that are not there yet, and returns them."""
    known = {(kept.trial, kept.seed, kept.size) for kept in read_kept(file)}
    new = [each for each in seeds if (each.trial, each.seed, each.size) not in known]
    with file.open("a") as lines:
        for each in new:
            lines.write(f"{each.trial} {each.seed} {each.size}  # {each.failure}\n")
    return new
