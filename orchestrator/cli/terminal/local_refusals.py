"""Refusals by the command line itself, before or instead of a request to a server."""

from __future__ import annotations

import sys
from typing import cast

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
