"""How many sign-ins of command lines are kept before a person confirms them: so many for one address, and so many for
all."""

from __future__ import annotations

from sqlalchemy import Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.errors import TooOften

MAX_PER_SOURCE = 200
"""Sign-ins under way from one address. Behind a proxy that is not trusted to name them, everyone has the same one."""
MAX_PENDING = 10_000
"""From all addresses together."""
RETRY_AFTER_SECONDS = 60


async def require_quota(connection: AsyncConnection, table: Table, source: bytes) -> None:
    """`table` has rows in progress. If all places are taken, the oldest row of the address with the most rows is
    deleted, so that an outsider cannot keep others from signing in. Of several that come at once each may find the last
    place free. Raises `TooOften` for an address whose places are taken."""
    mine = func.count().filter(table.c.source == source)
    of_one, of_all = (await connection.execute(select(mine, func.count()).select_from(table))).one()
    if of_one >= MAX_PER_SOURCE:
        raise TooOften(
            "too_many_sign_ins",
            f"{of_one} sign-ins that were started from this address are not finished.",
            again_after=RETRY_AFTER_SECONDS,
        )
    if of_all >= MAX_PENDING:
        [key] = table.primary_key.columns
        first = func.min(table.c.expires_at)
        largest = select(table.c.source).group_by(table.c.source).order_by(func.count().desc(), first).limit(1)
        oldest = (
            select(key)
            .where(table.c.source.is_not_distinct_from(largest.scalar_subquery()))
            .order_by(table.c.expires_at)
            .limit(1)
        )
        await connection.execute(delete(table).where(key == oldest.scalar_subquery()))
