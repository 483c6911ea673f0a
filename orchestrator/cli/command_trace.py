"""The span of a command: which one it was, and how it ended. In the trace of the run that it changed, its requests to
the web process are below it.

The web process knows whether a run has a trace, and answers with `traceresponse` where it has: a run under embargo has
none, so nothing is sent about a command on it. OpenTelemetry is loaded once the command has ended, and only where a
collector or a file is set.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from orchestrator.telemetry.run_traces import SpanRef, from_header, run_trace
from orchestrator.workflows.workflow_ids import workflow_id

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
SERVICE: Final = "OTEL_SERVICE_NAME"
TRACE_FILE: Final = "OFFBOARD_TRACE_FILE"
_PROCESSES: Final = frozenset({"up", "demo", "worker", "relay", "web"})
"""These last, and send spans of their own."""
_SAY_ONLY: Final = frozenset({"--help", "-h", "--version"})


class CommandTrace:
    def __init__(self, command: str) -> None:
        self._command = command
        self._began = time.time_ns()
        self._about_runs = False
        self._spans: dict[str, SpanRef] = {}
        """By run, the span that a request about it has named."""
        self._traced: set[str] = set()
        """The runs of which the web process has said that they have a trace."""

    def request_headers(self, method: str, path: Sequence[str]) -> dict[str, str]:
        """For a request to the API at this path."""
        if not path or path[0] != "runs":
            return {}
        self._about_runs = True
        if method == "GET":
            return {}
        return {"traceparent": self._span_of(path[1]).header if len(path) > 1 else _new_trace().header}

    def heard(self, path: Sequence[str], headers: Mapping[str, str], run_id: str | None = None) -> None:
        """What the web process answered. `run_id` is the run that it started."""
        about = path[1] if len(path) > 1 else run_id
        traced = from_header(headers.get("traceresponse"))
        if about is not None and traced is not None and traced.trace_id == self._span_of(about).trace_id:
            self._traced.add(about)

    def _span_of(self, run_id: str) -> SpanRef:
        if run_id not in self._spans:
            self._spans[run_id] = SpanRef(run_trace(workflow_id(run_id)).trace_id, _new_id(8))
        return self._spans[run_id]

    def send(self, code: int, environment: Mapping[str, str]) -> None:
        """`code` is the command's exit code. Never raises, and takes no longer than the collector may take."""
        if self._about_runs and not self._traced:
            return
        with contextlib.suppress(Exception):
            from orchestrator.telemetry.command_spans import CommandSpan, send

            ended, outcome = time.time_ns(), "done" if code == 0 else "refused"
            spans = [
                CommandSpan(
                    self._command,
                    outcome,
                    self._began,
                    ended,
                    run_id,
                    self._spans[run_id],
                    run_trace(workflow_id(run_id)),
                )
                for run_id in sorted(self._traced)
            ]
            file, service = environment.get(TRACE_FILE), environment.get(SERVICE) or "offboard-command"
            send(
                spans or [CommandSpan(self._command, outcome, self._began, ended)],
                environment.get(ENDPOINT) or None,
                Path(file) if file else None,
                service,
            )


current_trace: ContextVar[CommandTrace | None] = ContextVar("current_trace", default=None)


def trace_command(
    command: Callable[[], object], words: Sequence[str], environment: Mapping[str, str] | None = None
) -> CommandTrace | None:
    """Of the command of the program that these words name. None where no collector and no file is set, where they only
    ask for help, and for a process that sends spans of its own."""
    given = os.environ if environment is None else environment
    if not (given.get(ENDPOINT) or given.get(TRACE_FILE)) or not _SAY_ONLY.isdisjoint(words):
        return None
    named = command_words(command(), words)
    if not named or (len(named) == 1 and named[0] in _PROCESSES):
        return None
    trace = CommandTrace(".".join(named))
    current_trace.set(trace)
    return trace


def command_words(command: object, words: Sequence[str]) -> list[str]:
    """Those of the words that name commands: nothing that a user could have typed freely."""
    named: list[str] = []
    for word in words:
        below: Mapping[str, object] = getattr(command, "commands", {})
        if word in below:
            named.append(word)
            command = below[word]
        elif not word.startswith("-"):
            break
    return named


def _new_trace() -> SpanRef:
    return SpanRef(_new_id(16), _new_id(8))


def _new_id(size: int) -> int:
    return int.from_bytes(os.urandom(size), "big") or 1
