"""Files on this machine that a user attaches as evidence."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.terminal.local_refusals import LocalRefusal

MAX_ATTACHMENT_BYTES = 10 << 20
"""Bytes; the server takes no more of a file, and is not sent more."""


def attachment(file: Path) -> tuple[str, bytes]:
    """Its name and its content. Raises `Invalid` for a file that cannot be read or is too large."""
    try:
        if not file.is_file():  # a pipe or a device would be waited for
            raise LocalRefusal(
                "attachment_unreadable", f"{file} is not an existing file.", "Give a file with --attach."
            )
        with file.open("rb") as opened:
            content = opened.read(MAX_ATTACHMENT_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise LocalRefusal(
            "attachment_unreadable", f"{file} cannot be read: {why}.", "Give a file that you can read."
        ) from error
    if len(content) > MAX_ATTACHMENT_BYTES:
        raise LocalRefusal(
            "attachment_too_large",
            f"{file.name} is larger than {MAX_ATTACHMENT_BYTES >> 20} MiB, the limit for an attachment.",
            "Attach a smaller file, or store it elsewhere and give its location in --evidence.",
        )
    return file.name, content
