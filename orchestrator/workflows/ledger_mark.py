"""Keeps in Temporal which event is the ledger's last: one workflow for an installation, which only waits for signals.

The ledger's database may be replaced by an older copy. Temporal's database is another one, so it shows that events are
missing (`orchestrator/ledger_marks.py`). The mark is in the workflow's memo, which is read without a worker.
"""

from __future__ import annotations

import re

from temporalio import workflow

from orchestrator.workflows import retry_policies as retries

MARK = "mark"
"""Of the memo: `POSITION:HASH`, the hash in hexadecimal digits."""
_FORM = re.compile(r"[0-9]{1,18}:[0-9a-f]{64}\Z")


def ledger_mark_id(task_queue: str) -> str:
    """One for an installation, which its task queue names."""
    return f"ledger-mark-{task_queue}"


def is_mark(received: object) -> bool:
    return isinstance(received, str) and _FORM.match(received) is not None


@workflow.defn(name="LedgerMark", failure_exception_types=retries.STARTED_AGAIN)
class LedgerMark:
    @workflow.init
    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._kept = ""  # of the memo

    @workflow.signal
    def keep(self, *received: object) -> None:
        """Other payloads than a mark are ignored: with another signature they would stop the workflow."""
        if len(received) == 1 and is_mark(received[0]):
            self._mark = str(received[0])

    @workflow.run
    async def run(self, mark: str) -> None:
        while not workflow.info().is_continue_as_new_suggested():
            await workflow.wait_condition(lambda: self._mark != self._kept)
            self._kept = self._mark
            workflow.upsert_memo({MARK: self._mark})
        workflow.continue_as_new(self._mark)
