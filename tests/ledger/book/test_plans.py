"""Appends and reads find rows by index, whatever PostgreSQL's statistics say about the tables."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.records import RowWrite, StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from tests.ledger.conftest import MASTER_KEY
from tests.ledger.sample_events import EVENT_TYPES, counts

APPENDS = 30
"""More than the five executions after which PostgreSQL may keep one plan for all parameters."""
OTHERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
TABLES = ("events", "inbox", "packets")


def _connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1), autocommit=True)


def _read_whole(url: str) -> dict[str, int]:
    """By table, the rows that sequential scans have read so far. A session hands in its counts when it ends."""
    with _connected(url) as connection:
        deadline = time.monotonic() + 60
        while connection.execute(OTHERS).fetchall():
            assert time.monotonic() < deadline, "a session of the test did not end"
            time.sleep(0.02)
        rows = connection.execute(
            "SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY(%s)", (list(TABLES),)
        )
        return dict(rows.fetchall())


def _gate(number: int) -> RowWrite:
    return RowWrite(
        "inbox",
        {"item_id": f"i{number}"},
        {"run_id": f"r{number}", "kind": "gate", "opened_at": "2026-11-23T09:30:00Z"},
    )


async def _appends_and_reads(url: str, first: int) -> None:
    """In a process of its own: its plans are made for the tables as they are when it begins."""
    database = Database(url, role="offboard_app")
    ledger = Ledger(database, Keyring(database, MASTER_KEY), EventCodec(EVENT_TYPES))
    for number in range(first, first + APPENDS):
        rows = [_gate(number), RowWrite("packets", {"name": f"p{number}"}, {"phase": "live"})]
        if number > first:
            rows.append(RowWrite("inbox", {"item_id": f"i{number - 1}"}, None))
        await ledger.append([StreamAppend(f"run:{number}", 0, counts(1, 3)), StreamAppend("other", 0)], rows)
        page = await ledger.read({f"run:{number}": 0, f"run:{number - 1}": 0, "other": 0})
        assert len(page.events[f"run:{number}"]) == 3
        assert len(await ledger.firsts([f"run:{number}"])) == 1
    await ledger.aclose()
    await database.aclose()


@pytest.mark.parametrize("statistics", ["never made", "made when the tables were small"])
async def test_appends_and_reads_use_indexes_whatever_the_statistics_say(url: str, statistics: str) -> None:
    with _connected(url) as connection:
        for table in ("ledger.events", "read.inbox", "read.packets"):
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    if statistics != "never made":
        await _appends_and_reads(url, 0)
        with _connected(url) as connection:
            connection.execute("DELETE FROM read.inbox WHERE item_id <> 'i29'")
            connection.execute("DELETE FROM read.packets WHERE name <> 'p1'")
            connection.execute("VACUUM ANALYZE read.inbox, read.packets, ledger.events")
    before = _read_whole(url)
    await _appends_and_reads(url, 1000)
    assert _read_whole(url) == before
