"""The media type of a file, from its content. A type that a browser would run is replaced by plain bytes."""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = "application/octet-stream"
_BEGINNINGS: Final = {
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
_SNIFFED_CHARACTERS = 4096
"""Characters in which a tag makes a text a page: more than any browser looks at (WHATWG MIME Sniffing: 1,445 bytes)."""
_ACTIVE = re.compile(
    r"<\s*(?:!doctype|!--|\?xml|html|head|body|script|svg|iframe|style|title|meta|link|object|embed|form|table|img|a"
    r"|div|h1|p|br|b|font|x?[a-z]+:)\b|<!--|<\?",
    re.IGNORECASE,
)


def media_type(content: bytes) -> str:
    """By its content; a name's ending proves nothing. HTML, SVG, XML and scripts are `application/octet-stream`,
    like programs and everything else that is not known here."""
    for beginning, known in _BEGINNINGS.items():
        if content.startswith(beginning):
            return known
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return UNKNOWN
    if "\x00" in text or text.startswith("#!") or _ACTIVE.search(text[:_SNIFFED_CHARACTERS]):
        return UNKNOWN
    return "text/plain"
