"""What goes wrong in an activity without anybody having foreseen it: coded, and without a word of what it said.

A message that nobody wrote for logs may name a person: a value that did not validate, a URL, a system's own text. So
neither the log nor the engine gets it. The kind of error and the places in our code stay.
"""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from temporalio.exceptions import FailureError

log = logging.getLogger("offboard.activities")

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


class ActivityFailed(Exception):
    """`str()` is the kind of the error that ended the activity."""


def redacted(
    activity: Callable[Concatenate[S, P], Awaitable[R]],
) -> Callable[Concatenate[S, P], Awaitable[R]]:
    """Wraps an activity's method. What is raised inside leaves as `ActivityFailed`; the engine repeats it."""

    @functools.wraps(activity)
    async def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await activity(self, *args, **kwargs)
        except FailureError:
            raise
        except Exception as error:
            kinds = log_unexpected(activity.__name__, error)
        # Outside of the except clause, so that what was said is not the context of what is raised.
        raise ActivityFailed(kinds)

    return guarded


def log_unexpected(what: str, error: Exception) -> str:
    """Logs that something failed in a way that nobody foresaw: the kinds of error and the places, which it returns."""
    kinds, places = _kinds(error), _places(error)
    log.error("%s failed: %s at %s", what, kinds, places)
    return f"{kinds} at {places}"


def _kinds(error: BaseException) -> str:
    kinds = [type(error).__name__]
    while (cause := error.__cause__ or error.__context__) is not None and len(kinds) < 5:
        kinds.append(type(cause).__name__)
        error = cause
    return " from ".join(kinds)


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
