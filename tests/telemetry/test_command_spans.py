"""Migrations send a span as other commands do, and what only says something loads no telemetry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer.main

from orchestrator.cli import make_app
from orchestrator.cli.command_trace import command_words, trace_command
from orchestrator.telemetry.run_traces import from_header, run_trace
from orchestrator.workflows.workflow_ids import workflow_id
from tests.cli.command_line import Offboard
from tests.integration.conftest import Install
from tests.telemetry.collector import attributes, collecting, commands

NOWHERE = "http://127.0.0.1:9"


async def test_a_migration_sends_a_span(install: Install, tmp_path: Path) -> None:
    async with install(worker=False, relay=False) as here:
        with collecting() as collector:
            environment = {**here.environment(), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
            migrated = await Offboard(tmp_path).beside("ledger", "migrate", env=environment)
            assert migrated.code == 0, migrated.err
    [span] = commands(collector)
    assert attributes(span) == {"command": "ledger.migrate", "outcome": "done"} and not span.parent_span_id


def test_help_loads_no_telemetry() -> None:
    code = (
        "import os, sys; from orchestrator.cli import main; os._exit = lambda code: None; "
        "sys.argv = ['offboard', *sys.argv[1:]]; main(); "
        "print([name for name in sys.modules if name.partition('.')[0] in ('opentelemetry', 'temporalio')])"
    )
    for words in (["--help"], ["exceptions", "show", "--help"], []):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            capture_output=True,
            text=True,
            check=True,
            env={"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE, "PATH": ""},
        )
        assert done.stdout.splitlines()[-1] == "[]", words


def test_a_span_has_the_words_of_the_command_and_nothing_that_was_typed_with_it() -> None:
    command = typer.main.get_command(make_app())
    assert command_words(command, ["exceptions", "show", "r1", "Umbelgaard"]) == ["exceptions", "show"]
    assert command_words(command, ["exceptions", "--run", "accept", "r1"])[:1] == ["exceptions"]
    assert command_words(command, ["Umbelgaard"]) == []
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE}
    assert trace_command(lambda: command, ["worker", "--relay"], on) is None
    assert trace_command(lambda: command, ["runs"], {}) is None


def test_a_header_that_names_no_span_is_ignored() -> None:
    ref = run_trace(workflow_id("r1"))
    assert from_header(ref.header) == ref
    for wrong in (
        None,
        "",
        "00-zz",
        ref.header + "-x",
        ref.header.upper().replace("00-", "FF-"),
        f"00-{'0' * 32}-{'1' * 16}-01",
    ):
        assert from_header(wrong) is None
