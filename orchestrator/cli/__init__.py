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
    from orchestrator.cli import decisions, healthy, ledger, operating, packets, runs, serving, starts, systems

    app = _group("Removes what a leaving person can reach, step by step, with approvals and a record to check.")
    _add(app, HR, starts.start, runs.reschedule, runs.end, runs.runs, runs.show, runs.watch)
    _add(app, APPROVERS, decisions.inbox, decisions.approve, decisions.reject)
    tasks = typer.Typer(help="List what only a person can do, and say that it is done.")
    tasks.callback(invoke_without_command=True)(operating.tasks)
    _add(tasks, None, operating.complete)
    exceptions = typer.Typer(help="List what did not go as planned, and settle it.")
    exceptions.callback(invoke_without_command=True)(operating.exceptions)
    _add(exceptions, None, operating.settle, operating.accept, operating.replan)
    app.add_typer(tasks, name="tasks", rich_help_panel=OPERATORS)
    app.add_typer(exceptions, name="exceptions", rich_help_panel=OPERATORS)
    _add(app, OPERATORS, operating.retry, operating.skip, operating.hold, operating.release)
    for name, panel, group, of in (
        ("systems", OPERATORS, _group("Look at the systems of a packet."), [systems.check]),
        ("packet", OWNERS, _group("Check, sign and move packets."), [packets.check, packets.sign, packets.move]),
        (
            "ledger", ADMINISTRATORS, _group("Sign, verify and export the ledger; make the read tables anew."),
            [ledger.checkpoint, ledger.verify, ledger.rebuild, ledger.export, ledger.key, serving.migrate],
        ),
    ):  # fmt: skip
        _add(group, None, *of)
        app.add_typer(group, name=name, rich_help_panel=panel)
    _add(
        app,
        ADMINISTRATORS,
        serving.up,
        serving.demo,
        serving.worker,
        serving.relay,
        serving.web,
        serving.migrate,
        healthy.healthy,
    )
    return app


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _add(app: typer.Typer, panel: str | None, *commands: Callable[..., None]) -> None:
    for command in commands:
        app.command(rich_help_panel=panel)(command)


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
