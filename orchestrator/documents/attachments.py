"""A file that somebody attaches as evidence: how large it may be, and what it is by its content."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from orchestrator.domain.errors import Invalid

LARGEST_ATTACHMENT = 1_048_576  # bytes
_BEGINNINGS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b": "application/gzip",
}


def attachment(file: Path) -> dict[str, Any]:
    """A file as evidence: its `name`, `media_type`, `bytes` and `sha256` (hex), and its `content` in base64. Raises
    `Invalid` for one that cannot be read or is too large."""
    try:
        if not file.is_file():  # a pipe or a device would be waited for
            raise Invalid("attachment_unreadable", f"{file}: there is no such file.", "Name a file with --attach.")
        with file.open("rb") as opened:
            content = opened.read(LARGEST_ATTACHMENT + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Invalid(
            "attachment_unreadable", f"{file} cannot be read: {why}.", "Name a file that you may read."
        ) from error
    if len(content) > LARGEST_ATTACHMENT:
        raise Invalid(
            "attachment_too_large",
            f"{file} is larger than 1 MiB, the most that an attachment may have.",
            "Make it smaller; or keep it where such files are kept, and say where: --evidence TEXT.",
        )
    return {
        "name": file.name.encode(errors="replace").decode(),  # a name of bytes that are no text cannot be written
        "media_type": media_type(content),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }


def media_type(content: bytes) -> str:
    """By what stands in it; a name's ending proves nothing."""
    for beginning, known in _BEGINNINGS.items():
        if content.startswith(beginning):
            return known
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if "\x00" in text else "text/plain"
