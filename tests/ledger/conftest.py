"""Ledgers on a database that is copied afresh for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from tests.ledger.sample_events import EVENT_TYPES

MASTER_KEY = bytes(range(32))


@pytest.fixture
def url(database_url: str) -> str:
    """A migrated, empty database; the URL logs in as its owner."""
    return database_url


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
