"""The Temporal dev server from the wheel: it answers, and its state survives a crash of the process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from orchestrator.embedded.temporal import TemporalServer


@workflow.defn
class WaitingWorkflow:
    """Waits for a signal."""

    def __init__(self) -> None:
        self.told = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.told)
        return "went on"

    @workflow.signal
    def tell(self) -> None:
        self.told = True


async def test_the_session_server_answers(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address, namespace=temporal.namespace)
    assert await client.service_client.check_health()


async def test_a_workflow_goes_on_after_a_crash_of_the_server(tmp_path: Path) -> None:
    async with TemporalServer.start(tmp_path, ui=True) as server:
        assert server.ui_address is not None
        address = server.address
        client = await Client.connect(address, namespace=server.namespace)
        handle = await client.start_workflow(
            WaitingWorkflow.run, id="waiting", task_queue="crash", execution_timeout=timedelta(minutes=5)
        )
        await server.crash()
        assert server.pid is None
        await server.restart()
        assert server.address == address
        description = await handle.describe()
        assert description.status is WorkflowExecutionStatus.RUNNING
        async with Worker(
            client, task_queue="crash", workflows=[WaitingWorkflow], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            await handle.signal(WaitingWorkflow.tell)
            assert await handle.result() == "went on"
    assert server.pid is None
