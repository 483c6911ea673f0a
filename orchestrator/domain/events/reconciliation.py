"""What the comparison of the ledger with Temporal and with systems records in a run, and what the relay made good."""

from __future__ import annotations

from typing import Literal

from orchestrator.domain.events.event import Event

WorkflowProblem = Literal["", "missing", "failing", "late"]


class WorkflowCompared(Event):
    """What the run's workflow in Temporal looks like, recorded when that has changed. Empty: it runs. `missing`: the
    run is open and no workflow runs for it; `code` says how the last one ended. `failing`: its tasks fail each time.
    `late`: something has been due for longer than a workflow takes to notice."""

    problem: WorkflowProblem = ""
    code: str = ""


class WorkflowRestarted(Event):
    """The run was open and had no workflow, although it had one before: the relay started it again. The workflow goes
    on from the ledger."""


class ReadBackRequested(Event):
    """Steps of an open run that are done are read once in their systems, for a comparison. `steps` has the generation
    of each step by its id. Nothing is changed in a system."""

    steps: dict[str, int]
