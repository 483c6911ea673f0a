"""Options in front of a group's command are the command's own."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from orchestrator.cli.terminal.options import As, PacketOption, has_subcommand


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["check"], ("check", None, "p")),
        (["--as", "it", "check"], ("check", "it", "p")),
        (["--as", "it", "--packet", "q", "check", "--as", "hr"], ("check", "hr", "q")),
        (["--as", "it"], ("group", "it", "p")),
    ],
)
def test_an_option_before_the_command_counts(words: list[str], expected: Any) -> None:
    application, seen = typer.Typer(), []

    @application.callback(invoke_without_command=True)
    def group(context: typer.Context, alias: As = None, packet: PacketOption = "p") -> None:
        if not has_subcommand(context):
            seen.append(("group", alias, packet))

    @application.command()
    def check(alias: As = None, packet: PacketOption = "p") -> None:
        seen.append(("check", alias, packet))

    result = CliRunner().invoke(application, words)
    assert (result.exit_code, seen) == (0, [expected]), result.output
