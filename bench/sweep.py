"""What one sweep of the relay costs with many runs that are all up to date: `python -m bench.sweep [--runs 1000000]`.

    queue      the relay's own query
    join       the query of earlier versions, over all runs and reports

Runs and reports are written by SQL; one run in 45 is open. Both sides take turns, each on a session of its own with the
settings that the relay has or had. The time is the server's, as EXPLAIN ANALYZE gives it. Without --url an embedded
PostgreSQL that syncs to disk is started.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection

from bench.append import server_url
from orchestrator.ledger.engine.relay_queue import BEHIND
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.migrate import upgrade

TARGET_MS = 5.0
OPEN = 45
HERE = "a-cluster"
GRACE = timedelta(seconds=5)
FILL = """
INSERT INTO read.runs (run_id, person_id, state, packet_name, packet_version, cutoff, zone, requested_by, requested_at,
    closed_at, version, due_at)
SELECT 'r' || lpad(n::text, 10, '0'), 'p' || n % 3000, CASE WHEN n % {open} = 0 THEN 'waiting' ELSE 'closed' END,
    'leaver', '1', now(), 'UTC', 'a', now() - interval '1 hour', CASE WHEN n % {open} <> 0 THEN now() END, 20,
    CASE WHEN n % {open} = 0 THEN now() + interval '1 day' END FROM generate_series(1, {runs}) n
"""
REPORT = """
INSERT INTO engine.reports (run_id, version, cluster, reported_at, due_at)
SELECT run_id, version, '{here}', now(), CASE WHEN closed_at IS NULL THEN now() + interval '1 day' END FROM read.runs
"""
JOIN = (
    "WITH l AS MATERIALIZED (SELECT engine.now() - %s::interval AS late, %s::text AS cluster) "
    "SELECT r.run_id FROM l, read.runs r LEFT JOIN engine.reports w USING (run_id) "
    "WHERE r.closed_at IS NULL AND (w.cluster <> l.cluster OR w.due_at < late "
    "OR (w.run_id IS NULL AND r.requested_at < late) OR (w.version < r.version AND w.reported_at < late)) "
    "UNION SELECT r.run_id FROM l, read.runs r LEFT JOIN engine.reports w USING (run_id) "
    "WHERE r.closed_at IS NOT NULL AND r.watch_at < late AND (w.run_id IS NULL OR w.cluster <> l.cluster "
    "OR w.reported_at < r.watch_at OR w.due_at < late OR (w.version < r.version AND w.reported_at < late)) "
    "ORDER BY run_id LIMIT %s"
)


async def milliseconds(connection: AsyncConnection[Any], query: str, parameters: tuple[object, ...]) -> float:
    explained = await connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}".encode(), parameters)
    row = await explained.fetchone()
    assert row is not None
    return float(row[0][0]["Execution Time"])


async def compare(url: str | None, runs: int, rounds: int) -> float:
    async with server_url(url) as reached:
        await asyncio.to_thread(upgrade, reached)
        database = Database(reached)
        began = time.perf_counter()
        # The server may take longer for this than a statement of Offboard may.
        async with await AsyncConnection.connect(_conninfo(reached), autocommit=True) as session:
            await session.execute(FILL.format(open=OPEN, runs=runs).encode())
            await session.execute(REPORT.format(here=HERE).encode())
            await session.execute("VACUUM ANALYZE")
            print(f"{runs:,} runs, {runs // OPEN:,} of them open, after {time.perf_counter() - began:.0f} s")
            measured: dict[str, list[float]] = {"join": [], "queue": []}
            for number in range(rounds + 1):
                before = await milliseconds(session, JOIN, (GRACE, HERE, 500))
                async with database.driver() as own:
                    after = await milliseconds(own, BEHIND, (GRACE, HERE, HERE, 500))
                if number:  # the first round warms caches up
                    measured["join"].append(before)
                    measured["queue"].append(after)
        await database.aclose()
    print(f"medians of {rounds} rounds, in turn")
    for side, each in measured.items():
        print(f"  {side:<8}{statistics.median(each):>9.2f} ms   ({min(each):.2f} to {max(each):.2f})")
    print(f"  wanted: queue at most {TARGET_MS:.0f} ms")
    return statistics.median(measured["queue"])


def _conninfo(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--url", help="an empty database to measure on; an embedded one if not given")
    options.add_argument("--runs", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=10)
    chosen = options.parse_args()
    return 0 if asyncio.run(compare(chosen.url, chosen.runs, chosen.rounds)) <= TARGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
