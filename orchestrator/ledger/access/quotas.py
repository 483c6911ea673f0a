"""How much may be kept for people who have proved nothing yet, and may never come back: so much for one address, and so
much for all."""

from __future__ import annotations

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.errors import TooOften

MAX_PER_SOURCE = 200
"""Sign-ins under way from one address. Behind a proxy that is not trusted to name them, everybody has the same one."""
MAX_PENDING = 10_000
"""From all addresses together."""
RETRY_AFTER_SECONDS = 60  # seconds


async def require_quota(connection: AsyncConnection, table: Table, source: bytes) -> None:
    """`table` has rows that are under way, those that are over left out. Of several that come at once each may find the
    last place free. Raises `TooOften`."""
    mine = func.count().filter(table.c.source == source)
    of_one, of_all = (await connection.execute(select(mine, func.count()).select_from(table))).one()
    if of_one >= MAX_PER_SOURCE or of_all >= MAX_PENDING:
        whose = "from this address" if of_one >= MAX_PER_SOURCE else "here"
        raise TooOften(
            "too_many_sign_ins",
            f"{of_one if of_one >= MAX_PER_SOURCE else of_all} sign-ins that were started {whose} are not finished.",
            again_after=RETRY_AFTER_SECONDS,
        )
