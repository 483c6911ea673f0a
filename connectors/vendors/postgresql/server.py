"""Conversations with a PostgreSQL server: a connection to each database that is needed, under one deadline."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from connectors.abilities import Pace, unpaced
from connectors.elapsed import Deadline
from connectors.errors import Happened, TryAgainError
from connectors.rehearsal import RehearsedRequest, Rehearsing
from connectors.vendors.postgresql.failures import ROLLED_BACK, cannot_connect, refused
from connectors.vendors.postgresql.settings import PostgresqlSettings

T = TypeVar("T")
ServerRow = Mapping[str, Any]
StatementText = sql.SQL | sql.Composed

_SET = sql.SQL("SELECT pg_catalog.set_config(%(name)s, %(value)s, false)")
_SET_LOCAL = sql.SQL("SELECT pg_catalog.set_config(%(name)s, %(value)s, true)")
_LOCK_WAIT_SECONDS = 5.0
"""Seconds that a change waits for a lock: others wait behind it."""
_GRANTORS_SINCE = 160000
_TRANSACTION_TIMEOUT_SINCE = 170000
_IDLE_TIMEOUT = "idle_in_transaction_session_timeout"
_READS = ("SELECT ", "WITH ")
_GRACE_SECONDS = 0.5
"""Seconds in which a statement that is out of time ends."""


class Conversation:
    """What `converse` gives to the work that it runs. Statements outside of `changing` change nothing in catalogues.
    With `rehearsing`, a statement that changes something is written down and not sent."""

    def __init__(
        self,
        settings: PostgresqlSettings,
        deadline: Deadline,
        stack: AsyncExitStack,
        rehearsing: Rehearsing | None = None,
    ) -> None:
        self.settings = settings
        self._deadline = deadline
        self._stack = stack
        self._rehearsing = rehearsing
        self._call_changes = False
        self._open: dict[str, psycopg.AsyncConnection[dict[str, Any]]] = {}
        self._changed: Happened = "no"
        self.version = 0
        """Such as 160004; known once a connection is open."""

    @property
    def has_grantors(self) -> bool:
        """Memberships are granted by a role each, with options of their own."""
        return self.version >= _GRANTORS_SINCE

    @property
    def happened(self) -> Happened:
        return self._changed

    async def rows(
        self, query: StatementText, values: Mapping[str, Any] | None = None, *, database: str = ""
    ) -> list[ServerRow]:
        """In the first database, if none is named. Raises `ConnectorError`."""
        if self._rehearsing is not None and self._held_back(query):
            self._rehearsing.note(RehearsedRequest("SQL", _template(query), changes=True))
            return []
        connection = await self._connection(database)
        try:
            cursor = await connection.execute(query, values)
            return list(await cursor.fetchall()) if cursor.description is not None else []
        except psycopg.Error as error:
            # `from None`: an error may carry the connection, and with it the password.
            raise refused(error, self._changed, self.settings.redact) from None

    async def value(self, query: StatementText, values: Mapping[str, Any] | None = None, *, database: str = "") -> Any:
        """The first column of the only row."""
        (row,) = await self.rows(query, values, database=database)
        return next(iter(row.values()))

    @asynccontextmanager
    async def changing(self, database: str = "") -> AsyncIterator[None]:
        """One transaction in this database: all of it is done, or none of it."""
        connection = await self._connection(database)
        before = self._changed
        try:
            async with connection.transaction():
                await self._limit(database)
                yield
                self._require_time()  # the process can have been stopped since the last statement
                self._changed = "unknown"  # while the commit is under way
        except psycopg.Error as error:
            if error.sqlstate in ROLLED_BACK or (error.sqlstate is not None and not connection.broken):
                self._changed = before
            raise refused(error, self._changed, self.settings.redact) from None

    def _require_time(self) -> None:
        if self._deadline.over:
            raise TryAgainError("deadline_over", "PostgreSQL did not respond in time.", happened=self._changed)

    async def _limit(self, database: str) -> None:
        """The server rolls the transaction back if this process is stopped in it. Before version 17 it notices that
        between two statements only."""
        limit = "transaction_timeout" if self.version >= _TRANSACTION_TIMEOUT_SINCE else _IDLE_TIMEOUT
        await self.rows(_SET_LOCAL, {"name": limit, "value": _milliseconds(self._deadline.left)}, database=database)

    def hang_up(self) -> None:
        for connection in self._open.values():
            with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as ours:
                ours.shutdown(socket.SHUT_RDWR)

    def changed(self) -> None:
        """The next statement calls a function whose effect no transaction undoes."""
        self._changed, self._call_changes = "unknown", True

    def _held_back(self, query: StatementText) -> bool:
        calls, self._call_changes = self._call_changes, False
        return calls or not _template(query).upper().startswith(_READS)

    async def _connection(self, database: str) -> psycopg.AsyncConnection[dict[str, Any]]:
        settings, name = self.settings, database or self.settings.database
        self._require_time()
        if name not in self._open:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    settings.conninfo(name, self._deadline.left),
                    autocommit=True,
                    row_factory=dict_row,
                    prepare_threshold=None,
                )
            except psycopg.Error as error:
                place = f"{settings.host}:{settings.port}"
                raise cannot_connect(error, place, name, settings.redact) from None
            self._stack.push_async_callback(connection.close)
            self._open[name] = connection
            self.version = connection.info.server_version
            left = max(0.1, self._deadline.left)
            limits = {
                # Without the schemas of users, so that no object of theirs is taken for one of PostgreSQL's.
                "search_path": "pg_catalog, pg_temp",
                "statement_timeout": _milliseconds(left),
                "lock_timeout": _milliseconds(min(left / 2, _LOCK_WAIT_SECONDS)),
            }
            if self._rehearsing is not None:
                limits["default_transaction_read_only"] = "on"
            for setting, value in limits.items():
                await self.rows(_SET, {"name": setting, "value": value}, database=name)
        return self._open[name]


async def converse(
    settings: PostgresqlSettings,
    work: Callable[[Conversation], Awaitable[T]],
    *,
    deadline: float,
    pace: Pace = unpaced,
    rehearsing: Rehearsing | None = None,
) -> T:
    """Sign in, do the work, sign out. `pace` is awaited once: a conversation counts as one request. Raises
    `ConnectorError` and nothing else."""
    until = Deadline(deadline)
    async with AsyncExitStack() as stack:
        talk = Conversation(settings, until, stack, rehearsing)

        async def talking() -> T:
            await pace()
            return await work(talk)

        task = asyncio.create_task(talking())
        try:
            await asyncio.wait({task}, timeout=until.left)
            if task.done():
                return task.result()
        finally:
            if not task.done():
                await _abandon(task, talk)
    raise TryAgainError("deadline_over", "PostgreSQL did not respond in time.", happened=talk.happened)


def _milliseconds(seconds: float) -> str:
    """For a setting of PostgreSQL, in which 0 means no limit."""
    return f"{max(math.ceil(seconds * 1000), 1)}ms"


def _template(query: StatementText) -> str:
    """The statement with `{}` for names, which can be a person's."""
    parts = [query] if isinstance(query, sql.SQL) else list(query)
    return " ".join("".join(_part(part) for part in parts).split())


def _part(part: sql.Composable) -> str:
    if isinstance(part, sql.Composed):
        return "".join(_part(each) for each in part)
    return part.as_string(None) if isinstance(part, sql.SQL) else "{}"


async def _abandon(task: asyncio.Task[Any], talk: Conversation) -> None:
    """A task that is cancelled asks the server to cancel the statement, and waits for the answer. A server that hangs
    sends none, so the sockets are closed under it."""
    task.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())
    task.cancel()
    talk.hang_up()
    await asyncio.wait({task}, timeout=_GRACE_SECONDS)
