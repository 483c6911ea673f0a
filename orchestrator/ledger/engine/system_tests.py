"""The last test of each system, and the parts that are done of one that runs.

Not part of the ledger: a lost row costs another test. A row holds codes, our own words, request templates and times,
and nothing about a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text

from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.inquiry_tables import system_tests

_BEGIN = text(
    "INSERT INTO engine.system_tests AS t (packet, system, inquiry_id, tested_by, started_at, result) "
    "VALUES (:packet, :system, :inquiry, :by, engine.now(), :result) "
    "ON CONFLICT (packet, system) DO UPDATE SET inquiry_id = excluded.inquiry_id, tested_by = excluded.tested_by, "
    "started_at = excluded.started_at, finished_at = NULL, result = excluded.result"
)
# A test that began later has the row: an older one does not write into it.
_NOTE = text(
    "UPDATE engine.system_tests SET result = :result, finished_at = CASE WHEN :finished THEN engine.now() END "
    "WHERE packet = :packet AND system = :system AND inquiry_id = :inquiry"
)


@dataclass(frozen=True, slots=True)
class SystemTestRow:
    """`result` is a `SystemTested` as JSON. `finished_at` is None while the test runs, and where its worker stopped."""

    packet: str
    system: str
    inquiry_id: str
    tested_by: str
    started_at: datetime
    finished_at: datetime | None
    result: str


async def begin_system_test(
    database: Database, packet: str, system: str, inquiry_id: str, tested_by: str, result: str
) -> None:
    """Raises `LedgerUnavailable`."""
    values = {"packet": packet, "system": system, "inquiry": inquiry_id, "by": tested_by, "result": result}
    async with database.transaction() as connection:
        await connection.execute(_BEGIN, values)


async def note_system_test(
    database: Database, packet: str, system: str, inquiry_id: str, result: str, *, finished: bool
) -> None:
    """Raises `LedgerUnavailable`."""
    values = {"packet": packet, "system": system, "inquiry": inquiry_id, "result": result, "finished": finished}
    async with database.transaction() as connection:
        await connection.execute(_NOTE, values)


async def last_system_tests(database: Database, packet: str) -> dict[str, SystemTestRow]:
    """By system; a system that was never tested is missing. Raises `LedgerUnavailable`."""
    async with database.connect() as connection:
        rows = await connection.execute(select(system_tests).where(system_tests.c.packet == packet))
        return {row["system"]: SystemTestRow(**row) for row in rows.mappings()}
