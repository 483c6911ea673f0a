"""The rate at which a system may be asked, shared by all workers."""

from __future__ import annotations

import asyncio

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


class Rates:
    """Every caller takes the next free slot of a system and waits for it: one row, one statement, no bursts."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
