"""What a comparison of the ledger with Temporal, the read tables and systems can find: a title, and what people do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

FindingKind = Literal[
    "workflows_stopped", "workflow_missing", "workflow_failing", "workflow_late", "workflow_of_closed_run",
    "workflow_without_run", "queue_unserved", "rows_differ", "rows_without_events", "head_differs", "intent_open",
]  # fmt: skip


class FindingDisplay(NamedTuple):
    title: str
    remedy: str


FINDINGS: Final[Mapping[FindingKind, FindingDisplay]] = {
    "workflows_stopped": FindingDisplay(
        "Many open runs without a workflow that continues",
        "Check that Temporal, the relay and a worker run. After the loss of a Temporal cluster the relay starts the "
        "workflows again, hundreds in a minute, and this closes automatically.",
    ),
    "workflow_missing": FindingDisplay(
        "Open run without a workflow",
        "The relay starts the workflow again within seconds. If this stays, check that the relay and Temporal run.",
    ),
    "workflow_failing": FindingDisplay(
        "Workflow fails each time",
        "Check the worker's log and its version. Once the cause is corrected, terminate the workflow in Temporal if it "
        "still fails: the relay then starts a new one, which continues from the ledger.",
    ),
    "workflow_late": FindingDisplay(
        "Workflow did not start what is due",
        "Check that the worker and the relay run. The relay notifies the workflow every few seconds.",
    ),
    "workflow_of_closed_run": FindingDisplay(
        "Workflow of a closed run still runs",
        "Check that a worker runs: the workflow ends once a worker takes its next task. Otherwise terminate it in "
        "Temporal.",
    ),
    "workflow_without_run": FindingDisplay(
        "Workflow without a run",
        "The ledger has no such run. If an older copy of the ledger was restored, start the run again; then terminate "
        "this workflow in Temporal.",
    ),
    "queue_unserved": FindingDisplay(
        "Task queue without a worker",
        "Start a worker that serves this task queue, or remove the queue from the system in platform.yaml.",
    ),
    "rows_differ": FindingDisplay(
        "Lists differ from the ledger",
        "An administrator of the server makes the read tables again: `offboard ledger rebuild`. Decisions are not "
        "affected: they are made from the events.",
    ),
    "rows_without_events": FindingDisplay(
        "Lists show a run that the ledger does not have",
        "An administrator of the server makes the read tables again: `offboard ledger rebuild`.",
    ),
    "head_differs": FindingDisplay(
        "Ledger's size differs from its last event",
        "An administrator of the server verifies the ledger against the last checkpoint: `offboard ledger verify`.",
    ),
    "intent_open": FindingDisplay(
        "Attempt without a result",
        "Check in the system whether the step took effect. In an open run, check that a worker serves the system: the "
        "step is read back before it is tried again.",
    ),
}
