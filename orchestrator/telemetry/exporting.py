"""Where the spans of a process go: to a collector, to a file, or nowhere; through the filter of all of them."""

from __future__ import annotations

import uuid
from pathlib import Path

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased

from orchestrator.telemetry.discreet import Discreet, JsonLines


def resource_of(service: str) -> Resource:
    return Resource.create({"service.name": service, "service.instance.id": str(uuid.uuid4())})


def tracer_provider(
    endpoint: str | None,
    trace_file: Path | None,
    resource: Resource,
    *,
    at_once: bool = False,
    ids: IdGenerator | None = None,
) -> TracerProvider:
    """`endpoint` is an OTLP collector's base URL (HTTP, protobuf). `at_once` sends each span when it ends, for a
    process with few of them. Raises `OSError` naming a file that cannot be written."""
    traces = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=ids)
    # Whatever the settings say of the rest: what is beneath a span that is not to be recorded is not recorded.
    settled = traces.sampler
    traces.sampler = ParentBased(root=settled, remote_parent_sampled=settled, local_parent_sampled=settled)
    if trace_file is not None:
        # One by one and at once: what a process did before it was killed is in the file.
        traces.add_span_processor(SimpleSpanProcessor(Discreet(JsonLines(trace_file))))
    if endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = Discreet(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces"))
        processor: SpanProcessor = SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter)
        traces.add_span_processor(processor)
    return traces
