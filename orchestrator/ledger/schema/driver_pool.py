"""psycopg's pool of connections, which reports at once that the server cannot be reached."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

CHECKOUT_SECONDS = 15.0
"""How long a caller waits while every connection is in use."""
CHECKOUT_SECONDS_AFTER_A_FAILURE = 2.0
"""The same, while the last attempt to connect failed: enough for a server that is back."""

DriverConnection = psycopg.AsyncConnection[Any]


class DriverPool:
    """Connections in autocommit, opened on demand, `size` at most.

    A failed attempt to connect ends the wait of every caller while no connection is left: psycopg's own pool would let
    each of them wait for its whole time-out. The next caller makes the pool try again, so the first read after the
    server is back succeeds.
    """

    def __init__(self, connect_args: dict[str, Any], size: int) -> None:
        self._pool: AsyncConnectionPool[DriverConnection] = AsyncConnectionPool(
            kwargs={**connect_args, "autocommit": True},
            min_size=0,
            max_size=size,
            open=False,
            name="offboard",
            num_workers=1,
            # One more attempt at once and no further ones: the pool's pauses between attempts are a second and longer.
            reconnect_timeout=0,
            reconnect_failed=self._failed,
            configure=self._connected,
        )
        self._waiting: set[asyncio.Timeout] = set()
        self.last_attempt_failed = False

    async def open(self) -> None:
        await self._pool.open()

    async def aclose(self) -> None:
        await self._pool.close()

    @property
    def checkout_seconds(self) -> float:
        """How long a caller waits for a connection now."""
        return CHECKOUT_SECONDS_AFTER_A_FAILURE if self.last_attempt_failed else CHECKOUT_SECONDS

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[DriverConnection]:
        """Thrown away if the block raises. Raises `psycopg.OperationalError` where none can be had."""
        connection = await self._take()
        try:
            try:
                async with connection:
                    try:
                        yield connection
                    except BaseException:
                        await connection.close()
                        raise
            finally:
                await self._pool.putconn(connection)
        except psycopg.OperationalError:
            await self._pool.drain()  # what else broke with it is replaced now, not met one by one
            raise

    async def _take(self) -> DriverConnection:
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._waiting.add(limit)
                try:
                    connection = await self._pool.getconn(self.checkout_seconds)
                    if server_ended(connection):
                        await connection.close()
                        await self._pool.putconn(connection)
                        await self._pool.drain()  # a restart of the server ended the others too
                        connection = await self._pool.getconn(self.checkout_seconds)
                    return connection
                finally:
                    self._waiting.discard(limit)
        except TimeoutError as error:
            raise psycopg.OperationalError("all connections are in use, and the server accepts no new one") from error

    async def _connected(self, connection: DriverConnection) -> None:
        self.last_attempt_failed = False

    async def _failed(self, pool: AsyncConnectionPool[DriverConnection]) -> None:
        self.last_attempt_failed = True
        if pool.get_stats()["pool_size"] == 0:
            now = asyncio.get_running_loop().time()
            for limit in self._waiting:
                limit.reschedule(now)
            self._waiting.clear()


def server_ended(connection: DriverConnection) -> bool:
    """Whether the server ended this idle connection, as at a restart. Costs no round trip: a server sends nothing on an
    idle connection but its last message and the end of the stream. A notice counts too, and costs one connection."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
