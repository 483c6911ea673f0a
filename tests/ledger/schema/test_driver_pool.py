"""The driver's pool reports an unreachable server without waiting for a time-out, and serves again once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

from orchestrator.embedded.postgres import PostgresServer
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.ledger.schema import database as database_module
from orchestrator.ledger.schema import driver_pool as driver_pool_module
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.driver_pool import DriverPool
from tests.faults.wire import socket_of, wire

LONGER_THAN_A_TEST = 3600.0  # seconds; a reader that waited this long would fail by the test's own time limit
READERS = 5


@pytest.fixture
def no_timeout_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_pool_module, "CHECKOUT_SECONDS", LONGER_THAN_A_TEST)
    monkeypatch.setattr(driver_pool_module, "CHECKOUT_SECONDS_AFTER_A_FAILURE", LONGER_THAN_A_TEST)


async def read(database: Database) -> int:
    async with database.driver() as connection:
        [value] = await (await connection.execute("SELECT 1")).fetchone() or [0]
        return int(value)


async def test_every_reader_learns_at_once_that_the_server_is_down(tmp_path: Path, no_timeout_helps: None) -> None:
    async with PostgresServer.start(tmp_path) as server:
        database = Database(server.url(), pool_size=READERS - 2)
        assert await asyncio.gather(*(read(database) for _ in range(READERS))) == [1] * READERS
        await server.crash()
        for _ in range(2):
            outcomes = await asyncio.gather(*(read(database) for _ in range(READERS)), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [LedgerUnavailable] * READERS
            assert all("cannot be reached" in str(outcome) for outcome in outcomes)
        await server.restart()
        assert await read(database) == 1
        await server.crash()
        with pytest.raises(LedgerUnavailable, match="cannot be reached"):
            await read(database)
        await server.restart()
        assert await asyncio.gather(*(read(database) for _ in range(READERS))) == [1] * READERS
        await database.aclose()


async def test_the_first_readers_after_a_restart_succeed(tmp_path: Path) -> None:
    """Both pools hold only connections of the server that was there before, and no reader met the outage."""
    async with PostgresServer.start(tmp_path) as server:
        database = Database(server.url(), pool_size=READERS)
        for way in (read, read_with_sqlalchemy):
            await asyncio.gather(*(way(database) for _ in range(READERS)))
        await server.crash()
        await server.restart()
        for way in (read, read_with_sqlalchemy):
            assert await asyncio.gather(*(way(database) for _ in range(READERS))) == [1] * READERS
        await database.aclose()


async def test_connections_that_an_administrator_ended_fail_no_reader(postgres: PostgresServer) -> None:
    database = Database(postgres.url("postgres"), pool_size=READERS)
    for way in (read, read_with_sqlalchemy):
        await asyncio.gather(*(way(database) for _ in range(READERS)))
    others = "application_name LIKE 'offboard%' AND datname = 'postgres' AND pid <> pg_backend_pid()"
    async with await psycopg.AsyncConnection.connect(postgres.conninfo("postgres"), autocommit=True) as administrator:
        ended = await administrator.execute(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}".encode()
        )
        rows = await ended.fetchall()
        assert len(rows) >= 2, "at least one of each pool"
        assert set(rows) == {(True,)}
    for way in (read, read_with_sqlalchemy):
        assert await asyncio.gather(*(way(database) for _ in range(READERS))) == [1] * READERS
    await database.aclose()


async def test_a_server_that_was_never_there_is_reported_at_once(tmp_path: Path, no_timeout_helps: None) -> None:
    database = Database(f"postgresql://postgres@/offboard?host={tmp_path}")
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        await read(database)
    await database.aclose()


async def test_connections_that_went_silent_are_given_up(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something on the way accepts what is sent, and passes nothing on."""
    monkeypatch.setattr(database_module, "IN_USE_SECONDS", 0.5)
    async with wire(socket_of(postgres)) as line:
        database = Database(f"postgresql://postgres@{line.address}/postgres")
        await asyncio.gather(*(read(database) for _ in range(READERS)), read_with_sqlalchemy(database))
        line.swallow()
        async with asyncio.timeout(20):
            for way in (read, read_with_sqlalchemy):
                with pytest.raises(LedgerUnavailable, match="cannot be reached"):
                    await way(database)
                # The others of the pool are not met one by one.
                assert await asyncio.gather(*(way(database) for _ in range(READERS))) == [1] * READERS
        await database.aclose()


async def read_with_sqlalchemy(database: Database) -> int:
    async with database.transaction() as connection:
        return int((await connection.execute(text("SELECT 1"))).scalar_one())


@pytest_asyncio.fixture
async def one_login(postgres: PostgresServer) -> AsyncIterator[str]:
    """A role that PostgreSQL gives one connection."""
    name = "one_connection_only"
    async with await psycopg.AsyncConnection.connect(postgres.conninfo("postgres"), autocommit=True) as administrator:
        await administrator.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 1")
        yield postgres.conninfo("postgres", user=name)
        await administrator.execute(f"DROP ROLE {name}")


async def test_a_failed_attempt_shortens_the_wait_and_ends_it_only_where_no_connection_is_left(one_login: str) -> None:
    pool = DriverPool(conninfo_to_dict(one_login), size=2)
    await pool.open()
    assert pool.checkout_seconds == 15
    async with pool.connection() as first:
        waiting = asyncio.create_task(value_on_the_next(pool))
        async with asyncio.timeout(30):
            while not pool.last_attempt_failed:
                await asyncio.sleep(0.01)
        assert pool.checkout_seconds == 2
        assert not waiting.done(), "a connection that is in use comes back"
        pid = first.info.backend_pid
    assert await waiting == pid, "it got the one connection that there is"
    await pool.aclose()


async def value_on_the_next(pool: DriverPool) -> int:
    async with pool.connection() as connection:
        return connection.info.backend_pid
