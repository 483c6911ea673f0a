"""An exception at the terminal: its state, and what people recorded about it."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.cli.terminal.screen import instant
from orchestrator.cli.terminal.shapes import code_words
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import DISPOSITION, EXCEPTION, EXCEPTION_STATE, label


def exception_words(known: Document) -> str:
    """The kind of an exception and its cause: `Step failed: unexpected response`."""
    why = f": {code_words(known['code'])}" if known["code"] else ""
    return label(known["kind"], EXCEPTION) + why


def exception_state(known: Document) -> str:
    if known["disposition"]:
        return label(known["disposition"], DISPOSITION)
    if known.get("waived_until"):
        return label("waived", EXCEPTION_STATE)
    return label("open", EXCEPTION_STATE)


def record_lines(known: Document) -> Iterator[str]:
    """The waiver, the snooze, the comments, and why it was closed. A server of an earlier version names none."""
    if waiver := known.get("waiver"):
        control = waiver["compensating_control"]
        yield f"Waived until {instant(waiver['until'])} by {waiver['by']}{quoted(waiver['reason'])}" + (
            f" Compensating control{quoted(control)}" if control else ""
        )
    if known.get("snoozed_until") and known["closed_at"] is None:
        yield f"Snoozed until {instant(known['snoozed_until'])}."
    for comment in known.get("comments", ()):
        yield f"{comment['by']}, {instant(comment['at'])}{quoted(comment['text'])}"
    if known.get("reason"):
        by = known.get("closed_by") or known.get("by") or "Offboard"
        instead_of = f" for {known['on_behalf_of']}" if known.get("on_behalf_of") else ""
        yield f"Closed by {by}{instead_of}, {instant(known['closed_at'])}{quoted(known['reason'])}"


def quoted(text: str | None) -> str:
    """The end of a sentence: a text of a person, or the full stop."""
    return f": “{text}”" if text else "."
