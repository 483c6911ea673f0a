"""The rate at which a system may be asked, and changes that are made one at a time; both for all workers together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import psycopg

from orchestrator.ledger.schema.database import Database

# A slot that is too far off is not taken: the row then keeps the time it had.
_TAKE = """
WITH slot AS (
    INSERT INTO engine.rates AS r (system, free_at) VALUES (%(system)s, clock_timestamp() + %(gap)s::interval)
    ON CONFLICT (system) DO UPDATE SET free_at = greatest(r.free_at, clock_timestamp()) + %(gap)s::interval
    WHERE r.free_at < clock_timestamp() + %(most)s::interval RETURNING free_at)
SELECT extract(epoch FROM free_at - %(gap)s::interval - clock_timestamp()), true FROM slot
UNION ALL SELECT extract(epoch FROM r.free_at - clock_timestamp()), false FROM engine.rates r
WHERE r.system = %(system)s AND NOT EXISTS (SELECT FROM slot)
"""

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('offboard: ' || %(what)s, 0))"
LOOK_AGAIN_SECONDS = 0.25
MAX_EXCLUSIVE_CONNECTIONS = 8
"""Of one process, for changes that are made one at a time."""


class Rates:
    """Every caller takes the next free slot of a system and waits for it: one row, one statement, no bursts. Changes
    that exclude each other have a lock of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made_here: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._connections = asyncio.Semaphore(MAX_EXCLUSIVE_CONNECTIONS)

    async def wait(self, system: str, per_second: float, *, at_most: float) -> float | None:
        """Waits for this caller's turn. If that is more than `at_most` seconds off, takes none and returns how many.
        Raises `LedgerUnavailable`."""
        asked = {"system": system, "gap": f"{1 / per_second:.6f} seconds", "most": f"{at_most:.6f} seconds"}
        async with self._database.driver() as connection:
            row = await (await connection.execute(_TAKE, asked)).fetchone()
        seconds, taken = (float(row[0]), bool(row[1])) if row is not None else (at_most, False)
        if not taken:
            return max(seconds, 0.0)
        if seconds > 0:
            await asyncio.sleep(seconds)
        return None

    @asynccontextmanager
    async def one_at_a_time(self, what: str, *, at_most: float) -> AsyncIterator[bool]:
        """Whether no other caller makes the change `what` while the block runs; False if another one still made it
        after `at_most` seconds. The server ends the exclusion when the block or its process ends. Raises
        `LedgerUnavailable`."""
        clock = asyncio.get_running_loop()
        until = clock.time() + at_most
        here = self._made_here.setdefault(what, asyncio.Lock())  # one connection of this process asks for each change
        async with AsyncExitStack() as waited:
            try:
                async with asyncio.timeout(at_most):
                    await waited.enter_async_context(here)
                    await waited.enter_async_context(self._connections)
            except TimeoutError:
                yield False
                return
            connection = await self._database.dedicated()
            try:
                alone = await self._locked(connection, what)
                while not alone and clock.time() < until:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                    alone = await self._locked(connection, what)
                yield alone
            finally:
                await connection.close()

    async def _locked(self, connection: psycopg.AsyncConnection[Any], what: str) -> bool:
        with self._database.errors():
            row = await (await connection.execute(_LOCK, {"what": what})).fetchone()
        return row is not None and bool(row[0])
