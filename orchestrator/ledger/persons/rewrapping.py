"""Replaces the master key: encrypts again what a former one encrypted.

Every row says itself which key encrypted it, so that an interrupted run is simply repeated. Processes read and write
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Table, and_, select, tuple_, update

from orchestrator.ledger.persons.keys import Keyring
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


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with what the keyring sealed; `context` is that of a row, by the names of its columns."""

    table: Table
    column: Column[Any]
    context: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many people's keys and other sealed values were encrypted again. `left` are people whose key the master key
    still does not open alone: another process encrypts with the former one."""

    people: int
    sealed: int
    left: int


async def rewrap(
    database: Database,
    keyring: Keyring,
    sealed: Sequence[SealedColumn],
    *,
    batch: int = BATCH,
    after_batch: Callable[[int], None] = lambda people: None,
) -> Rewrapped:
    """`after_batch` gets the number of people so far. Raises `WrongMasterKey` for a key that none of the keyring's keys
    opens."""
    people = await _rewrap_people(database, keyring, batch, after_batch)
    values = 0
    for one in sealed:
        values += await _seal_again(database, keyring, one, batch)
    async with database.driver() as connection:
        row = await (await connection.execute(_LEFT, (keyring.wrapping_id,))).fetchone()
    return Rewrapped(people, values, int(row[0]) if row is not None else 0)


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
    query = select(one.table).where(one.column.is_not(None)).order_by(*key).limit(batch)
    after: tuple[Any, ...] | None = None
    while True:
        rows = await database.rows(query if after is None else query.where(tuple_(*key) > tuple_(*after)))
        if not rows:
            return changed
        async with database.transaction() as connection:
            for row in rows:
                fresh = keyring.sealed_again(one.context(row), bytes(row[one.column.name]))
                if fresh is not None:
                    this = and_(*(column == row[column.name] for column in key), one.column == row[one.column.name])
                    done = await connection.execute(update(one.table).where(this).values({one.column.name: fresh}))
                    changed += done.rowcount
        after = tuple(rows[-1][column.name] for column in key)
