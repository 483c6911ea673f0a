"""`make faults`: all trials at their full size, with one seed, in parts that can be resumed.

    make faults                   every trial; continues the last run of this commit if it is not complete
    make faults SEED=n            the run with this seed
    make faults PART=1/4          a quarter of every row
    make faults ROW=3             one row
    make faults AGAIN=1           finished trials too
    make faults REPORT=1          prints the table of what is finished, and runs nothing
    make faults PAGE=1            runs what is missing, then writes the table into docs/reliability.md

Results are in .cache/faults, one folder for each commit and seed. A seed that fails is added to kept_seeds.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.figures_table import table
from tests.faults.full_run import FullRun, parse_part
from tests.faults.kept_seeds import KeptSeed, keep
from tests.faults.reliability_page import PAGE, figures, write
from tests.faults.results import Result, ResultStore

ROOT = Path(__file__).parents[2]
STORE = ROOT / ".cache" / "faults"
NO_TESTS = 5
"""pytest's exit code if nothing was left to run."""


def commit() -> str:
    """The commit, with `-changed` if the files differ from it; `unknown` outside of a git repository."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=-changed"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    return said.stdout.strip() if said.returncode == 0 else "unknown"


def folder_of(seed: int | None, at: str) -> tuple[int, Path]:
    """The seed and its folder: without a seed, those of the last run of this commit, if it is not complete."""
    if seed is None:
        begun = sorted(STORE.glob(f"{at}-seed*/trials.json"), key=lambda path: path.stat().st_mtime)
        if begun and missing(begun[-1].parent):
            seed = int(begun[-1].parent.name.rpartition("-seed")[2])
            print(f"The run with seed {seed} is not complete: it is continued. SEED=n begins another one.")
        else:
            seed = random.randrange(10**9)
    return seed, STORE / f"{at}-seed{seed}"


def missing(folder: Path) -> list[str]:
    """The trials of a run that are not finished."""
    trials = folder / "trials.json"
    if not trials.exists():
        return ["all"]
    finished = ResultStore(folder).read()
    return [id_ for id_, _ in json.loads(trials.read_text()) if id_ not in finished]


def finished(folder: Path) -> list[Result]:
    """The results of trials that there are."""
    trials = folder / "trials.json"
    known = {id_ for id_, _ in json.loads(trials.read_text())} if trials.exists() else set()
    return [result for id_, result in ResultStore(folder).read().items() if id_ in known]


def run_tests(asked: FullRun, more: Sequence[str]) -> int:
    argv = [sys.executable, "-m", "pytest", "-m", "faults", "-v", "--timeout", "900", "tests/faults", *more]
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, **asked.environment()}, check=False).returncode


def run_others() -> int:
    """Long tests with faults that count no effects: they are not in the table."""
    argv = [sys.executable, "-m", "pytest", "-m", "faults", "--ignore=tests/faults", "tests"]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--row", type=int)
    parser.add_argument("--part", type=parse_part)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--page", action="store_true")
    wanted, more = parser.parse_known_args(words)
    at = commit()
    seed, folder = folder_of(wanted.seed, at)
    print(f"Seed {seed}: `make faults SEED={seed}` continues or repeats this run. Results: {folder.relative_to(ROOT)}")
    code, began = 0, time.monotonic()
    to_do = missing(folder)
    if not wanted.report:
        code = run_tests(FullRun(seed, folder, wanted.row, wanted.part, wanted.again), more)
        if code == NO_TESTS:
            print("All trials that were asked for are finished; AGAIN=1 runs them again.")
            code = 0
        if to_do and wanted.row is None and wanted.part is None and not more:
            code = run_others() or code
    results = finished(folder)
    failed = [result for result in results if result.failure]
    for kept in keep(KeptSeed(result.trial, result.seed, "full", result.failure) for result in failed if result.seed):
        print(f"Kept in tests/faults/kept_seeds.txt: {kept.trial} {kept.seed}")
    left = missing(folder)
    print(f"\n{table(results)}")
    took = time.monotonic() - began
    print(
        f"{len(results)} batches are finished, {len(left)} are missing, {len(failed)} failed. This took {took:.0f} s."
    )
    if wanted.page:
        if left:
            print(f"{PAGE.name} is not written: trials are missing, such as {left[0]}.", file=sys.stderr)
            return code or 1
        write(figures(results, seed, at))
        print(f"{PAGE.relative_to(ROOT)} is written.")
    return code or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
