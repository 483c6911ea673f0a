"""Unexpected errors of activities: reported by code, without the text of the error.

A message that was not written for logs can contain personal data: a value, a URL, a system's text. So
it is sent neither to the log nor to Temporal. The type of error and the places in our code are kept.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from temporalio.exceptions import FailureError

from connectors.boundary.unforeseen import kinds_of, places_of

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
    """Logs that something failed in an unexpected way: the kinds of error and the places, which it returns."""
    kinds, places = kinds_of(error), places_of(error)
    log.error("%s failed: %s at %s", what, kinds, places)
    return f"{kinds} at {places}"
