"""Reports access that a dry run found open to the run beside it. Repeating it changes nothing."""

from __future__ import annotations

from orchestrator.deciding.runs import Runs
from orchestrator.domain.run.comparison.left_open import left_open
from orchestrator.domain.run.run import RunState


async def report_left_open(runs: Runs, twin: RunState) -> None:
    """Raises `LedgerUnavailable`. The relay wakes the workflow of the run."""
    if twin.twin_of is not None:
        await runs.decide(twin.twin_of, lambda run, world: list(left_open(twin, run, world.pinned, world.now)))
