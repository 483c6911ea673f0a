"""A run by `offboard worker --relay` as an administrator starts it, with a trace file and a collector."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from orchestrator import commands
from orchestrator.backend import engine_address, keep_quiet
from orchestrator.domain.events import StepStarted, run_stream
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.engine import Engine
from orchestrator.reading.open_counts import OpenCounts, OpenItems
from orchestrator.telemetry.measures import Instruments
from orchestrator.telemetry.telemetry import telemetry
from orchestrator.telemetry.tracing import trace_of
from orchestrator.worker import relaying, working
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.integration.cadence import QUICK
from tests.integration.conftest import Install
from tests.integration.installation import PAST, ZONE, Installation, conninfo, open_kinds
from tests.integration.needles import Needles, words_of
from tests.integration.packets import quick_packet
from tests.telemetry.collector import Collector, collecting

ABOUT = {"run_id", "step", "system", "ability", "attempt", "outcome"}


@asynccontextmanager
async def offboard_worker(here: Installation, trace_file: Path, collector: Collector, log: Path) -> AsyncIterator[None]:
    """The command itself, ended as a service manager does it; it must end well."""
    environment = {
        **here.environment(),
        "OFFBOARD_TRACE_FILE": str(trace_file),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from orchestrator.cli import main; main()",
            "worker",
            "--relay",
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(90):
            assert await process.wait() == 0, log.read_text()[-2000:]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_run_is_one_trace_that_names_no_one(install: Install, hire: Hire, tmp_path: Path) -> None:
    trace_file, log = tmp_path / "spans.jsonl", tmp_path / "worker.log"
    with collecting() as collector:
        async with install(packet=quick_packet(), worker=False) as here:
            [person] = await hire()
            async with (
                telemetry(None, trace_file) as watched,
                offboard_worker(here, trace_file, collector, log),
            ):
                # The process that gives commands is traced as well, into the same file.
                keep_quiet(watched, here.backend)
                engine = await Engine.connect(engine_address(here.settings), watched.interceptors)
                here = replace(here, services=replace(here.services, engine=engine))
                await here.company.break_("code", "503", method="POST", times=1)
                await here.company.break_("identity", "error_in_200", method="PATCH", times=1)
                run_id = await here.start(person)
                await here.wait_until(run_id, lambda s: any(gate.open for gate in s.decisions.gates.values()), "a gate")
                await engine.nudge(run_id)  # without a hint, so that the workflow asks the ledger
                await here.attend(run_id, until=lambda s: s.finished or "step_failed" in open_kinds(s))
            needles = Needles(words_of(here.company.people) | words_of([person]))
    spans = [json.loads(line) for line in trace_file.read_bytes().splitlines()]
    ours = [span for span in spans if span["attributes"].get("temporalWorkflowID") == workflow_id(run_id)]
    ours += [span for span in spans if span["attributes"].get("run_id") == run_id and span not in ours]
    connected(ours, spans, run_id)
    of_the_right_things(spans)
    numbers(collector)
    assert len(collector.spans()) > 20
    for place, data in {
        "trace file": trace_file.read_bytes(),
        "worker's log": log.read_bytes(),
        "what the collector got": b"".join(body for _, body in collector.bodies),
    }.items():
        assert [str(hit) for hit in needles.in_bytes(data, place)] == []
    assert needles.in_bytes(json.dumps({**spans[0], "name": f"GET /people?mail={person.email}"}).encode())


def connected(ours: list[dict[str, Any]], spans: list[dict[str, Any]], run_id: str) -> None:
    """One trace, which the run's id tells; every parent is a span of it or the place where those without one meet."""
    trace = trace_of(workflow_id(run_id))
    assert ours and {span["trace_id"] for span in ours} == {f"{trace.trace_id:032x}"}
    known = {span["span_id"]: span for span in spans}
    for span in ours:
        assert span["parent_id"] in known or span["parent_id"] == f"{trace.span_id:016x}", span

    def way_up(span: dict[str, Any]) -> list[str]:
        names = [span["name"]]
        while (parent := known.get(span["parent_id"])) is not None:
            span = parent
            names.append(span["name"])
        return names

    ways = {tuple(way_up(span)) for span in spans if span["name"] in ("find_accounts", "attempt", "read_back")}
    from_client = [way for way in ways if way[-1] == "SignalWithStartWorkflow:Offboarding"]
    assert {way[:3] for way in from_client if way[0] == "find_accounts"} == {
        ("find_accounts", "RunActivity:search_accounts", "StartActivity:search_accounts")
    }
    # An activity carries out what it makes due as well, each step in a span of its own.
    activities = ("execute_steps", "search_accounts")
    attempts = {way[:4] for way in from_client if way[0] == "attempt"}
    assert attempts and attempts <= {("attempt", "step", f"RunActivity:{n}", f"StartActivity:{n}") for n in activities}


def of_the_right_things(spans: list[dict[str, Any]]) -> None:
    activities = {span["attributes"]["activity"]: span for span in spans if span["name"].startswith("RunActivity:")}
    # Whether the ledger has to be asked what is due as well (`advance`) hangs on what a nudge came in time to say.
    assert {"search_accounts", "execute_steps"} <= set(activities) <= {"advance", "search_accounts", "execute_steps"}
    for span in activities.values():
        assert span["attributes"]["outcome"] == "done" and span["attributes"]["attempt"] >= 1
        assert span["attributes"]["run_id"].startswith("r")
    steps = [span for span in spans if span["name"] == "step"]
    assert steps and all(set(span["attributes"]) >= ABOUT for span in steps)
    outcomes = {(span["attributes"]["step"], span["attributes"]["outcome"]) for span in steps}
    assert ("close_card", "verified") in outcomes
    troubled = [span for span in steps if span["attributes"].get("code")]
    assert troubled, "what a system refused is in its step's span as a code"
    calls = [span for span in spans if "call" in span["attributes"]]
    assert {span["name"] for span in calls} == {"find_accounts", "attempt", "read_back"}
    assert all({"system", "ability", "outcome"} <= set(span["attributes"]) for span in calls)
    assert all(span["end"] > span["start"] for span in calls)
    requests, parents = [span for span in spans if span["name"] == "request"], {span["span_id"]: span for span in spans}
    assert {parents[span["parent_id"]]["name"] for span in requests} == {"find_accounts", "attempt", "read_back"}
    assert {"GET", "POST"} <= {span["attributes"]["method"] for span in requests}
    # A request that gets no response has no status: on a busy machine, one that took too long.
    assert {200, 503} <= {span["attributes"].get("status") for span in requests}


def numbers(collector: Collector) -> None:
    metrics = collector.metrics()
    attempts = metrics["offboard.step.attempts"][-1].sum.data_points
    told = {tuple(sorted((a.key, a.value.string_value) for a in point.attributes)) for point in attempts}
    assert (("ability", "close_card"), ("outcome", "verified"), ("system", "cards")) in told
    assert {key for point in told for key, _ in point} == {"system", "ability", "outcome"}
    [*_, gone] = metrics["offboard.access.gone_after_cutoff"]
    assert all(point.sum > 0 and point.count for point in gone.histogram.data_points)
    assert "offboard.call.duration" in metrics
    waits = metrics["offboard.queue.delay"][-1].histogram.data_points
    assert {key.key for point in waits for key in point.attributes} == {"queue", "activity"}
    assert "execute_steps" in {key.value.string_value for point in waits for key in point.attributes}
    assert all(point.as_double >= 0 for point in metrics["offboard.relay.lag"][-1].gauge.data_points)


async def test_what_is_open_is_counted_without_what_is_under_embargo(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    with collecting() as collector:
        async with install(packet=quick_packet()) as here:
            people = await hire(2)
            runs = [await here.start(person) for person in people]
            for run_id in runs:
                await here.wait_until(run_id, lambda s: any(gate.open for gate in s.decisions.gates.values()), "a gate")
            async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url)) as raw:
                await raw.execute(
                    "UPDATE read.runs SET embargo_until = now() + interval '1 day' WHERE run_id = %s", (runs[0],)
                )
            async with (
                telemetry(collector.url, None) as watched,
                relaying(here.backend, here.engine, watched=watched),
                asyncio.timeout(90),
            ):
                while "offboard.runs.open" not in collector.metrics():
                    await asyncio.sleep(0.05)
        gauge = collector.metrics()["offboard.runs.open"][-1].gauge
        assert [(point.attributes[0].value.string_value, point.as_int) for point in gauge.data_points] == [
            ("awaiting_decision", 1)
        ]
        items = {name: collector.metrics()[f"offboard.inbox.{name}"][-1].gauge for name in ("open", "oldest_age")}
        [[opened], [age]] = [list(gauge.data_points) for gauge in items.values()]
        assert (opened.attributes[0].value.string_value, opened.as_int) == ("gate", 1) and age.as_double > 0


async def test_steps_and_calls_of_a_run_under_embargo_are_in_no_number(install: Install, hire: Hire) -> None:
    with collecting() as collector:
        async with install(packet=quick_packet(), worker=False) as here:
            people = await hire(2)
            async with telemetry(collector.url, None) as watched, working(here.settings, watched=watched):
                embargo = EmbargoTerms(datetime.now(UTC) + timedelta(days=3), tuple(here.actors))
                hidden = await commands.start_run(
                    here.services,
                    here.actors["hr"],
                    await here.facts(people[0]),
                    here.packet.name,
                    parse_cutoff(PAST, ZONE),
                    embargo=embargo,
                )
                assert isinstance(hidden, commands.Done)
                await here.attend(hidden.run_id)
                run_id = await here.start(people[1])
                await here.attend(run_id)
            page = await here.backend.ledger.read({run_stream(run_id): 0})
            begun = sum(isinstance(recorded.event, StepStarted) for recorded in page.events[run_stream(run_id)])
        attempts = collector.metrics()["offboard.step.attempts"][-1].sum.data_points
        assert sum(point.as_int for point in attempts) == begun > 0


def test_a_closed_item_is_none_and_an_unknown_one_is_refused() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    measures = Instruments(provider.get_meter("test"))

    def seen() -> dict[str, float]:
        data = reader.get_metrics_data()
        metrics = [m for of in data.resource_metrics for s in of.scope_metrics for m in s.metrics] if data else []
        return {
            " ".join([metric.name.removeprefix("offboard."), *map(str, (point.attributes or {}).values())]): point.value
            for metric in metrics
            for point in metric.data.data_points
            if isinstance(point, NumberDataPoint)
        }

    none = OpenCounts({}, 0, {}, {}, 0.0, {})
    waiting = {"gate": OpenItems(3, 1, 60.5)}
    measures.are_open(
        replace(none, runs={"held": 2}, exceptions={"step_failed": 1}, inbox=waiting, findings={"rows_differ": 4})
    )
    assert seen() == {
        "runs.open held": 2,
        "runs.exposed": 0,
        "exceptions.open step_failed": 1,
        "inbox.open gate": 3,
        "inbox.overdue gate": 1,
        "inbox.oldest_age gate": 60.5,
        "relay.lag": 0.0,
        "findings.open rows_differ": 4,
    }
    measures.are_open(replace(none, runs={"scheduled": 1}, relay_lag_seconds=7.5))
    assert seen() == {
        "runs.open held": 0,
        "runs.exposed": 0,
        "runs.open scheduled": 1,
        "exceptions.open step_failed": 0,
        "inbox.open gate": 0,
        "inbox.overdue gate": 0,
        "inbox.oldest_age gate": 0,
        "relay.lag": 7.5,
        "findings.open rows_differ": 0,
    }
    measures.unknown()
    assert seen() == {}
    provider.shutdown()


async def test_a_run_under_embargo_leaves_no_trace_in_whichever_process(
    install: Install, hire: Hire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nudged by a process that is traced, and by one that is not; whatever the sampler is set to."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    trace_file = tmp_path / "spans.jsonl"
    async with (
        install(packet=quick_packet(), worker=False) as here,
        telemetry(None, trace_file) as watched,
        working(here.settings, watched=watched) as (_, traced),
        relaying(here.backend, traced, watched=watched, cadence=QUICK),
    ):
        hidden, seen = [], []
        for engine in (here.engine, traced):
            services = replace(here.services, engine=engine)
            one, other = await hire(2)
            embargo = EmbargoTerms(datetime.now(UTC) + timedelta(days=3), tuple(here.actors))
            done = await commands.start_run(
                services,
                here.actors["hr"],
                await here.facts(one),
                here.packet.name,
                parse_cutoff(PAST, ZONE),
                embargo=embargo,
            )
            assert isinstance(done, commands.Done)
            hidden.append(done.run_id)
            seen.append(await here.start(other, services=services))
        for run_id in (*hidden, *seen):
            await here.attend(run_id)
    told = trace_file.read_text()
    for run_id in seen:
        assert run_id in told and f"{trace_of(workflow_id(run_id)).trace_id:032x}" in told
    for run_id in hidden:
        assert run_id not in told and f"{trace_of(workflow_id(run_id)).trace_id:032x}" not in told
