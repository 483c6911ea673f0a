"""Mails about open items: one workflow of its own, which sleeps until something may have changed.

It holds nothing. Its activity reads what waits for whom, mails what was not mailed yet, and says when the next reminder
is due. The relay nudges it when the ledger has moved, and where it has not looked in time.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow

from orchestrator.workflows import activity_stubs as activities
from orchestrator.workflows import retry_policies as retries


def notices_id(task_queue: str) -> str:
    """One for an installation, which its task queue names."""
    return f"notices-{task_queue}"


@workflow.defn(name="Notices", failure_exception_types=retries.STARTED_AGAIN)
class Notices:
    def __init__(self) -> None:
        self._nudged = False

    @workflow.signal
    def nudge(self, *ignored: object) -> None:
        """Payloads are ignored: with another signature they would stop the workflow."""
        self._nudged = True

    @workflow.run
    async def run(self) -> None:
        while True:
            self._nudged = False
            look = await workflow.execute_activity(
                activities.send_notices,
                start_to_close_timeout=retries.NOTICES_TIMEOUT,
                heartbeat_timeout=retries.NOTICES_SILENCE,
                retry_policy=retries.UNTIL_THE_MAIL_SERVER_IS_BACK,
            )
            if look.in_seconds is None:
                return
            if workflow.info().is_continue_as_new_suggested() and not self._nudged:
                workflow.continue_as_new()
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(lambda: self._nudged, timeout=timedelta(seconds=look.in_seconds))
