"""`offboard ledger rebuild` against the same in SQL.

    compared   the read tables agree with the events: every row is made and compared, none is written
    empty      the read tables are empty: every row is made, compared, made again and written
    SQL        one statement groups the events of each run, with their number, last type and times: what PostgreSQL
               alone needs to read the events and to make one row for each run

Each is a process of its own, in turn over the ledger that `filling.py` writes; medians of the rounds, with processor
seconds (without PostgreSQL's) and the memory of the largest process.

    make bench WHAT=rebuild ARGS="--runs 20000 --rounds 3"
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import psycopg

from bench.append import server_url
from bench.filling import fill
from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.migrate import upgrade
from orchestrator.ledger.schema.tables import READ_TABLES

TARGET = 0.5
MAX_MEGABYTES = 300.0
PROCESSORS = len(os.sched_getaffinity(0))
_GROUPED = """
CREATE TEMPORARY TABLE grouped AS SELECT stream, count(*) AS events, min(recorded_at) AS began,
max(recorded_at) AS last, (array_agg(event_type ORDER BY version DESC))[1] AS type FROM ledger.events GROUP BY stream
"""


def plain_url(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


async def rebuild_once(url: str) -> int:
    database = Database(url)
    try:
        made = await rebuild(database, EventCodec(RUN_EVENT_TYPES), processes=PROCESSORS)
    finally:
        await database.aclose()
    return sum(table.differed for table in made.values())


def one_side(side: str, url: str, events: int) -> dict[str, float]:
    if side == "empty":
        with psycopg.connect(plain_url(url)) as connection:
            for table in (*READ_TABLES, "run_counts"):
                connection.execute(f"DELETE FROM read.{table}".encode())
    began = time.perf_counter()
    if side == "SQL":
        with psycopg.connect(plain_url(url)) as connection:
            connection.execute(_GROUPED.encode())
    else:
        differed = asyncio.run(rebuild_once(url))
        assert bool(differed) == (side == "empty"), differed
    took = time.perf_counter() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "rate": events / took,
        "processor_seconds": sum(one.ru_utime + one.ru_stime for one in used),
        "megabytes": max(one.ru_maxrss for one in used) / 1024,
    }


def in_a_process(side: str, url: str, events: int) -> Any:
    command = [sys.executable, "-m", "bench.rebuild", "--side", side, "--url", url, "--events", str(events)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


async def compare(url: str | None, runs: int, rounds: int) -> bool:
    async with server_url(url) as reached:
        await asyncio.to_thread(upgrade, reached)
        events = await asyncio.to_thread(fill, reached, runs)
        measured: dict[str, list[Any]] = {"empty": [], "compared": [], "SQL": []}
        for _ in range(rounds):
            for side, results in measured.items():
                results.append(await asyncio.to_thread(in_a_process, side, reached, events))
    print(f"{events:,} events of {runs:,} runs; medians of {rounds} rounds, in turn")
    for side, results in measured.items():
        rates = [one["rate"] for one in results]
        spent = statistics.median(one["processor_seconds"] for one in results)
        print(
            f"  {side:<10}{statistics.median(rates):>10,.0f} events/s   ({min(rates):,.0f} to {max(rates):,.0f})"
            f"{1e6 * spent / events:>8.1f} us of a processor an event"
            f"{max(one['megabytes'] for one in results):>8.0f} MB"
        )
    pairs = zip(measured["compared"], measured["SQL"], strict=True)
    ratios = [ours["rate"] / plain["rate"] for ours, plain in pairs]
    ratio, memory = statistics.median(ratios), max(one["megabytes"] for one in measured["empty"])
    print(f"  compared / SQL {ratio:.3f} [{min(ratios):.3f} to {max(ratios):.3f}]   (wanted: {TARGET})")
    print(f"  memory {memory:.0f} MB   (wanted: under {MAX_MEGABYTES:.0f})")
    return ratio >= TARGET and memory < MAX_MEGABYTES


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", help="an empty database to measure on; an embedded one if not given")
    options.add_argument("--runs", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--side", choices=("empty", "compared", "SQL"), help=argparse.SUPPRESS)
    options.add_argument("--events", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.side:
        print(json.dumps(one_side(chosen.side, chosen.url, chosen.events)))
        return 0
    return 0 if asyncio.run(compare(chosen.url, chosen.runs, chosen.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
