"""Client, workflow and activities of a run in one trace, over processes, restarts and clusters.

Temporal's own OpenTelemetry interceptor carries the trace from a nudge through the workflow to the activities, in a
header that holds a `traceparent` and nothing else. Which trace it is follows from the workflow's id: a caller that
nudges a run, today or in ninety days, lands in the same one, and its trace id can be worked out from the run's.

A run under embargo has none: its first span is asked for beneath a parent that is not sampled, and so is all that
follows from it, in whichever process. A delivery to a webhook has none either: a position in the ledger names it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio import activity
from temporalio.client import OutboundInterceptor, SignalWorkflowInput, StartWorkflowInput, WorkflowHandle
from temporalio.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from orchestrator.ledger.book.errors import LedgerError
from orchestrator.telemetry.logs import code_of
from orchestrator.telemetry.run_traces import SpanRef, run_trace
from orchestrator.workflows.webhooks import DELIVERIES
from orchestrator.workflows.workflow_ids import workflow_id as workflow_of

Embargoed = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Which of these runs are under an embargo now."""
_RUNS = workflow_of("")


def trace_of(workflow_id: str, *, traced: bool = True) -> SpanContext:
    """Where the spans of a run's workflow meet (`run_trace`)."""
    place = run_trace(workflow_id)
    return SpanContext(
        trace_id=place.trace_id,
        span_id=place.span_id,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if traced else TraceFlags.DEFAULT),
    )


@contextmanager
def in_trace_of(workflow_id: str, *, traced: bool = True, caller: SpanRef | None = None) -> Iterator[None]:
    """In the run's trace, below the span that is current if that is in it already, and otherwise below the one of the
    `caller` if that is in it. Without `traced` nothing in the block is recorded."""
    wanted = trace_of(workflow_id, traced=traced)
    if traced and caller is not None and caller.trace_id == wanted.trace_id:
        wanted = SpanContext(wanted.trace_id, caller.span_id, is_remote=True, trace_flags=wanted.trace_flags)
    if traced and trace.get_current_span().get_span_context().trace_id == wanted.trace_id:
        yield
        return
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(wanted)))
    try:
        yield
    finally:
        context.detach(token)


class RunTracing(TracingInterceptor):
    """For `Client.connect(interceptors=…)`: workers of that client are traced as well. Until `embargoed` is set, no run
    is: it may be a hidden one."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__(tracer)
        self.embargoed: Embargoed | None = None
        self.text_map_propagator = TraceContextTextMapPropagator()  # without baggage, which may hold anything

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Client(super().intercept_client(next), self.may_trace)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(super().intercept_activity(_ActivityFacts(next)), self.header_key, self.may_trace)

    async def may_trace(self, workflow_id: str) -> bool:
        if not workflow_id.startswith(_RUNS):
            return not workflow_id.startswith(DELIVERIES)
        if self.embargoed is None:
            return False
        try:
            return not await self.embargoed([workflow_id.removeprefix(_RUNS)])
        except LedgerError:
            return False

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[_Workflow]:
        super().workflow_interceptor_class(input)  # hands the workflow the function that makes spans outside of it
        return _Workflow


class _Client(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, may_trace: Callable[[str], Awaitable[bool]]) -> None:
        super().__init__(next)
        self._may_trace = may_trace

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        with in_trace_of(input.id, traced=await self._may_trace(input.id)):
            return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        with in_trace_of(input.id, traced=await self._may_trace(input.id)):
            await super().signal_workflow(input)


class _Workflow(TracingWorkflowInboundInterceptor):
    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self.text_map_propagator = TraceContextTextMapPropagator()


class _Activity(ActivityInboundInterceptor):
    """Outermost: an activity of a workflow that was not traced begins in the run's trace as well."""

    def __init__(
        self, next: ActivityInboundInterceptor, header: str, may_trace: Callable[[str], Awaitable[bool]]
    ) -> None:
        super().__init__(next)
        self._header = header
        self._may_trace = may_trace

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        workflow_id = activity.info().workflow_id
        if self._header in input.headers or workflow_id is None:
            return await super().execute_activity(input)
        with in_trace_of(workflow_id, traced=await self._may_trace(workflow_id)):
            return await super().execute_activity(input)


class _ActivityFacts(ActivityInboundInterceptor):
    """The innermost interceptor: adds the activity's subject and result to its span."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        span = trace.get_current_span()
        info = activity.info()
        span.set_attributes({"activity": info.activity_type, "attempt": info.attempt, "queue": info.task_queue})
        about = input.args[0] if input.args else None
        if isinstance(run_id := getattr(about, "run_id", None), str):
            span.set_attribute("run_id", run_id)
        if isinstance(steps := getattr(about, "step_ids", None), tuple):
            span.set_attribute("steps", len(steps))
        try:
            answer = await super().execute_activity(input)
        except BaseException as error:
            span.set_attributes({"outcome": "failed", "code": code_of(error) or type(error).__name__})
            span.set_status(Status(StatusCode.ERROR))
            raise
        span.set_attribute("outcome", "done")
        return answer
