"""Sets up telemetry: spans and metrics to a collector, spans to a file, or nothing.

Nothing of OpenTelemetry is registered for the whole process, so a library that traces itself has no exporter.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.metrics import Meter, NoOpMeter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.trace import Span, Status, StatusCode, Tracer
from temporalio.client import Interceptor

from connectors.http.sending import requests_observed
from orchestrator.background import on_death
from orchestrator.domain.errors import Refusal
from orchestrator.telemetry.exporting import resource_of, tracer_provider
from orchestrator.telemetry.logs import code_of
from orchestrator.telemetry.measures import Instruments
from orchestrator.telemetry.queue_delays import QueueDelays
from orchestrator.telemetry.run_traces import SpanRef
from orchestrator.telemetry.tracing import RunTracing, in_trace_of
from orchestrator.workflows.workflow_ids import workflow_id

SCOPE = "offboard"
SHUTDOWN_FLUSH_SECONDS = 5.0  # to send what is left when the process ends
WELL = frozenset({"verified", "attested", "answered", "done", "retrying", "not_done", "already_known"})


@dataclass(frozen=True, slots=True)
class Telemetry:
    """`tracing` asks which runs are under embargo; `observer` hears of steps and calls
    (`activities.attempts.observation`)."""

    tracing: RunTracing
    observer: SpanObserver
    measures: Instruments
    tracer: Tracer

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        """For Temporal's client."""
        return (self.tracing, QueueDelays(self.measures))

    @asynccontextmanager
    async def request(
        self, run_id: str, method: str, route: str, caller: SpanRef | None = None
    ) -> AsyncIterator[SpanEnd]:
        """A request that changes a run: a span of the run's trace, unless the run is under embargo. Below the span of
        the `caller`, if that is in this trace."""
        about = {"run_id": run_id, "method": method, "route": route}
        workflow = workflow_id(run_id)
        with (
            in_trace_of(workflow, traced=await self.tracing.may_trace(workflow), caller=caller),
            _span(self.tracer, "request", about) as ending,
        ):
            yield ending


@asynccontextmanager
async def telemetry(endpoint: str | None, trace_file: Path | None, service: str = SCOPE) -> AsyncIterator[Telemetry]:
    """`endpoint` is an OTLP collector's base URL (HTTP, protobuf); headers, time-outs and certificates for it are
    OpenTelemetry's own settings. What waits is sent when the block ends. Raises `OSError` naming a file that cannot be
    written."""
    resource = resource_of(service)
    traces = tracer_provider(endpoint, trace_file, resource)
    readers: list[MetricReader] = []
    if endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint.rstrip('/')}/v1/metrics")))
    numbers = MeterProvider(readers, resource=resource, shutdown_on_exit=False) if readers else None
    meter: Meter = numbers.get_meter(SCOPE) if numbers is not None else NoOpMeter(SCOPE)
    tracer, measures = traces.get_tracer(SCOPE), Instruments(meter)
    try:
        with on_death(measures.background_failed):
            yield Telemetry(RunTracing(tracer), SpanObserver(tracer, measures), measures, tracer)
    finally:
        await _within(SHUTDOWN_FLUSH_SECONDS, [traces.shutdown, *([numbers.shutdown] if numbers is not None else [])])


async def _within(seconds: float, farewells: list[Callable[[], None]]) -> None:
    """In parallel, and for at most this long: exporters retry an unreachable collector for longer than a process has
    to end. What is not sent by then is lost, and the threads end with the process."""
    threads = [threading.Thread(target=farewell, daemon=True) for farewell in farewells]
    until = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, max(0.0, until - time.monotonic()))


class SpanObserver:
    """A span for each step and each call, and their numbers."""

    def __init__(self, tracer: Tracer, measures: Instruments) -> None:
        self._tracer = tracer
        self._measures = measures

    def step(
        self, *, run_id: str, name: str, system: str, ability: str, attempt: int
    ) -> AbstractContextManager[SpanEnd]:
        def count(ending: SpanEnd, seconds: float) -> None:
            self._measures.attempted(system, ability, ending.outcome, ending.after_cutoff)

        about: Mapping[str, str | int] = {
            "run_id": run_id,
            "step": name,
            "system": system,
            "ability": ability,
            "attempt": attempt,
        }
        return self._observe("step", about, count)

    @contextmanager
    def call(self, call: str, *, system: str, ability: str) -> Iterator[SpanEnd]:
        def count(ending: SpanEnd, seconds: float) -> None:
            self._measures.called(system, call, ending.outcome, seconds)

        about: Mapping[str, str | int] = {"call": call, "system": system, "ability": ability}
        with self._observe(call, about, count) as ending, requests_observed(self._request):
            yield ending

    @contextmanager
    def _request(self, method: str) -> Iterator[Callable[[int], None]]:
        """One HTTP request of a call: its method and the status of the response."""
        with self._tracer.start_as_current_span(
            "request", attributes={"method": method}, record_exception=False, set_status_on_exception=False
        ) as span:
            yield lambda status: span.set_attribute("status", status)

    @contextmanager
    def _observe(
        self, name: str, about: Mapping[str, str | int], count: Callable[[SpanEnd, float], None]
    ) -> Iterator[SpanEnd]:
        began = time.monotonic()
        ending: SpanEnd | None = None
        try:
            with _span(self._tracer, name, about) as ending:
                yield ending
        finally:
            if ending is not None and ending.outcome:
                count(ending, time.monotonic() - began)


@contextmanager
def _span(tracer: Tracer, name: str, about: Mapping[str, str | int]) -> Iterator[SpanEnd]:
    """A span that gets how its block ended. Of an exception only its code or type."""
    with tracer.start_as_current_span(
        name, attributes=about, record_exception=False, set_status_on_exception=False
    ) as span:
        ending = SpanEnd(span)
        try:
            yield ending
        except asyncio.CancelledError:
            if not ending.outcome:
                ending.ended("cancelled")
            raise
        except BaseException as error:
            if not ending.outcome:
                ending.ended(
                    "refused" if isinstance(error, Refusal) else "error", code_of(error) or type(error).__name__
                )
            raise


class SpanEnd:
    """How a step or a call ended; see `activities.attempts.observation.Observed`."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.outcome = ""
        self.after_cutoff: float | None = None

    @property
    def ref(self) -> SpanRef | None:
        """None if the span is not recorded."""
        context = self._span.get_span_context()
        return SpanRef(context.trace_id, context.span_id) if self._span.is_recording() else None

    def ended(self, outcome: str, code: str = "", after_cutoff: float | None = None) -> None:
        self.outcome, self.after_cutoff = outcome, after_cutoff
        self._span.set_attribute("outcome", outcome)
        if code:
            self._span.set_attribute("code", code)
        if outcome not in WELL:
            self._span.set_status(Status(StatusCode.ERROR))
