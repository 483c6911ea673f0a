"""The one writer of a process: takes whatever appends wait and commits them as a group."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from uuid import UUID

import psycopg

from orchestrator.background import BackgroundTask
from orchestrator.ledger.book.commit import (
    AppendOutcome,
    CommitLost,
    PreparedAppend,
    commit_group,
    was_committed,
)
from orchestrator.ledger.book.errors import AppendRefused, LedgerError, LedgerUnavailable, OutcomeUnknown
from orchestrator.ledger.book.records import Appended
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.driver_pool import DriverConnection

GROUP_APPENDS = 256
GROUP_EVENTS = 500
GROUP_BYTES = 4 << 20

_ATTEMPTS = 3
_RETRIED_WITHIN_SECONDS = 10.0
"""A group whose connection broke is tried again until then: longer than a frozen process can hold the head."""
_GROUP_SECONDS = 45.0
"""Longer than the server's statement time-out: only a connection that went dead without a word takes as long."""
_SETTLE_SECONDS = 30.0


@dataclass(slots=True)
class _Waiting:
    prepared: PreparedAppend
    outcome: asyncio.Future[Appended]


class GroupWriter:
    """Commits appends in groups, in the order in which they arrive, over one connection of its own. If a caller is
    cancelled before its append was taken, the append is withdrawn; after that it is written, together with its group.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._arrival = asyncio.Event()
        self._task: BackgroundTask | None = None
        self._connection: DriverConnection | None = None
        self._closing = False

    async def submit(self, prepared: PreparedAppend) -> Appended:
        """Raises the append's own `VersionConflict`, `EventKeyTaken` or `AppendRefused`, or `LedgerUnavailable`."""
        if self._closing:
            raise LedgerUnavailable("this process", "its ledger is closed", "Send it to another process")
        waiting = _Waiting(prepared, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrival.set()
        if self._task is None:
            self._task = BackgroundTask(self._run(), "ledger group writer", may_end=True)
        return await waiting.outcome

    async def aclose(self) -> None:
        """Commits what waits, then closes the connection. Later appends are refused."""
        self._closing = True
        self._arrival.set()
        if self._task is not None:
            await self._task.stop(within=None)
            self._task = None

    async def _run(self) -> None:
        try:
            while True:
                await self._arrival.wait()
                # Let the callers whom the last group woke hand in what they append next: bigger groups, fewer commits.
                await asyncio.sleep(0)
                group = self._take()
                if group:
                    await self._serve(group)
                elif self._closing:
                    return
                else:
                    self._arrival.clear()
        finally:
            self._closing = True
            for waiting in self._waiting:
                if not waiting.outcome.done():
                    waiting.outcome.set_exception(
                        LedgerUnavailable(
                            "this process", "its ledger's writer was stopped", "Try again in another process"
                        )
                    )
            await self._drop()

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        events = size = 0
        while self._waiting and len(group) < GROUP_APPENDS:
            following = self._waiting[0].prepared
            if group and (events + following.events > GROUP_EVENTS or size + following.size > GROUP_BYTES):
                break
            waiting = self._waiting.popleft()
            if waiting.outcome.done():
                continue
            group.append(waiting)
            events += following.events
            size += following.size
        return group

    async def _serve(self, group: list[_Waiting]) -> None:
        outcomes: list[AppendOutcome]
        try:
            outcomes = await self._commit([waiting.prepared for waiting in group])
        except LedgerError as error:
            outcomes = [error] * len(group)
        except BaseException as error:
            for waiting in group:
                if not waiting.outcome.done():
                    waiting.outcome.set_exception(
                        OutcomeUnknown("ledger writer", f"it failed ({type(error).__name__})", "Try again")
                    )
            if not isinstance(error, Exception):
                raise
            await self._drop()
            return
        for waiting, outcome in zip(group, outcomes, strict=True):
            if waiting.outcome.done():
                continue
            if isinstance(outcome, Appended):
                waiting.outcome.set_result(outcome)
            else:
                waiting.outcome.set_exception(outcome)

    async def _commit(self, group: list[PreparedAppend]) -> list[AppendOutcome]:
        fault: LedgerUnavailable | None = None
        loop = asyncio.get_running_loop()
        tried_until = loop.time() + _RETRIED_WITHIN_SECONDS
        for _ in range(_ATTEMPTS):
            try:
                connection = await self._connected()
                async with asyncio.timeout(_GROUP_SECONDS):
                    return await commit_group(connection, group)
            except CommitLost as lost:
                await self._drop()
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError from lost
                if lost.witness is not None and await self._settled(lost.witness):
                    return lost.outcomes
            except psycopg.Error as error:
                broken = self._connection is None or self._connection.broken
                await self._drop()
                fault = self._database.unavailable(error)
                if broken and fault is not None and loop.time() < tried_until:
                    continue
                if fault is not None:
                    raise fault from error
                return await self._one_by_one(group, error)
            except TimeoutError as error:
                # Before the COMMIT was sent: the connection is dropped and with it the transaction.
                await self._drop()
                raise LedgerUnavailable(self._database.place, "it did not respond in time", "Try again") from error
            except Exception:
                # A fault of ours under the lock: let go of it at once, with the connection.
                await self._drop()
                raise
        raise fault or LedgerUnavailable(self._database.place, "the connection failed repeatedly", "Try again")

    async def _one_by_one(self, group: list[PreparedAppend], error: psycopg.Error) -> list[AppendOutcome]:
        """So that one append's fault fails that append only."""
        if len(group) == 1:
            refused = AppendRefused(
                f"append to {', '.join(part.stream for part in group[0].streams)}",
                f"the database rejects it ({type(error).__name__}, SQLSTATE {error.sqlstate})",
                "This is a bug: check which value does not fit its column",
            )
            refused.__cause__ = error
            return [refused]
        outcomes: list[AppendOutcome] = []
        for prepared in group:
            try:
                outcomes.extend(await self._commit([prepared]))
            except LedgerError as unavailable:
                outcomes.append(unavailable)
        return outcomes

    async def _settled(self, witness: tuple[int, UUID]) -> bool:
        """Asks on a new connection, until there is an answer. Raises `OutcomeUnknown` when there is none in time."""
        fault: Exception | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                pause = 0.05
                while True:
                    try:
                        return await was_committed(await self._connected(), witness)
                    except (psycopg.Error, LedgerUnavailable) as error:
                        fault = error
                        await self._drop()
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 2.0)
        await self._drop()
        raise OutcomeUnknown(
            self._database.place,
            "the connection broke around a COMMIT and the outcome could not be learned",
            "Try again: the same event keys and expected versions write nothing twice",
        ) from fault

    async def _connected(self) -> DriverConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await self._database.dedicated(bounded=True, by_index=True)
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()
