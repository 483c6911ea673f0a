"""The result of the last check of each system: whether it answered, when it last did, and what was wrong.

Not part of the ledger: a lost report costs another check. A report holds codes, our own words and times, and nothing
about a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, text

from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.inquiry_tables import system_reports

_KEEP = text(
    "INSERT INTO engine.system_reports AS r (packet, system, reachable, code, detail, checked_at, answered_at) "
    "VALUES (:packet, :system, :reachable, :code, :detail, :now, CASE WHEN :reachable THEN :now END) "
    "ON CONFLICT (packet, system) DO UPDATE SET reachable = excluded.reachable, code = excluded.code, "
    "detail = excluded.detail, checked_at = excluded.checked_at, "
    "answered_at = coalesce(excluded.answered_at, r.answered_at)"
)


@dataclass(frozen=True, slots=True)
class SystemSeen:
    """The result of a check of one system. `reachable` is None if this worker cannot check it, because the system has
    its own task queue. `detail` is for operators and holds no secret."""

    system: str
    reachable: bool | None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SystemReport:
    """`answered_at` is when the system last answered and accepted our credential, None if it never did."""

    packet: str
    system: str
    reachable: bool | None
    code: str
    detail: str
    checked_at: datetime
    answered_at: datetime | None


async def keep_reports(database: Database, packet: str, seen: Sequence[SystemSeen]) -> datetime:
    """`seen` are all systems of the packet: what it no longer names is forgotten. Returns when this was, by the
    database's clock. Raises `LedgerUnavailable`."""
    gone = delete(system_reports).where(
        system_reports.c.packet == packet, system_reports.c.system.not_in([one.system for one in seen])
    )
    async with database.transaction() as connection:
        now: datetime = (await connection.execute(select(func.engine.now()))).scalar_one()
        for one in sorted(seen, key=lambda one: one.system):  # in one order, so that two at once wait and do not block
            values = {"system": one.system, "reachable": one.reachable, "code": one.code, "detail": one.detail}
            await connection.execute(_KEEP, {"packet": packet, "now": now, **values})
        await connection.execute(gone)
    return now


async def keep_report(database: Database, packet: str, seen: SystemSeen) -> None:
    """Of one system; the reports of the others stay. Raises `LedgerUnavailable`."""
    async with database.transaction() as connection:
        now: datetime = (await connection.execute(select(func.engine.now()))).scalar_one()
        values = {"system": seen.system, "reachable": seen.reachable, "code": seen.code, "detail": seen.detail}
        await connection.execute(_KEEP, {"packet": packet, "now": now, **values})


async def last_reports(database: Database, packet: str) -> dict[str, SystemReport]:
    """By system; a system that was never checked is missing. Raises `LedgerUnavailable`."""
    async with database.connect() as connection:
        rows = await connection.execute(select(system_reports).where(system_reports.c.packet == packet))
        return {row["system"]: SystemReport(**row) for row in rows.mappings()}


async def every_report(database: Database) -> dict[tuple[str, str], SystemReport]:
    """By packet and system, of all packets. Raises `LedgerUnavailable`."""
    async with database.connect() as connection:
        rows = await connection.execute(select(system_reports))
        return {(row["packet"], row["system"]): SystemReport(**row) for row in rows.mappings()}
