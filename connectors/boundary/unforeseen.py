"""The description of an unexpected error: the types of errors and the places in our code.

Its message may hold personal data: a value that did not validate, an address, a system's own text.
"""

from __future__ import annotations

import traceback
from pathlib import Path

_MAX_CAUSES = 5
_FRAMES = 4


def kinds_of(error: BaseException) -> str:
    """The names of the error's type and of its causes' types."""
    kinds = [type(error).__name__]
    while (cause := error.__cause__ or error.__context__) is not None and len(kinds) < _MAX_CAUSES:
        kinds.append(type(cause).__name__)
        error = cause
    return " from ".join(kinds)


def places_of(error: BaseException) -> str:
    """The files and lines of the innermost calls."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
