"""`offboard ledger verify` against plain hashing of the same rows, both on all processors.

    verify     every check of docs/ledger-format.md, over the ledger that `filling.py` writes
    hashing    one process for each processor COPYs its share of the rows and computes SHA-256 of each, no more

Each side runs in a process of its own, in turn; medians of the rounds. Besides the rates it prints processor seconds
(without PostgreSQL's) and the memory of the largest process.

    make bench WHAT=verify ARGS="--runs 100000 --rounds 5"
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import psycopg

from bench.append import server_url
from bench.filling import fill
from orchestrator.ledger.proofs.verification import verify_database
from orchestrator.ledger.schema.migrate import upgrade

TARGET = 1.0
PROCESSORS = len(os.sched_getaffinity(0))


def hashed(url: str, share: tuple[int, int]) -> int:
    """How many rows after the one position, up to the other."""
    count = 0
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain) as connection, connection.cursor() as cursor:
        sql = f"COPY (SELECT stored FROM ledger.events WHERE position > {share[0]} AND position <= {share[1]} "
        with cursor.copy((sql + "ORDER BY position) TO STDOUT (FORMAT binary)").encode()) as copied:
            for row in copied:
                hashlib.sha256(row).digest()
                count += 1
    return count - 1  # the last block ends the copy


def hash_all(url: str, events: int) -> int:
    size = -(-events // PROCESSORS)
    shares = [(first, min(first + size, events)) for first in range(0, events, size)]
    with ProcessPoolExecutor(PROCESSORS, get_context("spawn")) as pool:
        return sum(pool.map(partial(hashed, url), shares))


def one_side(side: str, url: str, events: int) -> dict[str, float]:
    began = time.perf_counter()
    if side == "verify":
        found = verify_database(url, processes=PROCESSORS)
        assert found.ok and found.events == events, found
    else:
        assert hash_all(url, events) == events
    took = time.perf_counter() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "rate": events / took,
        "processor_seconds": sum(one.ru_utime + one.ru_stime for one in used),
        "megabytes": max(one.ru_maxrss for one in used) / 1024,
    }


def in_a_process(side: str, url: str, events: int) -> Any:
    command = [sys.executable, "-m", "bench.verify", "--side", side, "--url", url, "--events", str(events)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def compare(url: str | None, runs: int, rounds: int) -> float:
    async with server_url(url) as reached:
        await asyncio.to_thread(upgrade, reached)
        events = await asyncio.to_thread(fill, reached, runs)
        measured: dict[str, list[Any]] = {"verify": [], "hashing": []}
        for number in range(rounds + 1):
            for side, results in measured.items():
                result = await asyncio.to_thread(in_a_process, side, reached, events)
                if number:  # the first round warms caches up
                    results.append(result)
    pairs = zip(measured["verify"], measured["hashing"], strict=True)
    ratios = [ours["rate"] / plain["rate"] for ours, plain in pairs]
    print(f"{events:,} events of {runs:,} runs, {PROCESSORS} processors; medians of {rounds} rounds, in turn")
    for side, results in measured.items():
        rates = [one["rate"] for one in results]
        spent = statistics.median(one["processor_seconds"] for one in results)
        print(
            f"  {side:<10}{statistics.median(rates):>10,.0f} events/s   ({min(rates):,.0f} to {max(rates):,.0f})"
            f"{1e6 * spent / events:>8.1f} us of a processor an event"
            f"{max(one['megabytes'] for one in results):>8.0f} MB in its largest process"
        )
    ratio = statistics.median(ratios)
    print(
        f"  median of the rounds ratios {ratio:.2f} [{min(ratios):.2f} to {max(ratios):.2f}]   (wanted: {TARGET:.1f})"
    )
    return ratio


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", help="an empty database to measure on; an embedded one if not given")
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--side", choices=("verify", "hashing"), help=argparse.SUPPRESS)
    options.add_argument("--events", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.side:
        print(json.dumps(one_side(chosen.side, chosen.url, chosen.events)))
        return 0
    return 0 if asyncio.run(compare(chosen.url, chosen.runs, chosen.rounds)) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
