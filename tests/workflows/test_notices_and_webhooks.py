"""How long a webhook is tried, how an embargo is waited for, and how notices sleep and wake: in the sandbox, in skipped
time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from orchestrator.workflows.activity_stubs import Attempted, Delivery, NextLook
from orchestrator.workflows.notices import Notices
from orchestrator.workflows.webhooks import PAUSES, DeliverWebhook

DAY = timedelta(days=1).total_seconds()


class Teller:
    """Answers with what it was given, the last of it again and again."""

    def __init__(self, answers: Sequence[Attempted] = (), looks: Sequence[float | None] = ()) -> None:
        self.queue = f"telling-{uuid.uuid4()}"
        self._answers = list(answers)
        self._looks = list(looks)
        self.asked: list[Delivery] = []
        self.looked = 0

    @activity.defn(name="deliver_webhook")
    async def deliver(self, delivery: Delivery) -> Attempted:
        self.asked.append(delivery)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @activity.defn(name="send_notices")
    async def look(self) -> NextLook:
        self.looked += 1
        return NextLook(in_seconds=self._looks.pop(0) if len(self._looks) > 1 else self._looks[0])

    def worker(self, environment: WorkflowEnvironment) -> Worker:
        return Worker(
            environment.client,
            task_queue=self.queue,
            workflows=[DeliverWebhook, Notices],
            activities=[self.deliver, self.look],
            workflow_runner=SandboxedWorkflowRunner(),
            max_cached_workflows=0,
        )


async def delivered(environment: WorkflowEnvironment, teller: Teller) -> float:
    """Seconds from the start to the end, in the server's time."""
    async with teller.worker(environment):
        handle = await environment.client.start_workflow(
            DeliverWebhook.run, Delivery(hook_id="w_1", position=7), id=teller.queue, task_queue=teller.queue
        )
        await handle.result()
        return await lasted(handle)


async def lasted(handle: WorkflowHandle[Any, Any]) -> float:
    described = await handle.describe()
    assert described.close_time is not None
    return (described.close_time - described.start_time).total_seconds()


async def test_what_no_one_accepts_is_given_up_within_three_days(time_skipping_server: WorkflowEnvironment) -> None:
    teller = Teller([Attempted(over=False)])
    took = await delivered(time_skipping_server, teller)
    assert 2 * DAY < took <= 3 * DAY
    assert len(teller.asked) == len(PAUSES) + 1
    assert [delivery.last for delivery in teller.asked] == [False] * len(PAUSES) + [True]
    assert list(PAUSES) == sorted(PAUSES), "pauses grow"


async def test_what_is_taken_is_over(time_skipping_server: WorkflowEnvironment) -> None:
    teller = Teller([Attempted(over=False), Attempted(over=False), Attempted(over=True)])
    assert await delivered(time_skipping_server, teller) < 600
    assert len(teller.asked) == 3


@pytest.mark.parametrize("failures", [0, 2])
async def test_an_embargo_is_waited_for_and_costs_no_attempt(
    time_skipping_server: WorkflowEnvironment, failures: int
) -> None:
    held = [Attempted(over=False, wait_seconds=seconds) for seconds in (5 * DAY, 4 * DAY, 30.0)]
    teller = Teller([*[Attempted(over=False)] * failures, *held, Attempted(over=True)])
    assert await delivered(time_skipping_server, teller) < DAY, "it is asked again every hour, since it may end earlier"
    assert len(teller.asked) == failures + 4 and not any(delivery.last for delivery in teller.asked)


async def test_notices_sleep_until_the_next_look_or_a_nudge(time_skipping_server: WorkflowEnvironment) -> None:
    teller = Teller(looks=[DAY, DAY, None])
    async with teller.worker(time_skipping_server):
        for _ in range(2):  # the second is a nudge of the one that is there
            handle = await time_skipping_server.client.start_workflow(
                Notices.run,
                id=teller.queue,
                task_queue=teller.queue,
                start_signal="nudge",
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        await handle.result()
        took = await lasted(handle)
    assert teller.looked == 3 and DAY <= took + 1 < 3 * DAY


async def test_notices_ignore_what_a_signal_carries(time_skipping_server: WorkflowEnvironment) -> None:
    teller = Teller(looks=[DAY, None])
    async with teller.worker(time_skipping_server):
        handle = await time_skipping_server.client.start_workflow(Notices.run, id=teller.queue, task_queue=teller.queue)
        for payloads in ([], [None], [{"hint": 1}, "two"], ["x" * 100_000]):
            await handle.signal("nudge", args=payloads)
        await handle.result()
        history = await handle.fetch_history()
    assert teller.looked == 2
    assert not [event for event in history.events if event.HasField("workflow_task_failed_event_attributes")]
