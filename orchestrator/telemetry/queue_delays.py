"""How long activities wait in their task queue until a worker takes them: workers are too few, or none runs."""

from __future__ import annotations

from typing import Any

from temporalio import activity, client, worker

from orchestrator.telemetry.measures import Instruments


class QueueDelays(client.Interceptor, worker.Interceptor):
    """For `Client.connect(interceptors=…)`: workers of that client use it as well."""

    def __init__(self, measures: Instruments) -> None:
        self._measures = measures

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:
        return _Delayed(next, self._measures)


class _Delayed(worker.ActivityInboundInterceptor):
    def __init__(self, next: worker.ActivityInboundInterceptor, measures: Instruments) -> None:
        super().__init__(next)
        self._measures = measures

    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        info = activity.info()
        waited = info.started_time - info.current_attempt_scheduled_time
        self._measures.queued(info.task_queue, info.activity_type, waited.total_seconds())
        return await super().execute_activity(input)
