"""Which trace a run has, and how a span is named in the headers of a request (W3C Trace Context). Imports nothing of
OpenTelemetry: the command line needs it before it knows whether anything is sent."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_HEADER = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span, by its trace and its own ID."""

    trace_id: int
    span_id: int

    @property
    def header(self) -> str:
        """The value of `traceparent` and `traceresponse`, as a span that is recorded."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"


def from_header(value: str | None) -> SpanRef | None:
    """None for a value that is missing, or not of the format."""
    found = _HEADER.fullmatch(value or "")
    if found is None:
        return None
    ref = SpanRef(int(found[1], 16), int(found[2], 16))
    return ref if ref.trace_id and ref.span_id else None


def run_trace(workflow_id: str) -> SpanRef:
    """The trace of a run's workflow (`run-` and the run's id): the first 16 bytes of the id's SHA-256, and as the
    parent of what has none in this process the 8 bytes after them. That parent is never sent: it is only a place to
    meet."""
    digest = hashlib.sha256(workflow_id.encode()).digest()
    return SpanRef(int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big"))
