"""The migrations make what `tables.py` says, for any user and with several at the same time."""

from __future__ import annotations

import asyncio
import sys

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from orchestrator.embedded.postgres import PostgresServer
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.all_tables import metadata
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.migrate import upgrade
from tests.ledger.sample_events import EVENT_TYPES, counted


def test_the_tables_are_what_the_migrations_make(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        options = {"include_schemas": True, "compare_type": True, "version_table_schema": "engine"}
        context = MigrationContext.configure(connection, opts=options | {"version_table": "migrations"})
        assert compare_metadata(context, metadata) == []


async def test_migrating_again_and_at_once_changes_nothing(postgres: PostgresServer) -> None:
    names = [f"twice_{number}" for number in range(2)]
    for name in names:
        await postgres.create_database(name)
    program = "import sys; from orchestrator.ledger.schema.migrate import upgrade; upgrade(sys.argv[1])"
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, postgres.url(name)) for name in names
    ]
    await asyncio.gather(*(asyncio.to_thread(upgrade, postgres.url(name)) for name in names * 2))
    assert [await process.wait() for process in processes] == [0, 0]
    for name in names:
        with psycopg.connect(postgres.conninfo(name)) as connection:
            assert connection.execute("SELECT version_num FROM engine.migrations").fetchall() == [("0024",)]
        await postgres.drop_database(name)


async def test_an_owner_without_further_rights_migrates_and_the_application_works(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.conninfo("postgres"), autocommit=True) as admin:
        admin.execute("CREATE ROLE plain_owner LOGIN")
        admin.execute("CREATE DATABASE plain OWNER plain_owner")
        await asyncio.to_thread(upgrade, postgres.url("plain", user="plain_owner"))
        admin.execute("CREATE ROLE plain_worker LOGIN IN ROLE offboard_app")
    database = Database(postgres.url("plain", user="plain_worker"))
    keyring = Keyring(database, bytes(32))
    ledger = Ledger(database, keyring, EventCodec(EVENT_TYPES))
    assert await keyring.person_for("mail", "x") is not None
    assert (await ledger.append([StreamAppend("run:1", 0, [counted(1)])])).positions == (1,)
    async with await database.dedicated() as connection:
        for forbidden in (
            "UPDATE ledger.events SET stream = 'x'",
            "DELETE FROM ledger.events",
            "TRUNCATE ledger.events",
            "INSERT INTO engine.settings VALUES ('clock_offset_seconds', '1')",
            "ALTER TABLE ledger.events DISABLE TRIGGER events_only_grow",
            "DELETE FROM keyring.person_keys",
            "CREATE TABLE ledger.mine ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(forbidden.encode())
    await ledger.aclose()
    await database.aclose()
    await postgres.drop_database("plain")


def test_a_database_that_cannot_be_reached_is_said_so() -> None:
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        upgrade("postgresql://offboard@/none?host=/nowhere-at-all")
