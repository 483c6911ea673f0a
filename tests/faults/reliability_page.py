"""Writes the figures of a full run into docs/reliability.md, between its two marks."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.faults.figures_table import table
from tests.faults.results import Result

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN: Final = "<!-- `make faults PAGE=1` writes what follows. -->"
END: Final = "<!-- `make faults PAGE=1` writes what precedes. -->"


def machine() -> str:
    """What the figures of seconds depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores, system = len(os.sched_getaffinity(0)), f"{platform.system()}, Python {platform.python_version()}"
    return f"{cores} cores of {_processor()}, {memory:.0f} GiB of memory, {system}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def figures(results: Sequence[Result], seed: int, commit: str) -> str:
    failed = [result for result in results if result.failure]
    skipped = sorted({result.skipped for result in results if result.skipped})
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with `make faults SEED={seed}`, commit {commit}, on {machine()}.",
        "",
        table(results),
    ]
    lines += [f"Failed: `{result.id}`, seed {result.seed}: {result.failure}\n" for result in failed]
    lines += [f"Not run: {reason}\n" for reason in skipped]
    return "\n".join(lines)


def write(text: str, page: Path = PAGE) -> None:
    """Raises ValueError if the page does not have its two marks."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} does not have the two lines between which the figures are: {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
