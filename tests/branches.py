"""How many branches the tests reached, by package, from a report of coverage: `.ci/coverage` prints it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """One for each package, then the sum. A package within `orchestrator` counts as one."""
    reached, known = Counter[str](), Counter[str]()
    for name, file in report["files"].items():
        parts = Path(name).parts
        package = "/".join(parts[:2] if parts[0] == "orchestrator" and len(parts) > 2 else parts[:1])
        reached[package] += file["summary"]["covered_branches"]
        known[package] += file["summary"]["num_branches"]
    for package in sorted(known):
        if known[package]:
            yield line(package, reached[package], known[package])
    yield line("all", reached.total(), known.total())


def line(package: str, reached: int, known: int) -> str:
    return f"{package:28} {reached:6,} of {known:6,} branches  {100 * reached / known:5.1f} %"


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines(json.loads(Path(sys.argv[1]).read_text()))) + "\n")
