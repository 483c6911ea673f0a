"""How much is open, for gauges that everyone with the dashboard sees; runs under embargo are therefore not counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import exceptions, runs


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """Open runs by their state, open exceptions by their kind. What there is none of is not in there."""

    runs: Mapping[str, int]
    exceptions: Mapping[str, int]


async def open_counts(database: Database) -> OpenCounts:
    """Raises `LedgerUnavailable`."""
    not_embargoed = or_(runs.c.embargo_until.is_(None), runs.c.embargo_until <= func.engine.now())
    by_state = (
        select(runs.c.state, func.count()).where(runs.c.closed_at.is_(None), not_embargoed).group_by(runs.c.state)
    )
    by_kind = (
        select(exceptions.c.kind, func.count())
        .join(runs, runs.c.run_id == exceptions.c.run_id)
        .where(exceptions.c.closed_at.is_(None), not_embargoed)
        .group_by(exceptions.c.kind)
    )
    async with database.connect() as connection:
        states = await connection.execute(by_state)
        kinds = await connection.execute(by_kind)
    return OpenCounts({row[0]: row[1] for row in states}, {row[0]: row[1] for row in kinds})
