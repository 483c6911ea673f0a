"""One request to a worker. Temporal carries its id; request and answer are in a sealed row."""

from __future__ import annotations

from temporalio import workflow

from orchestrator.workflows import activity_stubs as activities
from orchestrator.workflows import retry_policies as retries


def inquiry_queue(task_queue: str) -> str:
    """The task queue of the activities that answer, beside the installation's own: a worker has places of their own for
    it, so that questions never take the places of steps."""
    return f"{task_queue}-inquiries"


def inquiry_workflow_id(inquiry_id: str) -> str:
    return f"inquiry-{inquiry_id}"


@workflow.defn(name="Inquiry")
class InquiryWorkflow:
    @workflow.run
    async def run(self, inquiry: activities.InquiryRef) -> None:
        await workflow.execute_activity(
            activities.answer_inquiry,
            inquiry,
            task_queue=inquiry_queue(workflow.info().task_queue),
            schedule_to_close_timeout=retries.INQUIRY_GIVEN_UP,
            start_to_close_timeout=retries.INQUIRY_TIMEOUT,
            heartbeat_timeout=retries.INQUIRY_SILENCE,
            retry_policy=retries.WHILE_SOMEBODY_WAITS,
        )
