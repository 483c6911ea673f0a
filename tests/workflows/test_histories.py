"""Saved histories: today's code must do what they say, and send the same words.

The Replayer compares the kind and order of what a workflow does, and does not notice other arguments, queues or
time-outs; so these are caught on their way out and compared as well.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from record_histories import FOLDER, STORIES
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    Interceptor,
    Replayer,
    StartActivityInput,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from orchestrator.workflows.offboarding import Offboarding
from orchestrator.workflows.retry_policies import FURTHER_STEPS, SEARCH_TIMEOUT, SILENCE

HISTORIES = sorted(FOLDER.glob("*.json"))


class Sent(WorkflowOutboundInterceptor):
    """Notes every activity on its way out."""

    seen: ClassVar[list[dict[str, Any]]] = []

    def start_activity(self, input: StartActivityInput) -> Any:
        payloads = pydantic_data_converter.payload_converter.to_payloads(input.args)
        Sent.seen.append(
            {
                "activity": input.activity,
                "arguments": [json.loads(payload.data) for payload in payloads],
                "queue": input.task_queue,
                "seconds": input.start_to_close_timeout,
                "silence": input.heartbeat_timeout,
            }
        )
        return super().start_activity(input)


class Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(Sent(outbound))


class Listening(Interceptor):
    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return Inbound


def recorded(history: dict[str, Any]) -> list[dict[str, Any]]:
    own_queue = history["events"][0]["workflowExecutionStartedEventAttributes"]["taskQueue"]["name"]
    found = []
    for event in history["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled is None:
            continue
        queue = scheduled["taskQueue"]["name"]
        found.append(
            {
                "activity": scheduled["activityType"]["name"],
                "arguments": [json.loads(base64.b64decode(p["data"])) for p in scheduled["input"]["payloads"]],
                "queue": None if queue == own_queue else queue,
                "seconds": _seconds(scheduled.get("startToCloseTimeout")),
                "silence": _seconds(scheduled.get("heartbeatTimeout")),
            }
        )
    return found


def assert_sent_as(history: dict[str, Any]) -> None:
    """The same activities with the same arguments, queues and time limits. Since decision 0078 an activity that reaches
    systems has `FURTHER_STEPS` more time, and sends heartbeats."""
    before = recorded(history)
    for one in before:
        if one["activity"] in ("execute_steps", "search_accounts") and not _carries_out_more(one):
            one["seconds"] += FURTHER_STEPS
            one["silence"] = SILENCE
    assert Sent.seen == before


def _carries_out_more(activity: dict[str, Any]) -> bool:
    """Whether it was recorded with today's time limits: a search had heartbeats before."""
    if activity["activity"] == "search_accounts":
        return bool(activity["seconds"] == SEARCH_TIMEOUT + FURTHER_STEPS)
    return activity["silence"] is not None


def _seconds(text: str | None) -> timedelta | None:
    seconds = float(text.removesuffix("s")) if text else 0.0
    return timedelta(seconds=seconds) if seconds else None


def test_there_is_a_history_for_every_story() -> None:
    assert {path.stem for path in HISTORIES} >= set(STORIES)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_todays_code_does_and_says_what_was_recorded(path: Path) -> None:
    text = path.read_text()
    Sent.seen = []
    replayer = Replayer(
        workflows=[Offboarding],
        data_converter=pydantic_data_converter,
        interceptors=[Listening()],
        workflow_runner=UnsandboxedWorkflowRunner(),  # what is caught must reach this test
    )
    await replayer.replay_workflow(WorkflowHistory.from_json(f"run-{path.stem}", text))
    assert_sent_as(json.loads(text))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_the_sandbox_replays_it_too(path: Path) -> None:
    replayer = Replayer(workflows=[Offboarding], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json(f"run-{path.stem}", path.read_text()))


async def test_a_changed_argument_is_noticed() -> None:
    """What this file is for: without the comparison this history would pass."""
    text = (FOLDER / "in_layers.json").read_text()
    other = base64.b64encode(b'{"run_id":"r2"}').decode()
    own = base64.b64encode(b'{"run_id":"r1"}').decode()
    history = json.loads(text)
    for event in history["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled and scheduled["input"]["payloads"][0]["data"] == own:
            scheduled["input"]["payloads"][0]["data"] = other
    Sent.seen = []
    replayer = Replayer(
        workflows=[Offboarding],
        data_converter=pydantic_data_converter,
        interceptors=[Listening()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(WorkflowHistory.from_json("run-in_layers", json.dumps(history)))
    with pytest.raises(AssertionError):
        assert_sent_as(history)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_histories_name_no_machine(path: Path) -> None:
    text = path.read_text()
    assert "@" not in text and "/home" not in text and "/work" not in text
