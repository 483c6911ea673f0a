"""What an attempt would send, found out without changing anything.

A rehearsal carries out an ability as an attempt does, up to each request that changes something. Such a request is
written down and not sent, and the ability goes on as if the system had accepted it. Requests that read are sent. What
follows may depend on the response to a change, so a rehearsal says where it could not go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from connectors.abilities import Effect, Pace, unpaced
from connectors.errors import ConnectorError

MAX_CHANGES = 100
"""Changes after which a rehearsal ends: an ability that repeats a change until it shows would never end."""


@dataclass(frozen=True, slots=True)
class RehearsedRequest:
    """One request, without anything about a person: `method` is that of HTTP, an operation of LDAP or `SQL`, `path` the
    path template, the attributes or the statement with `{}` for names, `operation_id` the vendor's or protocol's name
    of the operation. `changes`: it would change something, and was not sent."""

    method: str
    path: str
    operation_id: str = ""
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The requests in order. `complete` is false where further requests would depend on the response to a change."""

    requests: tuple[RehearsedRequest, ...]
    complete: bool = True


class RehearsalStopped(Exception):
    """Raised in a rehearsal that has seen `MAX_CHANGES` changes."""


@dataclass(slots=True)
class Rehearsing:
    """A rehearsal in progress, as clients and sessions fill it in."""

    requests: list[RehearsedRequest] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether a change was held back, so that what the system shows from now on is not what would be there."""
        return any(request.changes for request in self.requests)

    def note(self, request: RehearsedRequest) -> None:
        """Raises `RehearsalStopped`."""
        self.requests.append(request)
        if sum(one.changes for one in self.requests) >= MAX_CHANGES:
            raise RehearsalStopped

    async def of(self, work: Awaitable[object]) -> Rehearsal:
        """What `work`, which notes its requests here, would send. Raises the `ConnectorError` that comes before its
        first change; later errors can come from the changes that were not sent, so they end the rehearsal only."""
        try:
            await work
        except (ConnectorError, RehearsalStopped):
            if not self.changed:
                raise
            return Rehearsal(tuple(self.requests), complete=False)
        return Rehearsal(tuple(self.requests))


@runtime_checkable
class Rehearses(Protocol):
    """A connector that can say what an attempt would send."""

    async def rehearse(self, effect: Effect, *, pace: Pace = unpaced) -> Rehearsal | None:
        """Raises the `ConnectorError` that an attempt would raise before its first change. For an ability of the level
        `read`, the requests of its read-back. None where this connector can't tell."""
        ...


def with_counts(requests: Sequence[RehearsedRequest]) -> list[tuple[RehearsedRequest, int]]:
    """Each request once, in the order of the first, with how often it is sent."""
    counted: dict[RehearsedRequest, int] = {}
    for request in requests:
        counted[request] = counted.get(request, 0) + 1
    return list(counted.items())
