"""Notifies open pages that something happened, without a query of each page in the meantime.

One task of a process polls the ledger's head, and only while there are listeners; where the tail moved it asks for the
versions of those streams that have listeners. Listeners get the latest version, never a queue of them, so that a
slow one loses nothing that matters and holds nothing up.

What happens in a run is for viewers who see the run: check that before following it, and again before showing what is
new. `any` tells of every movement, also of what its listener may not see; send on only what looks different to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from orchestrator.background import BackgroundTask
from orchestrator.domain.events import run_stream
from orchestrator.ledger.book.errors import LedgerError, LedgerUnavailable
from orchestrator.ledger.schema.database import Database

log = logging.getLogger("offboard.ledger")

POLL_SECONDS = 0.3
MAX_POLL_SECONDS = 5.0
"""Seconds after which a database that neither answers nor refuses counts as away: a connection that is cut off says
nothing for minutes."""
MAX_PAUSE_SECONDS = 5.0
"""Seconds between two looks at a database that is away."""

_TAIL = "SELECT position FROM ledger.head"
_VERSIONS = """
SELECT s.stream, t.version FROM unnest(%s::text[]) AS s(stream) CROSS JOIN LATERAL (
    SELECT version FROM ledger.events e WHERE e.stream = s.stream ORDER BY e.version DESC LIMIT 1) t
"""


@dataclass(eq=False, slots=True)
class _Listener:
    """`stream` is None for a listener to everything. `at` is what was last reported, `now` the latest. `lost` is why
    the ledger could not be asked, for those who want to hear of it."""

    stream: str | None
    at: int
    now: int
    patient: bool
    lost: LedgerError | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, now: int) -> None:
        self.now = max(self.now, now)
        if self.now > self.at:
            self.woken.set()

    def lose(self, error: LedgerError) -> None:
        if not self.patient:
            self.lost = error
            self.woken.set()


def _silent(seconds: float) -> LedgerUnavailable:
    cause = f"it has not responded for {seconds:g} seconds"
    return LedgerUnavailable("PostgreSQL", cause, "The query is repeated until it responds")


class Following:
    """One per process and event loop. Close it when the process ends: every listener's loop then ends."""

    def __init__(
        self, database: Database, look_every: float = POLL_SECONDS, longest_look: float = MAX_POLL_SECONDS
    ) -> None:
        self._database = database
        self._look_every = look_every
        self._longest_look = longest_look
        self._listeners: set[_Listener] = set()
        self._task: BackgroundTask | None = None
        self._tail = -1
        self._newcomers = False
        self._closed = False

    async def run(self, run_id: str, after_version: int = 0, *, patient: bool = True) -> AsyncGenerator[int, None]:
        """The run's version, each time it differs from the last one reported; at once where it is beyond
        `after_version` already. Close the iterator, or cancel the waiting task, to stop listening. The patient wait
        until a ledger that is away comes back; for others this raises `LedgerError` as soon as a look fails."""
        listener = _Listener(run_stream(run_id), after_version, after_version, patient)
        async with contextlib.aclosing(self._listen(listener)) as versions:
            async for version in versions:
                yield version

    async def any(self, *, patient: bool = True) -> AsyncGenerator[None, None]:
        """Once at the beginning, for what came before anyone listened; then each time anything was written. Patient
        or not as with `run`."""
        async with contextlib.aclosing(self._listen(_Listener(None, -1, -1, patient))) as moves:
            async for _ in moves:
                yield

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def aclose(self) -> None:
        self._closed = True
        if self._task is not None:
            await self._task.stop()
        for listener in self._listeners:
            listener.woken.set()

    async def _listen(self, listener: _Listener) -> AsyncGenerator[int, None]:
        self._listeners.add(listener)
        try:
            self._newcomers = True
            if self._task is None or self._task.done:
                self._task = BackgroundTask(self._look_on(), "following the ledger", may_end=True)
            while True:
                await listener.woken.wait()
                listener.woken.clear()
                if self._closed:
                    return
                if listener.lost is not None:
                    raise listener.lost
                if listener.now > listener.at:
                    listener.at = listener.now
                    yield listener.at
        finally:
            self._listeners.discard(listener)

    async def _look_on(self) -> None:
        """Ends with the last listener; the next one starts it again."""
        pause = self._look_every
        while self._listeners:
            try:
                async with asyncio.timeout(self._longest_look):
                    await self._look()
                pause = self._look_every
            except (LedgerUnavailable, TimeoutError) as error:
                pause = min(pause * 2, MAX_PAUSE_SECONDS)
                self._lose(error if isinstance(error, LedgerUnavailable) else _silent(self._longest_look))
            except LedgerError as error:
                log.exception("following the ledger failed; retrying")
                pause = MAX_PAUSE_SECONDS
                self._lose(error)
            except Exception as error:
                log.error("following the ledger failed, retrying: %s", type(error).__name__)
                pause = MAX_PAUSE_SECONDS
                self._lose(LedgerUnavailable("this process", f"it failed ({type(error).__name__})", "Try again"))
            await asyncio.sleep(pause)

    def _lose(self, error: LedgerError) -> None:
        for listener in self._listeners:
            listener.lose(error)

    async def _look(self) -> None:
        newcomers, self._newcomers = self._newcomers, False
        try:
            async with self._database.driver() as connection:
                row = await (await connection.execute(_TAIL)).fetchone()
                tail = int(row[0]) if row is not None else 0
                if tail == self._tail and not newcomers:
                    return
                streams = sorted({listener.stream for listener in self._listeners if listener.stream is not None})
                found = await (await connection.execute(_VERSIONS, (streams,))).fetchall() if streams else []
        except BaseException:
            self._newcomers = self._newcomers or newcomers
            raise
        self._tail = tail
        versions = dict(found)
        for listener in self._listeners:
            listener.hear(tail if listener.stream is None else versions.get(listener.stream, 0))
