"""Changes that exclude each other: of one thing that is written as a whole, such as the list of a group's members.

Two attempts that read such a list before either writes it undo each other: the second one writes what the first one
took out. Where the system takes no condition (`If-Match`), a request names the thing that it is about
(`connectors.http.requests.Request.exclusive`), and the caller of the connector keeps all workers apart.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar

Exclusion = Callable[[str, float], AbstractAsyncContextManager[bool]]
"""Gets the thing, and for how many seconds at most to wait. The value is whether no other attempt changes the thing
while the block runs."""


@asynccontextmanager
async def _excludes_no_one(thing: str, at_most: float) -> AsyncIterator[bool]:
    yield True


_exclusion: ContextVar[Exclusion] = ContextVar("exclusion of other changes", default=_excludes_no_one)


@contextmanager
def others_excluded_by(exclusion: Exclusion) -> Iterator[None]:
    """For the calls of connectors in this block. Without it, as in a rehearsal or a test, no one is excluded."""
    token = _exclusion.set(exclusion)
    try:
        yield
    finally:
        _exclusion.reset(token)


def current_exclusion() -> Exclusion:
    return _exclusion.get()
