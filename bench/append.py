"""Group commit against one transaction per append, on the same tables: `python -m bench.append [--url URL]`.

32 writers each append 40 events, one at a time, to a stream of their own. Both sides encode, hash and chain alike; the
plain side takes a connection, locks the head, checks the version, inserts and commits for each append, as anyone
would write it. Sides take turns on one server; medians of the rounds. Without --url an embedded PostgreSQL that
syncs to disk is started.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg_pool import AsyncConnectionPool

from orchestrator.domain.events.event import Draft, Event
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.format import NO_PREVIOUS, Entry, leaf_hash, write
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.migrate import upgrade

WRITERS = 32
EVENTS = 40
TARGET = 5.0


class StepMeasured(Event):
    step: str
    number: int
    note: str


CODEC = EventCodec([StepMeasured])


def draft(number: int) -> Draft:
    return Draft(key=f"n{number}", event=StepMeasured(step="disable_account", number=number, note="x" * 120))


async def grouped(url: str, name: str) -> float:
    database = Database(url)
    ledger = Ledger(database, Keyring(database, bytes(32)), CODEC)

    async def one(writer: int) -> None:
        for version in range(EVENTS):
            await ledger.append([StreamAppend(f"{name}:{writer}", version, [draft(version)])])

    await ledger.append([StreamAppend(f"{name}:warm", 0, [draft(0)])])
    began = time.perf_counter()
    await asyncio.gather(*(one(writer) for writer in range(WRITERS)))
    took = time.perf_counter() - began
    await ledger.aclose()
    await database.aclose()
    return WRITERS * EVENTS / took


async def plain(url: str, name: str) -> float:
    conninfo = url.replace("postgresql+psycopg://", "postgresql://", 1)
    async with AsyncConnectionPool(conninfo, min_size=8, max_size=8, open=False) as pool:
        await pool.wait()

        async def one(writer: int) -> None:
            for version in range(EVENTS):
                async with pool.connection() as connection:
                    await append_alone(connection, f"{name}:{writer}", version, draft(version))

        began = time.perf_counter()
        await asyncio.gather(*(one(writer) for writer in range(WRITERS)))
        return WRITERS * EVENTS / (time.perf_counter() - began)


async def append_alone(connection: Any, stream: str, expected: int, drafted: Draft) -> None:
    encoded = CODEC.encode(drafted.event)
    async with connection.transaction():
        head = await connection.execute("SELECT position, engine.now() FROM ledger.head FOR UPDATE")
        position, now = await head.fetchone()
        tail = await connection.execute(
            "SELECT version, leaf_hash FROM ledger.events WHERE stream = %s ORDER BY version DESC LIMIT 1", (stream,)
        )
        version, previous = await tail.fetchone() or (0, NO_PREVIOUS)
        assert version == expected
        stored = write(
            Entry(stream, version + 1, position + 1, drafted.key, encoded.type, 1, None, now, previous, encoded.public)
        )
        await connection.execute(
            "INSERT INTO ledger.events "
            "(position, stream, version, event_key, event_type, append_id, stored, leaf_hash, recorded_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (position + 1, stream, version + 1, drafted.key, encoded.type, uuid4(), stored, leaf_hash(stored), now),
        )
        await connection.execute("UPDATE ledger.head SET position = %s", (position + 1,))


@asynccontextmanager
async def server_url(given: str | None) -> AsyncIterator[str]:
    if given is not None:
        yield given
        return
    from orchestrator.embedded.postgres import PostgresServer

    with tempfile.TemporaryDirectory(prefix="offboard-bench-") as folder:
        Path(folder).chmod(0o711)  # so that PostgreSQL's own user, whom root starts it as, reaches its data in there
        # keep: only a server whose data must last syncs each commit to disk, which is what groups save.
        async with PostgresServer.start(Path(folder), keep=True) as server:
            yield server.url()


async def compare(url: str | None, rounds: int) -> float:
    async with server_url(url) as reached:
        await asyncio.to_thread(upgrade, reached)
        measured: dict[str, list[float]] = {"one transaction per append": [], "group commit": []}
        for number in range(rounds + 1):
            name = f"{os.getpid()}-{number}"
            alone, together = await plain(reached, f"alone-{name}"), await grouped(reached, f"group-{name}")
            if number:  # the first round warms caches up
                measured["one transaction per append"].append(alone)
                measured["group commit"].append(together)
    ratio = statistics.median(
        together / alone
        for alone, together in zip(measured["one transaction per append"], measured["group commit"], strict=True)
    )
    print(f"{WRITERS} writers, {EVENTS} events each; medians of {rounds} rounds, in turn")
    for side, rates in measured.items():
        print(f"  {side:<28}{statistics.median(rates):>9,.0f} events/s   ({min(rates):,.0f} to {max(rates):,.0f})")
    print(f"  {'median of the rounds ratios':<28}{ratio:>9.1f}x         (wanted: {TARGET:.0f}x)")
    return ratio


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--url", help="an empty database to measure on; an embedded one if not given")
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    return 0 if asyncio.run(compare(chosen.url, chosen.rounds)) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
