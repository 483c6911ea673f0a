"""The command line `offboard`. Every command parses, calls `orchestrator.commands` or a query, and shows the answer."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

import typer

HR, APPROVERS, OPERATORS, OWNERS, ADMINISTRATORS = (
    "HR and everybody", "Approvers", "Operators", "The packet's owners", "Administrators",
)  # fmt: skip


def make_app() -> typer.Typer:
    """The commands, by who uses them. Modules are imported here, so that importing this package costs nothing."""
    from orchestrator.cli import decisions, runs, serving, starts

    app = typer.Typer(
        name="offboard",
        help="Removes what a leaving person can reach, step by step, with approvals and a record to check.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    commands: tuple[tuple[str, list[Callable[..., None]]], ...] = (
        (HR, [starts.start, runs.reschedule, runs.end, runs.runs, runs.show, runs.watch]),
        (APPROVERS, [decisions.inbox, decisions.approve, decisions.reject]),
        (ADMINISTRATORS, [serving.up, serving.demo, serving.worker, serving.relay, serving.migrate]),
    )
    for panel, named in commands:
        for command in named:
            app.command(rich_help_panel=panel)(command)
    return app


def main() -> None:
    """The entry point. Ends the process deliberately: Temporal's library may trip over the interpreter's own end."""
    logging.getLogger().addHandler(logging.NullHandler())
    code = 0
    try:
        make_app()()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    os._exit(code)
