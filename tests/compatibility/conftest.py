"""A PostgreSQL with the recorded database, and copies of it for those who change something."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from tests.compatibility import product
from tests.compatibility.fixture_files import read_json, read_text
from tests.compatibility.small_company import SmallCompany

TEMPLATE = "recorded_template"
ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'offboard_app') THEN CREATE ROLE offboard_app NOLOGIN; END IF;
END $$
"""
_numbers = itertools.count(1)
EnvironmentFor = Callable[[str, SmallCompany], dict[str, str]]
Recording = dict[str, Any]
CopyDatabase = Callable[[], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="session")
def recorded() -> Recording:
    """Ids, tokens, keys and the instant of the recording."""
    found: Recording = read_json("recorded.json")
    return found


@pytest_asyncio.fixture(scope="session")
async def recorded_database(postgres: product.PostgresServer) -> str:
    """The name of the database as it was recorded. Change nothing in it: copy it."""
    await postgres.create_database(TEMPLATE)
    async with await psycopg.AsyncConnection.connect(postgres.conninfo(TEMPLATE), autocommit=True) as raw:
        await raw.execute(ROLE)
        await raw.execute(read_text("database.sql.gz").encode())
    return TEMPLATE


@pytest.fixture(scope="session")
def copied(postgres: product.PostgresServer, recorded_database: str, recorded: dict[str, Any]) -> CopyDatabase:
    """`async with copied() as name`: a copy on which every later migration ran, its clock at the recording."""

    @asynccontextmanager
    async def copy() -> AsyncIterator[str]:
        name = f"recorded_{os.getpid()}_{next(_numbers)}"
        await postgres.create_database(name, template=recorded_database)
        await asyncio.to_thread(product.upgrade, postgres.url(name))
        await set_clock(postgres, name, recorded["recorded_at"])
        yield name
        await postgres.drop_database(name)

    return copy


async def set_clock(postgres: product.PostgresServer, database: str, instant: str, days: int = 0) -> None:
    """The database's clock goes on from this instant, or from so many days after it."""
    async with await psycopg.AsyncConnection.connect(postgres.conninfo(database), autocommit=True) as raw:
        await raw.execute(
            "INSERT INTO engine.settings (name, value) VALUES ('clock_offset_seconds', extract(epoch FROM "
            "%s::timestamptz + make_interval(days => %s) - clock_timestamp())::text) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (instant, days),
        )


@pytest.fixture(scope="session")
def environment_for(
    postgres: product.PostgresServer, temporal: product.TemporalServer, recorded: dict[str, Any]
) -> EnvironmentFor:
    """The settings of an installation over a copy of the recorded database, with a task queue of its own."""

    def environment(database: str, company: SmallCompany) -> dict[str, str]:
        mail = ("MAIL_HOST", "MAIL_PORT", "MAIL_USER", "MAIL_PASSWORD", "MAIL_CA_FILE")
        return {
            "OFFBOARD_DATABASE_URL": postgres.url(database),
            "OFFBOARD_MASTER_KEY": recorded["master_key"],
            "OFFBOARD_TEMPORAL_ADDRESS": temporal.address,
            "OFFBOARD_TEMPORAL_TASK_QUEUE": database,
            "OFFBOARD_INSTALLATION": "recorded",
            "OFFBOARD_WEBHOOK_HOSTS": "127.0.0.1,localhost",
            "OFFBOARD_NOTICES_GATHER_SECONDS": "1",
            "OFFBOARD_MAIL_SENDER": "offboard@wolkenmuehle.example",
            **{f"OFFBOARD_{name}": company.connections[name] for name in mail},
            **company.connections,
        }

    return environment
