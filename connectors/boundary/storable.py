"""Which text and JSON values of a system can be stored.

The ledger stores UTF-8, which has no lone surrogates, in PostgreSQL, whose `text` and `jsonb` take no NUL. A value that
cannot be stored would make every attempt to record it fail, so it is refused where an answer is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def is_storable_text(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def storable_text(text: str) -> str:
    """The text with U+FFFD in place of each character that cannot be stored."""
    return _UNSTORABLE.sub("\ufffd", text)


def is_storable(value: Any) -> bool:
    """Whether `value` is a JSON value (mappings and tuples count as objects and lists) that can be stored."""
    remaining = [value]
    while remaining:
        each = remaining.pop()
        match each:
            case None | bool() | int():
                pass
            case str():
                if not is_storable_text(each):
                    return False
            case float():
                if not math.isfinite(each):
                    return False
            case Mapping():
                if not all(isinstance(key, str) for key in each):
                    return False
                remaining += each.keys()
                remaining += each.values()
            case list() | tuple():
                remaining += each
            case _:
                return False
    return True
