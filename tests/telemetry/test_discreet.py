"""Whatever a library puts into a span, only what is listed leaves."""

from __future__ import annotations

import json
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState

from orchestrator.telemetry.discreet import WITHHELD, Discreet, JsonLines
from tests.integration.needles import Needles
from tests.telemetry.talkative_process import PLANT, fail

NEEDLES = Needles([PLANT, *PLANT.partition("@")[0].split(".")])


def test_a_talkative_library_is_heard_with_what_is_listed_only(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Discreet(JsonLines(file))))
    tracer = provider.get_tracer("talkative")
    elsewhere = SpanContext(1, 2, True, TraceFlags(1), TraceState([("who", "umbelgaard")]))
    try:
        with tracer.start_as_current_span(
            f"GET /people/{PLANT}",
            links=[Link(elsewhere, {"who": PLANT})],
            attributes={"url.full": f"https://x/{PLANT}"},
        ) as span:
            span.set_attributes({"system": PLANT, "ability": "disable_account", "attempt": 3, PLANT: "x"})
            span.add_event("said", {"text": PLANT})
            span.set_status(Status(StatusCode.ERROR, f"{PLANT} is not there"))
            fail()
    except Exception:
        provider.shutdown()
    [line] = file.read_bytes().splitlines()
    assert NEEDLES.in_bytes(line) == []
    told = json.loads(line)
    assert told["name"] == WITHHELD and told["status"] == "error"
    assert told["attributes"] == {"system": WITHHELD, "ability": "disable_account", "attempt": 3}
    assert told["links"] == [{"trace_id": f"{1:032x}", "span_id": f"{2:016x}"}]
