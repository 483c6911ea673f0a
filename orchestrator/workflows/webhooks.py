"""One event on its way to one webhook: attempts with growing pauses, for three days at most.

Holds the webhook's id and the event's position in the ledger; what is sent is made when it is sent. Delivery is at
least once, in no promised order: an event may overtake another that has to be tried again.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from orchestrator.workflows import activity_stubs as activities
from orchestrator.workflows import retry_policies as retries

PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 20 * 3600)
)
"""Between attempts, as Standard Webhooks suggests them ("Retries and failures"): under three days in all."""
MAX_PAUSE = timedelta(hours=1)
"""An embargo may end earlier than it was said to: ask again after so long."""
MIN_PAUSE = timedelta(seconds=1)
DELIVERIES = "webhook-"
"""How the ids of these workflows begin."""


def delivery_id(hook_id: str, position: int) -> str:
    return f"{DELIVERIES}{hook_id}-{position}"


@workflow.defn(name="DeliverWebhook")
class DeliverWebhook:
    @workflow.run
    async def run(self, delivery: activities.Delivery) -> None:
        failed = 0
        while True:
            attempted = await self._attempt(delivery, last=failed == len(PAUSES))
            if attempted.over or (failed == len(PAUSES) and not attempted.wait_seconds):
                return
            if workflow.info().is_continue_as_new_suggested() and not failed:
                workflow.continue_as_new(delivery)  # an embargo of years
            if attempted.wait_seconds:
                wait = max(timedelta(seconds=attempted.wait_seconds), MIN_PAUSE)
                await workflow.sleep(min(wait, MAX_PAUSE))
            else:
                await workflow.sleep(PAUSES[failed])
                failed += 1

    async def _attempt(self, delivery: activities.Delivery, *, last: bool) -> activities.Attempted:
        return await workflow.execute_activity(
            activities.deliver_webhook,
            delivery.model_copy(update={"last": last}),
            start_to_close_timeout=retries.DELIVERY_TIMEOUT,
            retry_policy=retries.UNTIL_THE_LEDGER_IS_BACK,
        )
