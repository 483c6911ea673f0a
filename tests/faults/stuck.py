"""What the message of a trial says about a run that is stuck: its events, and what its workflow waits for."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio.service import RPCError

from orchestrator.workflows.workflow_ids import workflow_id
from tests.integration.installation import Installation


async def story_of(here: Installation, run_id: str) -> str:
    """The run's events and open matters, then each pending activity of its workflow in Temporal with its attempts."""
    return "\n".join([await here.story(run_id), *await _pending(here, run_id)])


async def _pending(here: Installation, run_id: str) -> list[str]:
    try:
        described = await here.engine.client.get_workflow_handle(workflow_id(run_id)).describe()
    except RPCError as error:
        return [f"  Temporal: {error}"]
    raw = described.raw_description
    status = described.status.name if described.status is not None else "unknown"
    lines = [f"  workflow: {status}, {described.history_length} events"]
    if raw.HasField("pending_workflow_task"):
        task = raw.pending_workflow_task
        lines.append(f"  workflow task: attempt {task.attempt}, scheduled {_at(task.scheduled_time.ToDatetime(UTC))}")
    for activity in raw.pending_activities:
        last = activity.last_failure.message[:200] if activity.HasField("last_failure") else "none"
        lines.append(
            f"  activity {activity.activity_type.name} ({activity.activity_id}): state {activity.state}, "
            f"attempt {activity.attempt}, scheduled {_at(activity.scheduled_time.ToDatetime(UTC))}, "
            f"last started {_at(activity.last_started_time.ToDatetime(UTC))}, last failure: {last}"
        )
    return lines


def _at(at: datetime) -> str:
    return f"{at:%H:%M:%S}"
