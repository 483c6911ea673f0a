"""One closing line for several calls of pytest, in pytest's own form: `python -m tests.tally FILE`.

Each call appends its outcome to FILE, which TALLY names in its environment. The build machine prints the line last.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

NAMES = ("failed", "passed", "skipped", "xfailed", "xpassed", "warnings", "error")


def write_outcome(path: Path, stats: Mapping[str, Sequence[Any]], exit_status: int) -> None:
    """`stats` are the terminal reporter's: outcome -> reports."""
    counts = {name: len(stats.get(name, ())) for name in NAMES}
    with path.open("a") as file:
        file.write(json.dumps({"counts": counts, "exit": int(exit_status), "at": time.time()}) + "\n")


def closing_line(outcomes: Sequence[Mapping[str, Any]], seconds: float) -> str:
    """As in `==== 1 failed, 2 passed in 3.45s ====`."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome["counts"])
    parts = [f"{total[name]} {name}" for name in NAMES if total[name] and name != "error"]
    if total["error"]:
        parts.append(f"{total['error']} error{'s' if total['error'] > 1 else ''}")
    minutes = f" ({timedelta(seconds=int(seconds))})" if seconds >= 60 else ""
    return f" {', '.join(parts) or 'no tests ran'} in {seconds:.2f}s{minutes} ".center(80, "=")


def main(path: Path) -> None:
    """The first line of the file is the time at which the first call began, in seconds since 1970."""
    began, *lines = path.read_text().splitlines()
    sys.stdout.write(closing_line([json.loads(line) for line in lines], time.time() - float(began)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
