"""How fast a system may be asked, kept by all workers together."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from orchestrator.ledger.database import Database

_TAKE = text(
    "INSERT INTO engine.rates AS r (system, free_at) VALUES (:system, clock_timestamp() + cast(:gap AS interval)) "
    "ON CONFLICT (system) DO UPDATE SET free_at = greatest(r.free_at, clock_timestamp()) + cast(:gap AS interval) "
    "RETURNING extract(epoch FROM free_at - cast(:gap AS interval) - clock_timestamp())"
)


class Rates:
    """Every caller takes the next free slot of a system and waits for it: one row, one statement, no bursts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wait(self, system: str, per_second: float) -> None:
        """Raises `LedgerUnavailable`."""
        async with self._database.transaction() as connection:
            taken = await connection.execute(_TAKE, {"system": system, "gap": f"{1 / per_second:.6f} seconds"})
            seconds = float(taken.scalar_one())
        if seconds > 0:
            await asyncio.sleep(seconds)
