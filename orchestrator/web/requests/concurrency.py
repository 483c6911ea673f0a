"""Limits how many requests are processed at the same time, in total and for each client.

A caller with a session or a valid token has a share of their own. All who have proved nothing
yet have one share together, however many names they give themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from orchestrator.domain.errors import TooOften

MAX_CONCURRENT_REQUESTS = 48
"""Requests that are worked on together. A crowd waits in line for its turn, rather than each for one of a few
connections to the database until its patience ends. Streams of events last, and are no part of it."""
MAX_PER_ACCOUNT = 12
"""Of one account, in however many browsers and with however many tokens."""
ANONYMOUS_SLOTS = 24
"""Of all who have not been found to be anyone yet."""
MAX_REMEMBERED = 10_000
"""Sessions and tokens that are remembered as valid. One that is forgotten counts as anonymous once."""
ANONYMOUS = ""
HEALTH = "\0health"
"""The share of health checks, which no account has: a crowd of others does not delay them."""
HEALTH_SLOTS = 4


@dataclass(slots=True)
class _Share:
    """`wanted` counts those who have a place of it and those in line: while there are any, it is not forgotten."""

    places: asyncio.Semaphore
    wanted: int = 0


@dataclass(slots=True)
class ConcurrencyLimiter:
    """Of one process. `whose` is a hash of the secret that a request came with."""

    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CONCURRENT_REQUESTS))
    _shares: dict[str, _Share] = field(default_factory=dict)
    _known: OrderedDict[bytes, str] = field(default_factory=OrderedDict)

    def proved(self, whose: bytes, actor_id: str) -> None:
        """What came with this secret was done as this account."""
        self._known[whose] = actor_id
        self._known.move_to_end(whose)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    async def take(self, whose: bytes, *, health: bool = False) -> str:
        """Waits in line behind one's own first, and then behind everyone. Returns whose share it is of, for
        `give_back`. `health`: the request is a health check."""
        name = HEALTH if health else self._known.get(whose, ANONYMOUS)
        places = {ANONYMOUS: ANONYMOUS_SLOTS, HEALTH: HEALTH_SLOTS}.get(name, MAX_PER_ACCOUNT)
        share = self._shares.setdefault(name, _Share(asyncio.Semaphore(places)))
        share.wanted += 1
        try:
            await share.places.acquire()
            try:
                await self._places.acquire()
            except BaseException:
                share.places.release()
                raise
        except BaseException:
            self._leave(name, share)
            raise
        return name

    def give_back(self, name: str) -> None:
        share = self._shares[name]
        self._places.release()
        share.places.release()
        self._leave(name, share)

    def _leave(self, name: str, share: _Share) -> None:
        share.wanted -= 1
        if not share.wanted:
            del self._shares[name]


class Slot:
    """One request's place among those that are worked on together."""

    def __init__(self, turns: ConcurrencyLimiter, whose: bytes, *, health: bool = False) -> None:
        self._turns = turns
        self._whose = whose
        self._health = health
        self._of: str | None = None

    async def take(self) -> None:
        if self._of is None:
            self._of = await self._turns.take(self._whose, health=self._health)

    def give_up(self) -> None:
        if self._of is not None:
            of, self._of = self._of, None
            self._turns.give_back(of)


@asynccontextmanager
async def out_of_turn(request: Request) -> AsyncIterator[None]:
    """For waiting for another server: the request gives up its place meanwhile, so that a server that does not respond
    delays only those who wait for it."""
    slot: Slot = request.scope[SLOT]
    slot.give_up()
    try:
        yield
    finally:
        await slot.take()


class StreamLimit:
    """How many streams of events each account has open, in however many browsers and with however many tokens."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def opened(self, request: Request, actor_id: str) -> None:
        """Counts a stream until its request ends. Raises `TooOften`."""
        if self._open[actor_id] >= MAX_STREAMS:
            raise TooOften("too_many_streams", f"{MAX_STREAMS} event streams are already open.", again_after=60)
        self._open[actor_id] += 1
        request.scope[STREAM_OF] = actor_id

    def ended(self, scope: MutableMapping[str, Any]) -> None:
        """For every request, with or without a stream."""
        if (actor_id := scope.pop(STREAM_OF, None)) is not None:
            self._open -= Counter([actor_id])  # what comes to nothing is forgotten


def count_stream(request: Request, actor_id: str) -> None:
    """Each route that answers with a stream of events begins with this. Raises `TooOften`."""
    limit: StreamLimit = request.scope[STREAMS]
    limit.opened(request, actor_id)


MAX_STREAMS = 40
"""Streams of events of one account: each looks whenever anything happens."""
SLOT = "offboard.slot"
STREAMS = "offboard.streams"
STREAM_OF = "offboard.stream_of"
"""Where a request's scope has its `Slot`, the process's `StreamLimit`, and the account whose stream it is."""
