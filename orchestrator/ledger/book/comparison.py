"""Compares the read tables with the events, some runs at a time, while the product is in use. Changes nothing.

    events of these runs ─► fold ─► the rows that there should be ─┐
                                    the rows that there are ───────┴─► the runs whose rows differ

Both sides are read from one snapshot of the database. `rebuild.py` makes the rows again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from orchestrator.domain.run.run import RunState, fold
from orchestrator.ledger.book import projections
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.format import read
from orchestrator.ledger.book.made_rows import plain
from orchestrator.ledger.schema.database import Database

POSITIONS_AT_ONCE: Final = 5_000
"""Positions of the ledger whose runs one comparison covers."""
RUNS_AT_ONCE: Final = 200
_RUN: Final = "run:"
_TOUCHED = """
SELECT stream, max(position) FROM ledger.events WHERE position > %s AND position <= %s AND stream LIKE 'run:%%'
GROUP BY stream ORDER BY 2 LIMIT %s
"""
_TAIL = "SELECT (SELECT position FROM ledger.head), (SELECT coalesce(max(position), 0) FROM ledger.events)"
_EVENTS = "SELECT stream, stored FROM ledger.events WHERE stream = ANY(%s) ORDER BY stream, version"
_WITHOUT_EVENTS = """
SELECT run_id FROM read.runs r
WHERE NOT EXISTS (SELECT FROM ledger.events e WHERE e.stream = 'run:' || r.run_id AND e.version = 1) LIMIT 100
"""
_NOW = "SELECT engine.now()"


@dataclass(frozen=True, slots=True)
class RowsCompared:
    """`runs` were compared, with the number of rows that each should have; `differ` have other rows than their events
    make. `without_events` are rows of runs that the ledger does not have. `head_differs`: the ledger's last position is
    not that of its last event. `states` are the compared runs as of `now`. `reached` is the position after which the
    next comparison goes on, 0 for the beginning."""

    runs: Mapping[str, int]
    differ: frozenset[str]
    without_events: frozenset[str]
    head_differs: bool
    states: Mapping[str, RunState]
    now: datetime
    reached: int


async def compare_rows(
    database: Database, codec: EventCodec, after: int, run_ids: Sequence[str] | None = None
) -> RowsCompared:
    """The runs with events in the next `POSITIONS_AT_ONCE` positions after `after`, from the beginning again after the
    last event; or these runs. Raises `LedgerUnavailable` and `UnreadableEvent`."""
    connection = await database.dedicated(bounded=True)
    with database.errors():
        try:
            async with connection.transaction():
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return await _compare(connection, codec, after, run_ids)
        finally:
            await connection.close()


async def _compare(
    connection: psycopg.AsyncConnection[Any], codec: EventCodec, after: int, run_ids: Sequence[str] | None
) -> RowsCompared:
    head, last = await _one(connection, _TAIL)
    if run_ids is None:
        until = after + POSITIONS_AT_ONCE
        touched = await (await connection.execute(_TOUCHED, (after, until, RUNS_AT_ONCE))).fetchall()
        run_ids = [str(stream).removeprefix(_RUN) for stream, _ in touched]
        reached = int(touched[-1][1]) if len(touched) == RUNS_AT_ONCE else until
        after = 0 if reached >= last else reached
    states = await _folded(connection, codec, run_ids)
    differ: set[str] = set()
    rows = dict.fromkeys(run_ids, 0)
    for table, key in projections.KEY.items():
        made = [
            {key: id_, **values}
            for state in states.values()
            for (named, id_), values in projections.run_rows(state).items()
            if named == table
        ]
        for row in made:
            rows[str(row["run_id"])] += 1
        differ |= await _differing(connection, table, key, made, run_ids)
    without = await (await connection.execute(_WITHOUT_EVENTS)).fetchall()
    (now,) = await _one(connection, _NOW)
    return RowsCompared(rows, frozenset(differ), frozenset(row[0] for row in without), head != last, states, now, after)


async def _one(connection: psycopg.AsyncConnection[Any], query: str) -> tuple[Any, ...]:
    row = await (await connection.execute(query.encode())).fetchone()
    assert row is not None
    return tuple(row)


async def _folded(
    connection: psycopg.AsyncConnection[Any], codec: EventCodec, run_ids: Collection[str]
) -> dict[str, RunState]:
    """Without personal fields: rows depend on nothing personal, so no key is needed."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(_EVENTS, ([f"{_RUN}{run_id}" for run_id in run_ids],))
    states: dict[str, RunState] = {}
    for number, (stream, stored) in enumerate(await cursor.fetchall()):
        if number % 64 == 63:
            await asyncio.sleep(0)
        entry, run_id = read(bytes(stored)), str(stream).removeprefix(_RUN)
        event = codec.decode(entry.type, entry.schema, entry.public, None)
        states[run_id] = fold(states.get(run_id, RunState()), event, entry.recorded_at)
    return states


async def _differing(
    connection: psycopg.AsyncConnection[Any],
    table: str,
    key: str,
    made: Sequence[dict[str, Any]],
    run_ids: Sequence[str],
) -> set[str]:
    """The runs with a row in `table` that is missing, too many, or not as the events have it."""
    columns = list(made[0] if made else dict.fromkeys([key, "run_id"]))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL(
        "SELECT DISTINCT coalesce(was.run_id, made.run_id) "
        "FROM (SELECT {names} FROM {table} WHERE run_id = ANY(%s)) was FULL JOIN "
        "(SELECT {names} FROM jsonb_array_elements(%s::jsonb) d, jsonb_populate_record(NULL::{table}, d)) made "
        "ON was.{key} = made.{key} WHERE to_jsonb(was) IS DISTINCT FROM to_jsonb(made)"
    ).format(names=names, table=sql.Identifier("read", table), key=sql.Identifier(key))
    documents = json.dumps(list(made), default=plain, allow_nan=False)
    rows = await (await connection.execute(query, (list(run_ids), documents))).fetchall()
    return {str(row[0]) for row in rows}
