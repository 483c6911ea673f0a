"""The relay finds exactly the runs that are behind, and reads no others."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from orchestrator.ledger.engine.relay_queue import open_for, open_runs, runs_behind
from orchestrator.ledger.schema.database import Database

HERE, ELSEWHERE = "cluster-m", ("cluster-a", "cluster-z")
GRACE = timedelta(minutes=5)
# The rule, over all runs and reports.
RULE = """
SELECT r.run_id FROM read.runs r LEFT JOIN engine.reports w USING (run_id),
    LATERAL (SELECT engine.now() - %(grace)s::interval AS late) l
WHERE (r.closed_at IS NULL AND (w.cluster <> %(cluster)s OR w.due_at < late
        OR (w.run_id IS NULL AND r.requested_at < late) OR (w.version < r.version AND w.reported_at < late)))
    OR (r.closed_at IS NOT NULL AND r.watch_at < late AND (w.run_id IS NULL OR w.cluster <> %(cluster)s
        OR w.reported_at < r.watch_at OR w.due_at < late OR (w.version < r.version AND w.reported_at < late)))
ORDER BY 1
"""
RUN = """
INSERT INTO read.runs (run_id, person_id, state, packet_name, packet_version, cutoff, zone, requested_by, requested_at,
    closed_at, version, watch_at)
VALUES (%(run)s, 'p', 'open', 'leaver', '1', now(), 'UTC', 'a', now() + %(requested)s * interval '1 minute',
    now() + %(closed)s * interval '1 minute', %(version)s, now() + %(watch)s * interval '1 minute')
ON CONFLICT (run_id) DO UPDATE SET closed_at = excluded.closed_at, version = excluded.version,
    watch_at = excluded.watch_at
"""
REPORT = """
INSERT INTO engine.reports (run_id, version, cluster, reported_at, due_at)
VALUES (%(run)s, %(version)s, %(cluster)s, now() + %(reported)s * interval '1 minute',
    now() + %(due)s * interval '1 minute')
ON CONFLICT (run_id) DO UPDATE SET version = excluded.version, cluster = excluded.cluster,
    reported_at = excluded.reported_at, due_at = excluded.due_at
"""


def connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1), autocommit=True)


def behind_by_rule(connection: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in connection.execute(RULE, {"grace": GRACE, "cluster": HERE}).fetchall()]


async def test_the_runs_that_are_behind_are_those_of_the_rule(url: str, database: Database) -> None:
    """Over made-up runs and reports that change again and again, each with instants around the grace."""
    chance = random.Random(20261201)

    def at() -> int:
        return chance.choice((-60, -20, -10, -6, -4, 0, 10, 60))

    with connected(url) as connection:
        for _ in range(4):
            for number in range(200):
                run = {
                    "run": f"r{number:03}",
                    "requested": at(),
                    "closed": chance.choice((None, None, at())),
                    "version": chance.randint(1, 3),
                    "watch": chance.choice((None, at())),
                }
                report = {
                    "run": f"r{number:03}",
                    "version": chance.randint(1, 3),
                    "cluster": chance.choice((HERE, HERE, HERE, *ELSEWHERE)),
                    "reported": at(),
                    "due": chance.choice((None, at())),
                }
                writes = [(RUN, run)] if chance.random() < 0.9 else []
                writes += [(REPORT, report)] if chance.random() < 0.7 else []
                chance.shuffle(writes)
                for sql, values in writes:
                    connection.execute(sql, values)
            expected = behind_by_rule(connection)
            assert 20 < len(expected) < 180
            assert await runs_behind(database, HERE, GRACE) == expected
            assert await runs_behind(database, HERE, GRACE, 7) == expected[:7]
            each = [await runs_behind(database, HERE, GRACE, only=f"r{number:03}") for number in range(200)]
            assert [run for found in each for run in found] == expected
        opened = connection.execute("SELECT run_id FROM read.runs WHERE closed_at IS NULL ORDER BY 1").fetchall()
        assert [(run,) for run in await open_runs(database)] == opened
        connection.execute("DELETE FROM read.runs WHERE run_id < 'r150'")
        assert await runs_behind(database, HERE, GRACE) == behind_by_rule(connection) != []


async def test_a_report_and_an_append_at_once_lose_nothing_of_each_other(url: str, database: Database) -> None:
    with connected(url) as first, connected(url) as second:
        run = {"run": "r1", "requested": -60, "closed": None, "version": 1, "watch": None}
        report = {"run": "r1", "version": 1, "cluster": HERE, "reported": -10, "due": None}
        first.execute(RUN, run)
        second.execute(REPORT, report)
        assert await runs_behind(database, HERE, GRACE) == []
        with first.transaction():
            first.execute(RUN, run | {"version": 2})
            reporting = asyncio.create_task(asyncio.to_thread(second.execute, REPORT, report | {"reported": -9}))
            waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s"
            deadline = time.monotonic() + 30
            while not first.execute(waiting, (second.info.backend_pid,)).fetchall():
                assert time.monotonic() < deadline, "the report did not wait for the append"
                await asyncio.sleep(0.01)
        await reporting
        assert await runs_behind(database, HERE, GRACE) == ["r1"]


@pytest.mark.parametrize("statistics", ["never made", "made when the tables were empty"])
async def test_a_sweep_reads_what_is_behind_and_not_every_run(url: str, database: Database, statistics: str) -> None:
    with connected(url) as connection:
        for table in ("read.runs", "engine.reports", "engine.relay_queue"):
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        if statistics != "never made":
            connection.execute("VACUUM ANALYZE read.runs, engine.reports, engine.relay_queue")
        for _ in range(10):  # so that this connection keeps the plans that it made for empty tables
            assert await runs_behind(database, HERE, GRACE) == await open_runs(database) == []
        connection.execute("""
            INSERT INTO read.runs (run_id, person_id, state, packet_name, packet_version, cutoff, zone, requested_by,
                requested_at, closed_at, version)
            SELECT 'r' || n, 'p', 'closed', 'leaver', '1', now(), 'UTC', 'a', now(), now(), 2
            FROM generate_series(1000, 4999) n
        """)
        connection.execute("""
            INSERT INTO engine.reports (run_id, version, cluster, reported_at)
            SELECT run_id, version, 'cluster-a', now() FROM read.runs
        """)
        for number in range(9):
            run = {"run": f"open{number}", "requested": -60, "closed": None, "version": 3, "watch": None}
            connection.execute(RUN, run)
        late = ["open0", "open1", "open2"]
        for number in range(3, 9):
            report = {"run": f"open{number}", "version": 3, "cluster": HERE, "reported": -10, "due": None}
            connection.execute(REPORT, report)
        before = await rows_read(connection, database)
        assert await runs_behind(database, HERE, GRACE) == late
        assert await runs_behind(database, HERE, GRACE, only="open1") == ["open1"]
        assert len(await open_for(database, GRACE, "", 1000)) == 9
        after = await rows_read(connection, database)
        assert after["runs"] == before["runs"] and after["reports"] == before["reports"]
        assert 13 <= after["relay_queue"] - before["relay_queue"] <= 30


async def rows_read(connection: psycopg.Connection[Any], database: Database) -> dict[str, int]:
    """By table, the rows that scans of it and of its indexes have read, once both sessions have handed in what they
    counted: the pool has one connection, since none was used at the same time."""
    async with database.driver() as session:
        await session.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT pg_stat_force_next_flush()")
    rows = connection.execute("""
        SELECT relname, coalesce(seq_tup_read, 0) + coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i
            WHERE i.relid = t.relid), 0)
        FROM pg_stat_user_tables t WHERE relname IN ('runs', 'reports', 'relay_queue')
    """)
    return {name: int(read) for name, read in rows.fetchall()}
