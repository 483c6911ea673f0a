"""The question after the preview of a command that changes much."""

from __future__ import annotations

import typer

from orchestrator.cli.terminal.local_refusals import require_terminal
from orchestrator.cli.terminal.screen import say


def require_confirmed(what: str, question: str, unchanged: str) -> None:
    """Asks, and ends the command with exit code 1 and the line `unchanged` unless the answer is yes. Raises
    `LocalRefusal` where no one can answer; `what` is the subject of its sentence."""
    require_terminal(what)
    if not typer.confirm(question, default=False):
        say(unchanged)
        raise typer.Exit(1)
