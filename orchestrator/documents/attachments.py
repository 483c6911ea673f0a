"""A file on this machine that somebody attaches as evidence."""

from __future__ import annotations

from pathlib import Path

from orchestrator.domain.errors import Invalid
from orchestrator.ledger.files import LARGEST_FILE, Attachment, demand_size


def attachment(file: Path) -> Attachment:
    """Raises `Invalid` for a file that cannot be read, is empty or is too large."""
    try:
        if not file.is_file():  # a pipe or a device would be waited for
            raise Invalid("attachment_unreadable", f"{file}: there is no such file.", "Name a file with --attach.")
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Invalid(
            "attachment_unreadable", f"{file} cannot be read: {why}.", "Name a file that you may read."
        ) from error
    demand_size(len(content), file.name)
    return Attachment(file.name, content)
