"""Parses times as people type them."""

from __future__ import annotations

from datetime import datetime

from orchestrator.cli.terminal.local_refusals import LocalRefusal


def instant_given(text: str) -> str:
    """As ISO 8601 with an offset; a local time is one of the reader's zone. Raises `Invalid`."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise LocalRefusal(
            "time_unreadable", f"{text[:40]!r} is not a valid time.", "Example: 2026-11-30T17:00."
        ) from None
