"""Replaces the master key: encrypts again what a former one encrypted.

Every row says itself which key encrypted it, so that an interrupted run is simply repeated. Processes read and write
meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Table, and_, select, tuple_, update

from orchestrator.ledger.persons.keys import CONNECTION_NAME, Keyring
from orchestrator.ledger.schema.database import Database

BATCH: Final = 500
"""Rows of one transaction."""
_BEHIND = """
SELECT person_id, wrapped FROM keyring.person_keys
WHERE person_id > %s AND wrapped IS NOT NULL AND substr(wrapped, 2, 8) <> %s ORDER BY person_id LIMIT %s
"""
# An erasure meanwhile has emptied `wrapped`, and stays.
_REWRAP = """
UPDATE keyring.person_keys AS known SET wrapped = made.fresh
FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS made (person_id, old, fresh)
WHERE known.person_id = made.person_id AND known.wrapped = made.old
"""
_LEFT = "SELECT count(*) FROM keyring.person_keys WHERE wrapped IS NOT NULL AND substr(wrapped, 2, 8) <> %s"


# Of the same role: the server shows no names of others' connections. All processes that hold a key have the same role.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND starts_with(application_name, %s) AND application_name <> %s
"""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with what the keyring sealed; `context` is that of a row, by the names of its columns."""

    table: Table
    column: Column[Any]
    context: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many people's keys and other sealed values were encrypted again. `people_left` and `sealed_left` are those
    that are encrypted with a former key afterwards: another process encrypts with it. `other_connections` are the open
    connections of processes that encrypt with another key than this one."""

    people: int
    sealed: int
    people_left: int
    sealed_left: int
    other_connections: int

    @property
    def finished(self) -> bool:
        """Whether the former key can be removed, as far as the database shows: a process without a connection at this
        moment is not seen."""
        return not (self.people_left or self.sealed_left or self.other_connections)


async def rewrap(
    database: Database,
    keyring: Keyring,
    sealed: Sequence[SealedColumn],
    *,
    batch: int = BATCH,
    after_batch: Callable[[int], None] = lambda people: None,
) -> Rewrapped:
    """`after_batch` gets the number of people so far. Raises `WrongMasterKey` for a key that none of the keyring's keys
    opens. Call `other_connections` first: a process that has only a former key can't read what is encrypted again."""
    people = await _rewrap_people(database, keyring, batch, after_batch)
    values = 0
    for one in sealed:
        values += await _seal_again(database, keyring, one, batch)
    # Connections first: what a process sealed before it was stopped is in the counts that follow.
    others = await other_connections(database, keyring)
    behind = 0
    for one in sealed:
        async for rows in _batches(database, one, batch):
            behind += sum(keyring.is_behind(one.context(row), bytes(row[one.column.name])) for row in rows)
    return Rewrapped(people, values, await _count(database, _LEFT, keyring.wrapping_id), behind, others)


async def other_connections(database: Database, keyring: Keyring) -> int:
    """How many connections are open of processes that encrypt with another key than this keyring's."""
    return await _count(database, _OTHERS, CONNECTION_NAME, keyring.connection_name)


async def _count(database: Database, sql: str, *parameters: object) -> int:
    async with database.driver() as connection:
        row = await (await connection.execute(sql, parameters)).fetchone()
    return int(row[0]) if row is not None else 0


async def _rewrap_people(database: Database, keyring: Keyring, batch: int, after_batch: Callable[[int], None]) -> int:
    last, people = "", 0
    while True:
        async with database.driver() as connection:
            found = await (await connection.execute(_BEHIND, (last, keyring.wrapping_id, batch))).fetchall()
            if not found:
                return people
            ids, old = [str(row[0]) for row in found], [bytes(row[1]) for row in found]
            fresh = [keyring.wrapped_again(person_id, wrapped) for person_id, wrapped in zip(ids, old, strict=True)]
            people += (await connection.execute(_REWRAP, (ids, old, fresh))).rowcount
        last = ids[-1]
        after_batch(people)


async def _seal_again(database: Database, keyring: Keyring, one: SealedColumn, batch: int) -> int:
    key, changed = tuple(one.table.primary_key), 0
    async for rows in _batches(database, one, batch):
        async with database.transaction() as connection:
            for row in rows:
                fresh = keyring.sealed_again(one.context(row), bytes(row[one.column.name]))
                if fresh is not None:
                    this = and_(*(column == row[column.name] for column in key), one.column == row[one.column.name])
                    done = await connection.execute(update(one.table).where(this).values({one.column.name: fresh}))
                    changed += done.rowcount
    return changed


async def _batches(database: Database, one: SealedColumn, batch: int) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """The rows with a sealed value, in the order of their keys."""
    key = tuple(one.table.primary_key)
    query = select(one.table).where(one.column.is_not(None)).order_by(*key).limit(batch)
    after: tuple[Any, ...] | None = None
    while rows := await database.rows(query if after is None else query.where(tuple_(*key) > tuple_(*after))):
        yield rows
        after = tuple(rows[-1][column.name] for column in key)
