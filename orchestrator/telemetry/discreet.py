"""The filter of all spans that leave this process.

Whether a library or Offboard made a span: only what is on these lists goes on. Attributes are known by name and their
values are plain words and numbers; events (which is where exceptions are recorded, with message and stack), what a
status says, and a trace's `tracestate` stay here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, format_span_id, format_trace_id
from opentelemetry.trace.status import Status

ATTRIBUTES = frozenset(
    {
        "run_id", "step", "steps", "system", "ability", "call", "attempt", "outcome", "code", "activity", "queue",
        "method", "route", "status", "command",
        "temporalWorkflowID", "temporalRunID", "temporalActivityID",
    }
)  # fmt: skip
PLAIN = re.compile(r"[A-Za-z0-9_.:/-]{0,100}\Z")
"""Ids, names from a packet, and codes. Neither a mail address nor a query string nor a sentence can look like this."""
WITHHELD = "withheld"


class Discreet(SpanExporter):
    """Passes on a copy of each span that holds what may be known."""

    def __init__(self, beyond: SpanExporter) -> None:
        self._beyond = beyond

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._beyond.export([discreet(span) for span in spans])

    def shutdown(self) -> None:
        self._beyond.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._beyond.force_flush(timeout_millis)


def discreet(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=_plain(span.name),
        context=_bare(span.context),
        parent=_bare(span.parent),
        resource=span.resource,
        attributes={
            name: _plain(value) if isinstance(value, str) else value
            for name, value in (span.attributes or {}).items()
            if name in ATTRIBUTES and isinstance(value, (str, bool, int, float))
        },
        events=(),
        links=[Link(context) for link in span.links if (context := _bare(link.context)) is not None],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _plain(value: str) -> str:
    return value if PLAIN.match(value) else WITHHELD


def _bare(context: SpanContext | None) -> SpanContext | None:
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


class JsonLines(SpanExporter):
    """Appends one line of JSON a span to a file. Several processes may share the file: a line is one write."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = "".join(json.dumps(as_json(span)) + "\n" for span in spans)
        try:
            self._file.write(lines.encode())
        except (OSError, ValueError):  # the disk is full; the file is closed
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def as_json(span: ReadableSpan) -> Mapping[str, Any]:
    """Ids in lower-case hex, as OTLP and W3C write them; times in nanoseconds since 1970."""
    assert span.context is not None
    return {
        "name": span.name,
        "trace_id": format_trace_id(span.context.trace_id),
        "span_id": format_span_id(span.context.span_id),
        "parent_id": format_span_id(span.parent.span_id) if span.parent else None,
        "kind": span.kind.name.lower(),
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name.lower(),
        "attributes": dict(span.attributes or {}),
        "links": [
            {"trace_id": format_trace_id(link.context.trace_id), "span_id": format_span_id(link.context.span_id)}
            for link in span.links
        ],
    }
