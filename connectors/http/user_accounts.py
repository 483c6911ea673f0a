"""Steps of connectors whose system shows one document for each user: the read-backs of a user, and its deletion.

Such a connector has a flow `user_of`: the user of an effect's account, and, where there is none, whether the system
itself says so, and not a server in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError
from connectors.http.requests import Flow
from connectors.read_backs import account_missing, deletion


class HasEvidence(Protocol):
    """A user as the system shows it."""

    def evidence(self) -> dict[str, Any]: ...


FoundT = TypeVar("FoundT", bound=HasEvidence)
UserOf = Callable[[Effect], Flow[tuple[FoundT | None, bool]]]
ReadBackFlow = Callable[[object, Effect], Flow[ReadBack]]
"""A read-back, which gets the connector's settings and the effect."""


def read_back_of(user_of: UserOf[FoundT]) -> Callable[[Callable[[FoundT, Effect], Flow[ReadBack]]], ReadBackFlow]:
    """A decorator: what looks at a user becomes a read-back, which reports an account that is not there."""

    def decorated(look: Callable[[FoundT, Effect], Flow[ReadBack]]) -> ReadBackFlow:
        def read_back(settings: object, effect: Effect) -> Flow[ReadBack]:
            user, _ = yield from user_of(effect)
            return account_missing() if user is None else (yield from look(user, effect))

        return read_back

    return decorated


def deletion_of(user_of: UserOf[FoundT]) -> ReadBackFlow:
    """The read-back of a deletion."""

    def read_back(settings: object, effect: Effect) -> Flow[ReadBack]:
        user, gone = yield from user_of(effect)
        return deletion(None if user is None else user.evidence(), confirmed=gone)

    return read_back


def deleted(*, gone: bool, already: bool, lacks: str, system: str) -> Mapping[str, Any]:
    """The reply to a deletion. `gone`: the system itself says that there is no such user any more; `already`: there was
    none before. Raises `ActionRequiredError("answer_not_understood")` for a 404 that `lacks` what the system sends."""
    if not gone:
        raise ActionRequiredError(
            "answer_not_understood",
            f"The answer was a 404 without {lacks}.",
            remedy=f"Check that url is the address of {system}.",
            happened="no",
        )
    return {"deleted": True, "already_gone": already}
