"""Commands send a span: in the trace of the run that they change, or in one of their own. Nothing of that fails or
changes a command."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.backend import engine_address, keep_quiet
from orchestrator.embedded.stack import Stack
from orchestrator.engine import Engine
from orchestrator.telemetry.run_traces import run_trace
from orchestrator.telemetry.telemetry import telemetry
from orchestrator.workflows.workflow_ids import workflow_id
from tests.cli.command_line import CommandResult, Offboard
from tests.telemetry.collector import attributes, collecting, commands
from tests.web.api.running import FUTURE, Leavers, planned, served, start, until
from tests.web.conftest import Program
from tests.web.visitor import token_of

SERVICE = "offboard-command"
NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def traced_web(stack: Stack, file: Path) -> AsyncIterator[str]:
    """Pages and API that write their spans to this file."""
    async with telemetry(None, file) as watched:
        keep_quiet(watched, stack.backend)
        engine = await Engine.connect(engine_address(stack.settings), watched.interceptors)
        async with served(stack, engine=engine, watched=watched) as url:
            yield url


async def typed(stack: Stack, url: str, alias: str, words: Sequence[str], **settings: str) -> CommandResult:
    """In a process of its own."""
    environment = {"OFFBOARD_SERVER": url, "OFFBOARD_TOKEN": await token_of(stack.url, alias), **settings}
    return await Offboard(stack.folder).beside(*words, env=environment)


async def test_a_command_on_a_run_is_above_its_request_in_the_runs_trace(
    stack: Stack, program: Program, leaver: Leavers, tmp_path: Path
) -> None:
    hr, file = await program("hr"), tmp_path / "web.jsonl"
    run_id = await start(hr, await leaver(), cutoff=FUTURE)
    named = ["it", "finance", "operator", "safety-owner"]
    embargo = {"until": (datetime.now(UTC) + timedelta(days=3)).isoformat(), "named": named}
    hidden = await start(hr, await leaver(), cutoff=FUTURE, embargo=embargo)
    await until(hr, run_id, planned)
    person = (await leaver()).employee_number
    with collecting() as collector:
        to = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        async with traced_web(stack, file) as url:
            reason = ("--reason", "Ask the manager, Umbelgaard, first.")
            for run in (hidden, run_id):
                done = await typed(stack, url, "operator", ("hold", run, *reason), **to)
                assert done.code == 0, done.err
            refused = await typed(stack, url, "operator", ("approve", run_id, "access"), **to)
            assert refused.code == 1
            assert (await typed(stack, url, "operator", ("show", run_id), **to)).code == 0
            begun = ("start", person, "--cutoff", FUTURE, "--zone", "Europe/Berlin", "--packet", "standard-leaver")
            started = await typed(stack, url, "hr", begun, **to)
            assert started.code == 0, started.err
    sent = {attributes(span)["command"]: span for span in commands(collector)}
    assert {name: attributes(span)["outcome"] for name, span in sent.items()} == {
        "hold": "done",
        "approve": "refused",
        "start": "done",
    }
    assert collector.spans_of(SERVICE) == {"command"}
    place = run_trace(workflow_id(run_id))
    for name in ("hold", "approve"):
        assert attributes(sent[name])["run_id"] == run_id
        assert sent[name].trace_id == place.trace_id.to_bytes(16, "big")
        assert sent[name].parent_span_id == place.span_id.to_bytes(8, "big")
    new = attributes(sent["start"])["run_id"]
    assert new in started.out and sent["start"].trace_id == run_trace(workflow_id(new)).trace_id.to_bytes(16, "big")
    requests = [json.loads(line) for line in file.read_text().splitlines()]
    above = {one["parent_id"]: one["attributes"]["route"] for one in requests if one["name"] == "request"}
    assert above == {sent["hold"].span_id.hex(): "hold", sent["approve"].span_id.hex(): "decide"}
    said = b"".join(body for _, body in collector.bodies)
    assert hidden.encode() not in said and b"Umbelgaard" not in said and person.encode() not in said


async def test_a_command_that_is_about_no_run_has_a_trace_of_its_own(stack: Stack) -> None:
    with collecting() as collector:
        done = await typed(stack, stack.url, "operator", ("systems",), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        assert done.code == 0, done.err
    [span] = commands(collector)
    assert attributes(span) == {"command": "systems", "outcome": "done"} and not span.parent_span_id


async def test_a_collector_that_is_down_changes_nothing_of_a_command(stack: Stack, tmp_path: Path) -> None:
    plain = await typed(stack, stack.url, "operator", ("runs", "--json"))
    for settings in (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "no address"},
        {"OFFBOARD_TRACE_FILE": str(tmp_path)},
    ):
        traced = await typed(stack, stack.url, "operator", ("whoami",), **settings)
        assert (traced.code, traced.err) == (0, ""), settings
    assert plain.code == 0
