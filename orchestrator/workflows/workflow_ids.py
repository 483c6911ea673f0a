"""The IDs of the workflows of runs. Imports nothing: the command line needs them without Temporal's library."""

from __future__ import annotations

from typing import Final

_RUN: Final = "run-"


def workflow_id(run_id: str) -> str:
    return f"{_RUN}{run_id}"


def run_of(workflow_id: str) -> str | None:
    """The run's id; None for an id that `workflow_id` does not give."""
    return workflow_id.removeprefix(_RUN) if workflow_id.startswith(_RUN) else None
