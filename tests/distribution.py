"""Which process gets which test file, where several share the tests (`make test`).

A stack that tests share takes 6 s of processor time to start, and 1 s in each further minute. So the files of one stack
go to few processes: a process continues with the files of a stack that it has started, and starts another one only if
fewer processes than `PROCESSES` have it, or nothing else is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

STACKS: Final = {
    "tests/web/browser/": "browser", "tests/web/routes/": None, "tests/web/": "web", "tests/cli/": "terminal",
    "tests/hr_feed/": "terminal", "tests/integration/systems/test_vendor_runs.py": "terminal",
}  # fmt: skip
"""The beginning of a path -> the fixture `stack` of its tests: the first that fits. All others have none."""
PROCESSES: Final = {"browser": 1, "web": 2, "terminal": 1}


def stack_of(file: str) -> str | None:
    return next((stack for beginning, stack in STACKS.items() if file.startswith(beginning)), None)


def next_file(waiting: Sequence[str], own: Collection[str], processes: Collection[Collection[str]]) -> str:
    """Of the files that wait, for a process that has started the stacks `own`; `processes` has the stacks of each."""
    stacks = {file: stack_of(file) for file in waiting}
    for file, stack in stacks.items():
        if stack in own:
            return file
    for file, stack in stacks.items():
        if stack is None or sum(stack in each for each in processes) < PROCESSES[stack]:
            return file
    return waiting[0]


class StackScheduling(LoadFileScheduling):
    """As `--dist loadfile`, but each process gets its `next_file`."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        self._started: defaultdict[WorkerController, set[str]] = defaultdict(set)

    def _assign_work_unit(self, node: WorkerController) -> None:
        own = self._started[node]
        file = next_file(list(self.workqueue), own, self._started.values())
        own |= {stack} if (stack := stack_of(file)) else set()
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)
