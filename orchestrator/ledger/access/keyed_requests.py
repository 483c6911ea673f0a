"""A request that came with a key, and is repeated since its process died before it answered: what it appended is found
again, and not decided a second time.

Each decision on a stream has a number within its request. Its append has an id that is made of the request, the
stream and the number, and is written with the events. A repeated request looks for that id before it decides. Appends
of requests without a key have random ids.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid5

from orchestrator.ledger.book.records import Recorded
from orchestrator.ledger.book.store import Ledger

_NAMESPACE: Final = UUID("5a0a6b1e-4f7c-5d0b-9f53-0a6d1f0c5b7e")


@dataclass(slots=True)
class KeyedRequest:
    """`request_id` is the same if the request is repeated; `repeated` says that it may have been received before.
    `decided`: a decision of this request has begun, so that it may have appended events."""

    request_id: str
    repeated: bool
    decided: bool = False
    numbers: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class KeyedAppend:
    """`append_id` is None without a key."""

    stream: str
    append_id: UUID | None = None
    repeated: bool = False

    async def found(self, ledger: Ledger) -> list[Recorded]:
        """What the request appended here when it was received first; empty if it appended nothing."""
        return await ledger.appended(self.stream, self.append_id) if self.repeated and self.append_id else []


_CURRENT: ContextVar[KeyedRequest | None] = ContextVar("keyed_request", default=None)


@contextmanager
def keyed(request: KeyedRequest) -> Iterator[None]:
    """What is decided inside belongs to this request."""
    token = _CURRENT.set(request)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def keyed_append(stream: str) -> KeyedAppend:
    """The append of the next decision on this stream."""
    request = _CURRENT.get()
    if request is None:
        return KeyedAppend(stream)
    request.decided = True
    number = request.numbers[stream]
    request.numbers[stream] += 1
    return KeyedAppend(stream, uuid5(_NAMESPACE, f"{request.request_id}\0{stream}\0{number}"), request.repeated)


def new_id(what: str, random: Callable[[], str]) -> str:
    """16 hexadecimal digits that name a new thing, such as a token. In a request with a key they are the same if it is
    repeated."""
    request = _CURRENT.get()
    if request is None:
        return random()
    number = request.numbers[f"id:{what}"]
    request.numbers[f"id:{what}"] += 1
    return hashlib.sha256(f"{request.request_id}\0{what}\0{number}".encode()).hexdigest()[:16]
