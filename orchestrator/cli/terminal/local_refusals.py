"""Refusals by the command line itself, before or instead of a request to a server."""

from __future__ import annotations

import sys
from typing import cast

import typer

from orchestrator.cli.terminal.screen import say
from orchestrator.domain.errors import Invalid
from orchestrator.domain.refusal_codes import RefusalCode


class LocalRefusal(Invalid):
    """Place and cause, and the remedy in the terminal's own words. Its code is the command line's own."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(cast(RefusalCode, code), message)
        self.remedy = remedy


def require_terminal(what: str) -> None:
    """Refuses a command whose preview no one can confirm, because the input is not a terminal."""
    if not sys.stdin.isatty():
        raise LocalRefusal(
            "confirmation_missing", f"{what} was not confirmed.", "Check the preview above, then add --yes."
        )


def require_confirmed(what: str, question: str, unchanged: str) -> None:
    """Asks, and ends the command with exit code 1 and the line `unchanged` unless the answer is yes. Raises
    `LocalRefusal` where no one can answer; `what` is the subject of its sentence."""
    require_terminal(what)
    if not typer.confirm(question, default=False):
        say(unchanged)
        raise typer.Exit(1)
