"""Our own role with the least rights, two databases, and roles of people."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from connectors.abilities import Connector
from orchestrator.embedded.postgres import PostgresServer
from tests.connectors.vendors.postgresql.accounts import (
    CREDENTIAL,
    DATABASES,
    MakeRole,
    RunStatement,
    connector_as,
)

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="package")
async def run(postgres: PostgresServer) -> AsyncIterator[RunStatement]:
    """Statements of a superuser. The module's databases and our own role with the least rights are there."""
    for name in DATABASES:
        await postgres.create_database(name)

    async def run(
        *statements: str, database: str = "postgres", values: Any = None, **names: str
    ) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        async with await psycopg.AsyncConnection.connect(postgres.conninfo(database), autocommit=True) as connection:
            for statement in statements:
                quoted = {name: sql.Identifier(value) for name, value in names.items()}
                done = await connection.execute(sql.SQL(statement).format(**quoted), values)  # type: ignore[arg-type]
                rows = await done.fetchall() if done.description else []
        return rows

    await run(
        f"CREATE ROLE {CREDENTIAL} LOGIN CREATEROLE",
        f"GRANT pg_signal_backend, pg_read_all_stats TO {CREDENTIAL}",
        *(f'GRANT CREATE ON DATABASE "{name}" TO {CREDENTIAL}' for name in DATABASES),
    )
    yield run
    for name in DATABASES:
        await postgres.drop_database(name)


@pytest_asyncio.fixture
async def make(run: RunStatement) -> AsyncIterator[MakeRole]:
    """A role that our own may administer, as a creator of roles may. All are removed at the end."""
    made: list[str] = []

    async def make(name: str = "", *, login: bool = True, attributes: str = "") -> str:
        name = name or f"role_{next(_numbers)}"
        await run(f"CREATE ROLE {{name}} {'LOGIN' if login else ''} {attributes}", name=name)
        made.append(name)
        await run(f"GRANT {{name}} TO {CREDENTIAL} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE", name=name)
        return name

    yield make
    known = await run("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", values=(made,))
    left = {f"role_{number}": name for number, (name,) in enumerate(known)}
    for database in DATABASES:
        await run(*(f"DROP OWNED BY {{{key}}} CASCADE" for key in left), database=database, **left)
    await run(*(f"DROP ROLE {{{key}}}" for key in left), **left)


@pytest.fixture
def connector(postgres: PostgresServer) -> Connector:
    return connector_as(postgres, CREDENTIAL)
