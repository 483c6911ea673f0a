"""The ledger's append against its anchors, on one server: `python -m bench.append [--url URL]`.

32 writers each append 40 events, one at a time, to a stream of their own.

    one transaction per append   encodes, hashes and chains alike; takes a connection, locks the head, checks the
                                 version, inserts and commits for each append, as anyone would write it
    group commit                 the ledger
    with read tables             the ledger, and each append also writes a row, and replaces one by another
    eventsourcing                the library, with its database functions (`--eventsourcing PYTHON`: an interpreter that
                                 has it, see bench/append_eventsourcing.py)
    INSERT of 1,000              the same columns and indexes, from one connection, without hashes

Sides take turns; medians of the rounds, and of the ratios of each round. Without --url an embedded PostgreSQL that
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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from orchestrator.domain.events.event import Draft, Event
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.format import NO_PREVIOUS, Entry, leaf_hash, write
from orchestrator.ledger.book.records import RECORDED_AT, RowWrite, StreamAppend
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
INSERTED = """
INSERT INTO public.inserted
    (position, stream, version, event_key, event_type, append_id, stored, leaf_hash, recorded_at)
SELECT * FROM unnest(%b::bigint[], %b::text[], %b::int[], %b::text[], %b::text[], %b::uuid[], %b::bytea[], %b::bytea[],
    %b::timestamptz[])
"""


def draft(number: int) -> Draft:
    return Draft(key=f"n{number}", event=StepMeasured(step="disable_account", number=number, note="x" * 120))


async def grouped(url: str, name: str, *, rows: bool = False) -> float:
    database = Database(url)
    ledger = Ledger(database, Keyring(database, bytes(32)), CODEC)

    async def one(writer: int) -> None:
        for version in range(EVENTS):
            changed = read_rows(f"{name}-{writer}", version) if rows else []
            await ledger.append([StreamAppend(f"{name}:{writer}", version, [draft(version)])], changed)

    await ledger.append([StreamAppend(f"{name}:warm", 0, [draft(0)])])
    began = time.perf_counter()
    await asyncio.gather(*(one(writer) for writer in range(WRITERS)))
    took = time.perf_counter() - began
    await ledger.aclose()
    await database.aclose()
    return WRITERS * EVENTS / took


def read_rows(name: str, version: int) -> list[RowWrite]:
    """As a run does that moves from one open item to the next."""
    item = {"run_id": name, "kind": "gate", "opened_at": RECORDED_AT, "detail": {"steps": 4, "voted": []}}
    gone = [RowWrite("inbox", {"item_id": f"{name}/{version - 1}"}, None)] if version else []
    return [
        RowWrite("packets", {"name": name}, {"phase": "production", "current_version": str(version)}),
        RowWrite("inbox", {"item_id": f"{name}/{version}"}, item),
        *gone,
    ]


async def inserted(url: str, name: str) -> float:
    """As many rows as the others write, at 1,000 in one statement."""
    conninfo = url.replace("postgresql+psycopg://", "postgresql://", 1)
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS public.inserted (LIKE ledger.events INCLUDING ALL)")
        await connection.execute("TRUNCATE public.inserted")
        encoded, count, now = CODEC.encode(draft(0).event), WRITERS * EVENTS, datetime.now(UTC)
        rows = [
            (number, name, number, f"n{number}", encoded.type, uuid4(), encoded.public * 2, bytes(32), now)
            for number in range(1, count + 1)
        ]
        began = time.perf_counter()
        for first in range(0, count, 1000):
            columns = [list(column) for column in zip(*rows[first : first + 1000], strict=True)]
            await connection.execute(INSERTED, columns, binary=True)
        return count / (time.perf_counter() - began)


async def eventsourcing(python: str, url: str) -> float:
    conninfo = url.replace("postgresql+psycopg://", "postgresql://", 1)
    program = Path(__file__).with_name("append_eventsourcing.py")
    process = await asyncio.create_subprocess_exec(
        python, str(program), conninfo, str(WRITERS), str(EVENTS), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{python} did not finish {program.name}: see its error above")
    return float(said)


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


async def compare(url: str | None, rounds: int, python: str | None) -> float:
    async with server_url(url) as reached:
        await asyncio.to_thread(upgrade, reached)
        sides: dict[str, Callable[[str], Awaitable[float]]] = {
            "one transaction per append": lambda name: plain(reached, name),
            "group commit": lambda name: grouped(reached, name),
            "with read tables": lambda name: grouped(reached, name, rows=True),
            "INSERT of 1,000": lambda name: inserted(reached, name),
        }
        if python is not None:
            sides["eventsourcing"] = lambda name: eventsourcing(python, reached)
        measured: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(rounds + 1):
            for turn, (side, measure) in enumerate(sides.items()):
                rate = await measure(f"{turn}-{os.getpid()}-{number}")
                if number:  # the first round warms caches up
                    measured[side].append(rate)
    print(f"{WRITERS} writers, {EVENTS} events each; medians of {rounds} rounds, in turn")
    for side, rates in measured.items():
        print(f"  {side:<28}{statistics.median(rates):>9,.0f} events/s   ({min(rates):,.0f} to {max(rates):,.0f})")
    for ours in ("group commit", "with read tables"):
        for anchor in ("one transaction per append", "INSERT of 1,000", "eventsourcing"):
            if anchor in measured:
                each = [one / other for one, other in zip(measured[ours], measured[anchor], strict=True)]
                print(f"  {ours} / {anchor}: {statistics.median(each):.2f}   ({min(each):.2f} to {max(each):.2f})")
    ratio = statistics.median(
        together / alone
        for alone, together in zip(measured["one transaction per append"], measured["group commit"], strict=True)
    )
    print(f"  wanted: group commit / one transaction per append {TARGET:.0f}")
    return ratio


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--url", help="an empty database to measure on; an embedded one if not given")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--eventsourcing", metavar="PYTHON", help="an interpreter that has the library eventsourcing")
    chosen = options.parse_args()
    return 0 if asyncio.run(compare(chosen.url, chosen.rounds, chosen.eventsourcing)) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
