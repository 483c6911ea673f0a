"""A part that is down is shown within a second, with the time since when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator.background import BackgroundTask
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from orchestrator.web import parts as module
from orchestrator.web.parts import Parts, WatchedPart


@pytest_asyncio.fixture
async def silent() -> AsyncIterator[str]:
    """A database that accepts connections and says nothing."""

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(nothing, "127.0.0.1", 0)
    yield f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/offboard"
    server.close()


@pytest.mark.parametrize("how", ["silent", "refused"])
async def test_a_database_that_is_down_is_shown_within_a_second_and_since_when(
    silent: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.0)
    database = Database(silent if how == "silent" else "postgresql://nobody@127.0.0.1:9/offboard")
    keyring = Keyring(database, bytes(32))
    ledger = Ledger(database, keyring, EventCodec(()))
    parts = Parts(database, ledger, keyring, None)
    began = asyncio.get_running_loop().time()
    first = {part.name: part for part in await parts.look()}
    assert asyncio.get_running_loop().time() - began < 1.5, "a second, on a busy machine"
    assert first["ledger"].up is False and first["ledger"].cause
    assert first["relay"].up is None and first["temporal"].up is False
    again = {part.name: part for part in await parts.look()}
    assert again["ledger"].since == first["ledger"].since
    await ledger.aclose()
    await database.aclose()


async def test_the_process_looks_without_being_asked_and_survives_what_it_did_not_expect(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    looked = asyncio.Semaphore(0)

    class UnexpectedlyFailingParts(Parts):
        async def look(self) -> tuple[WatchedPart, ...]:
            looked.release()
            raise ZeroDivisionError("a name")

    database = Database("postgresql://nobody@127.0.0.1:9/offboard")
    keyring = Keyring(database, bytes(32))
    ledger = Ledger(database, keyring, EventCodec(()))
    task = BackgroundTask(UnexpectedlyFailingParts(database, ledger, keyring, None).look_on(), "health of the parts")
    async with asyncio.timeout(10):
        for _ in range(3):
            await looked.acquire()
    assert not task.done
    await task.stop()
    assert "ZeroDivisionError" in caplog.text and "a name" not in caplog.text
    await ledger.aclose()
    await database.aclose()
