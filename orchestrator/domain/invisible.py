"""Characters that a reader does not see, or that change how the text around them is shown.

Unicode Technical Standard 55 (source code handling), section 3, describes how they make a text read other than it is.
"""

from __future__ import annotations

import re
from typing import Final

CONTROLS: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
"""C0 without tab and line ends, DEL, and C1: terminals obey them."""
BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
JOINERS: Final = "\u200c\u200d"
"""Names in Persian and Indic scripts need them inside."""
ZERO_WIDTH: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\U000e0000-\U000e007f"
)

_STEERING: Final = re.compile(f"[{CONTROLS}{BIDI}]")
_INVISIBLE: Final = re.compile(f"[{CONTROLS}{BIDI}{ZERO_WIDTH}{JOINERS}]")
_EMPTY: Final = re.compile(f"[{CONTROLS}{BIDI}{ZERO_WIDTH}{JOINERS}\\s\u2800\ufe00-\ufe0f]+")
"""Beside those without a shape: spaces, the pattern of Braille without dots, and variation selectors."""


def shown(text: str) -> str:
    """For pages: a replacement character for each control and bidirectional character."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text) if _STEERING.search(text) else text


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing of the text. Such a text is no reason and no evidence."""
    return not _EMPTY.sub("", text)


def first_invisible(text: str) -> re.Match[str] | None:
    return _INVISIBLE.search(text)
