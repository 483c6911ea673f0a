"""A request that changes a run is a span of the run's trace, from a page, the API or the command line alike."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestrator.backend import engine_address, keep_quiet
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack
from orchestrator.engine import Engine
from orchestrator.telemetry.telemetry import telemetry
from orchestrator.telemetry.tracing import trace_of
from orchestrator.workflows.workflow_ids import workflow_id
from tests.web.api.running import FUTURE, planned, served, start, until
from tests.web.conftest import Program
from tests.web.visitor import Visitor, api, token_of


async def test_what_changes_a_run_is_in_its_trace_with_what_follows(
    stack: Stack, program: Program, leaver: Callable[..., Awaitable[Employee]], tmp_path: Path
) -> None:
    file, hr = tmp_path / "spans.jsonl", await program("hr")
    run_id = await start(hr, await leaver(), cutoff=FUTURE)
    named = ["it", "finance", "operator", "safety-owner"]
    embargo = {"until": (datetime.now(UTC) + timedelta(days=3)).isoformat(), "named": named}
    hidden = await start(hr, await leaver(), cutoff=FUTURE, embargo=embargo)
    await until(hr, run_id, planned)
    async with telemetry(None, file) as watched:
        keep_quiet(watched, stack.backend)
        engine = await Engine.connect(engine_address(stack.settings), watched.interceptors)
        async with served(stack, engine=engine, watched=watched) as url:
            async with api(url, await token_of(url, "operator")) as operator:
                for run in (run_id, hidden):
                    reason = {"reason": "Ask the manager, Umbelgaard, first."}
                    assert (await operator.post(f"/runs/{run}/hold", json=reason)).status_code == 200
                    assert (await operator.get(f"/runs/{run}")).status_code == 200
                    verdict = {"verdict": "approve"}
                    answer = await operator.post(f"/runs/{run}/gates/none/decision", json=verdict)
                    assert answer.status_code >= 400
                    code = answer.json()["code"]
            async with Visitor(url) as browser:
                await browser.sign_in("operator", to="/")
                await browser.submit(f"/runs/{run_id}/release", page=f"/runs/{run_id}")
    text = file.read_text()
    spans: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    others = [span for span in spans if span["name"].startswith("StartWorkflow:Inquiry")]
    spans = [span for span in spans if span not in others]
    assert {span["trace_id"] for span in spans} == {f"{trace_of(workflow_id(run_id)).trace_id:032x}"}
    requests = [span for span in spans if span["name"] == "request"]
    assert [(span["attributes"]["route"], span["attributes"]["outcome"]) for span in requests] == [
        ("hold", "done"),
        ("decide", "refused"),
        ("release", "done"),
    ]
    assert requests[1]["attributes"]["code"] == code and requests[1]["status"] == "error"
    signals = [span["parent_id"] for span in spans if span["name"].startswith("Signal")]
    assert set(signals) <= {span["span_id"] for span in requests} and requests[0]["span_id"] in signals
    assert hidden not in text and "Umbelgaard" not in text
