"""A real PostgreSQL for the ledger's tests: one server a session, one freshly copied database a test."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from orchestrator.embedded.postgres import PostgresServer
from orchestrator.ledger.codec import EventCodec
from orchestrator.ledger.database import Database
from orchestrator.ledger.keys import Keyring
from orchestrator.ledger.migrate import upgrade
from orchestrator.ledger.store import Ledger
from tests.ledger.sample_events import EVENT_TYPES

MASTER_KEY = bytes(range(32))
TEMPLATE = "ledger_template"
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="offboard-ledger-") as folder:
        async with PostgresServer.start(Path(folder), databases=(TEMPLATE,)) as server:
            upgrade(server.url(TEMPLATE))
            yield server


@pytest_asyncio.fixture
async def url(postgres: PostgresServer) -> AsyncIterator[str]:
    """A migrated, empty database; the URL logs in as its owner."""
    name = f"ledger_{os.getpid()}_{next(_numbers)}"
    await postgres.create_database(name, template=TEMPLATE)
    yield postgres.url(name)
    await postgres.drop_database(name)


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Connected as the application's role."""
    database = Database(url, role="offboard_app")
    yield database
    await database.aclose()


@pytest.fixture
def keyring(database: Database) -> Keyring:
    return Keyring(database, MASTER_KEY)


@pytest_asyncio.fixture
async def ledger(database: Database, keyring: Keyring) -> AsyncIterator[Ledger]:
    ledger = Ledger(database, keyring, EventCodec(EVENT_TYPES))
    yield ledger
    await ledger.aclose()


@pytest_asyncio.fixture
async def new_ledger(url: str) -> AsyncIterator[Callable[[], Ledger]]:
    """Makes further ledgers on the same database, each with its own connections, as other processes would have."""
    made: list[tuple[Ledger, Database]] = []

    def make() -> Ledger:
        database = Database(url, pool_size=2, role="offboard_app")
        ledger = Ledger(database, Keyring(database, MASTER_KEY), EventCodec(EVENT_TYPES))
        made.append((ledger, database))
        return ledger

    yield make
    for ledger, database in made:
        await ledger.aclose()
        await database.aclose()
