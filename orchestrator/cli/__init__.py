"""The command line `offboard`. People's commands ask the API and show its answer; administrators' work beside the
database."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from orchestrator.cli.command_table import SECTIONS
from orchestrator.cli.loading import PLAIN, group_class


def make_app() -> typer.Typer:
    """The commands, by who uses them. A command's module is imported when the command is used."""
    app = typer.Typer(
        cls=group_class(SECTIONS),
        help=_options.__doc__,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        **PLAIN,
    )
    app.callback()(_options)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"offboard {version('offboard')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Offboard people: remove access step by step, with approvals and a verifiable record."""


def main() -> None:
    """The entry point. Ends the process deliberately: Temporal's library may trip over the interpreter's own end."""
    logging.getLogger().addHandler(logging.NullHandler())
    from orchestrator.cli.command_trace import trace_command

    code, trace = 0, None
    try:
        app = make_app()
        trace = trace_command(lambda: typer.main.get_command(app), sys.argv[1:])
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    if trace is not None:
        trace.send(code, os.environ)
    os._exit(code)
