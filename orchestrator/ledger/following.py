"""Hearing that something was appended: one look at the ledger's end for everybody in this process who listens.

While nobody listens nothing is asked. A listener hears that a stream moved, never what happened: whoever wants to know
reads it, and is checked anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from sqlalchemy import func, select

from orchestrator.domain.events import run_stream
from orchestrator.ledger.database import Database
from orchestrator.ledger.errors import LedgerError
from orchestrator.ledger.tables import events, head

log = logging.getLogger("offboard.following")

EVERY = 0.3  # seconds between two looks
MOST = 5_000
"""Events of one look that are told apart by stream; where there are more, everybody is woken."""


class _Listener:
    """One who waits. It holds the latest version and no queue: who is slow misses steps in between, never the end."""

    def __init__(self, stream: str | None, version: int) -> None:
        self.stream = stream
        self.version = version
        self.moved = asyncio.Event()


class Following:
    """Raises nothing while the database is away: it looks again until it is back."""

    def __init__(self, database: Database, *, every: float = EVERY) -> None:
        self._database = database
        self._every = every
        self._listeners: set[_Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()

    async def run(self, run_id: str, after: int) -> AsyncIterator[int]:
        """A run's version whenever it is beyond `after`, and then each time that it has grown."""
        async for version in self._follow(_Listener(run_stream(run_id), after)):
            yield version

    async def any(self) -> AsyncIterator[None]:
        """Each time that anything at all was appended."""
        async for _ in self._follow(_Listener(None, 0)):
            yield None

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self, listener: _Listener) -> AsyncIterator[int]:
        self._listeners.add(listener)
        self._wanted.set()
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="following")
        try:
            if listener.stream is not None:
                # What was appended before anybody listened is told at once.
                with contextlib.suppress(LedgerError):
                    now = await self._version(listener.stream)
                    if now > listener.version:
                        listener.version = now
                        yield now
            while True:
                await listener.moved.wait()
                listener.moved.clear()
                yield listener.version
        finally:
            self._listeners.discard(listener)

    async def _look(self) -> None:
        position: int | None = None
        while True:
            if not self._listeners:
                self._wanted.clear()
                await self._wanted.wait()
                position = None
            try:
                position = await self._once(position)
            except LedgerError:
                log.warning("the ledger cannot be followed now")
            await asyncio.sleep(self._every)

    async def _once(self, position: int | None) -> int:
        async with self._database.connect() as connection:
            end = int((await connection.execute(select(head.c.position))).scalar_one())
            if position is None:
                # Nobody listened until now: each listener has looked at its own stream, or will by the next look.
                await self._tell_versions()
                return end
            if end == position:
                return end
            moved = (
                select(events.c.stream, func.max(events.c.version).label("version"))
                .where(events.c.position > position, events.c.position <= end)
                .group_by(events.c.stream)
            )
            if end - position <= MOST:
                versions = {row.stream: int(row.version) for row in await connection.execute(moved)}
                self._tell(versions)
                return end
        await self._tell_versions()
        return end

    async def _tell_versions(self) -> None:
        wanted = {listener.stream for listener in self._listeners if listener.stream is not None}
        self._tell({stream: await self._version(stream) for stream in wanted})

    def _tell(self, versions: dict[str, int]) -> None:
        for listener in self._listeners:
            if listener.stream is None:
                listener.moved.set()
            elif versions.get(listener.stream, 0) > listener.version:
                listener.version = versions[listener.stream]
                listener.moved.set()

    async def _version(self, stream: str) -> int:
        query = select(func.coalesce(func.max(events.c.version), 0)).where(events.c.stream == stream)
        async with self._database.connect() as connection:
            return int((await connection.execute(query)).scalar_one())
