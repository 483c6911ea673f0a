"""The recorded database under today's code: migrated, verified against its checkpoint, its read tables made again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest_asyncio

from tests.compatibility import product
from tests.compatibility.comparison import changed
from tests.compatibility.conftest import CopyDatabase, Recording
from tests.compatibility.fixture_files import read_json

TABLES = ("runs", "inbox", "exceptions", "packets", "run_counts")


@pytest_asyncio.fixture(scope="module")
async def migrated(copied: CopyDatabase) -> AsyncIterator[str]:
    async with copied() as name:
        yield name


def rows_of(postgres: product.PostgresServer, database: str) -> dict[str, list[Any]]:
    found = {}
    with psycopg.connect(postgres.conninfo(database)) as connection:
        connection.execute("SET timezone = 'UTC'")
        for table in TABLES:
            rows = connection.execute(f"SELECT to_jsonb(t) FROM read.{table} t").fetchall()
            found[table] = [row[0] for row in rows]
    return found


def by_key(rows: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    keys = {"runs": ["run_id"], "inbox": ["item_id"], "exceptions": ["exception_id"], "packets": ["name"]}
    counted = ["packet_name", "packet_version", "state", "urgent"]
    return {
        table: {json.dumps([row[name] for name in keys.get(table, counted)]): row for row in rows[table]}
        for table in TABLES
    }


async def test_the_ledger_verifies_with_its_checkpoint(
    postgres: product.PostgresServer, migrated: str, recorded: Recording
) -> None:
    found = await asyncio.to_thread(
        product.verify_database,
        postgres.url(migrated),
        against=[recorded["checkpoint"]],
        verifier_key=recorded["verifier_key"],
    )
    assert found.ok, found.wrong
    assert found.checkpoints == 1


async def test_the_same_checkpoint_is_made_again(
    postgres: product.PostgresServer, migrated: str, recorded: Recording
) -> None:
    assert await product.checkpoint(postgres.url(migrated), recorded["checkpoint_key"]) == recorded["checkpoint"]


async def test_read_tables_are_as_they_were_left_and_as_they_were_rebuilt(
    postgres: product.PostgresServer, migrated: str
) -> None:
    """A later migration may give rows more columns. Where the recorded rows already differed from the events, so they
    do today."""
    recorded = read_json("read_tables.json.gz")
    assert not differences(recorded["as_left"], rows_of(postgres, migrated))
    differed = await product.rebuilt(postgres.url(migrated))
    assert differed.pop("run_counts") == 0, "the recorded rebuild did not compare the sums"
    # Migration 0008 added `confirmed`, which rows of earlier versions get here; recorded columns are compared below.
    assert differed.pop("runs") > 0 and recorded["differed"].pop("runs") == 0
    assert differed == recorded["differed"]
    assert not differences(recorded["as_rebuilt"], rows_of(postgres, migrated))


def differences(recorded: dict[str, list[Any]], now: dict[str, list[Any]]) -> list[str]:
    before, after = by_key(recorded), by_key(now)
    assert all(before.values())
    more = [f"{table}: {key} is new" for table in TABLES for key in after[table].keys() - before[table].keys()]
    return [*changed(before, after), *more]
