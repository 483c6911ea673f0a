"""Sends the spans of a command that has ended. A collector that does not respond costs `SENT_WITHIN`, nothing else."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opentelemetry import trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from orchestrator.telemetry.exporting import resource_of, tracer_provider
from orchestrator.telemetry.run_traces import SpanRef

SENT_WITHIN: Final = 0.5
"""Seconds. What is not sent by then is lost, and the thread ends with the process."""


@dataclass(frozen=True, slots=True)
class CommandSpan:
    """`command` are the command's words, with dots between them; times in nanoseconds since 1970. `ref` names the span
    in the trace of the run, and `parent` what is above it there; both None for a command that is about no run."""

    command: str
    outcome: str
    began: int
    ended: int
    run_id: str | None = None
    ref: SpanRef | None = None
    parent: SpanRef | None = None


class _GivenIds(RandomIdGenerator):
    """The next span gets the ID that a request of the command has named already."""

    def __init__(self) -> None:
        self.next_span_id: int | None = None

    def generate_span_id(self) -> int:
        given, self.next_span_id = self.next_span_id, None
        return given if given is not None else super().generate_span_id()


def send(spans: Sequence[CommandSpan], endpoint: str | None, trace_file: Path | None, service: str) -> None:
    """Raises `OSError` naming a trace file that cannot be written."""
    ids = _GivenIds()
    traces = tracer_provider(endpoint, trace_file, resource_of(service), at_once=True, ids=ids)
    tracer = traces.get_tracer("offboard")

    def send_all() -> None:
        for one in spans:
            above = None
            if one.parent is not None:
                parent = SpanContext(
                    one.parent.trace_id, one.parent.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
                )
                above = trace.set_span_in_context(NonRecordingSpan(parent))
            ids.next_span_id = one.ref.span_id if one.ref is not None else None
            span = tracer.start_span("command", context=above, start_time=one.began)
            span.set_attributes({"command": one.command, "outcome": one.outcome})
            if one.run_id is not None:
                span.set_attribute("run_id", one.run_id)
            if one.outcome != "done":
                span.set_status(Status(StatusCode.ERROR))
            span.end(one.ended)

    thread = threading.Thread(target=send_all, daemon=True)
    thread.start()
    thread.join(SENT_WITHIN)
