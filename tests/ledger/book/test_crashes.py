"""Processes that die, connections that break around a COMMIT, holders that freeze."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import pytest_asyncio

from orchestrator.ledger.book import writer as writer_module
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.errors import LedgerUnavailable, OutcomeUnknown, VersionConflict
from orchestrator.ledger.book.records import Appended, StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.proofs.verification import verify_database
from orchestrator.ledger.schema import database as database_module
from orchestrator.ledger.schema.database import Database
from tests.ledger.cutting_proxy import Cut, CuttingProxy
from tests.ledger.sample_events import EVENT_TYPES, counted, counts


@pytest.mark.parametrize(
    "rounds", [4, pytest.param(12, marks=[pytest.mark.faults, pytest.mark.timeout(900)])], ids=["short", "long"]
)
async def test_a_process_killed_while_it_commits_leaves_nothing_half(
    url: str, database: Database, new_ledger: Callable[[], Ledger], rounds: int
) -> None:
    survivor = new_ledger()
    for round_number in range(rounds):
        before = await survivor.tail_position()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.ledger.appending_process",
            url,
            f"round{round_number}",
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            while await survivor.tail_position() < before + 400 + 37 * round_number:
                await survivor.append([StreamAppend("survivor", await _version(survivor, "survivor"), [])])
        process.send_signal(signal.SIGKILL)
        said, _ = await process.communicate()
        acknowledged: dict[str, int] = defaultdict(int)
        for line in said.decode().splitlines():
            stream, _, version = line.partition(" ")
            acknowledged[stream] = int(version)
        streams = [f"round{round_number}:{writer}" for writer in range(16)]
        page = await survivor.read({f"{stream}:{half}": 0 for stream in streams for half in "ab"})
        for stream in streams:
            a, b = page.version(f"{stream}:a"), page.version(f"{stream}:b")
            assert a == b and a % 2 == 0, "an append is whole or not there"
            assert a in (acknowledged[stream], acknowledged[stream] + 2), "what was acknowledged is there"
    found = await asyncio.to_thread(verify_database, url)
    assert found.ok, found.wrong
    assert found.events == await survivor.tail_position() >= 400 * rounds


async def _version(ledger: Ledger, stream: str) -> int:
    return (await ledger.read({stream: 0})).version(stream)


@pytest_asyncio.fixture
async def proxy(url: str) -> AsyncIterator[CuttingProxy]:
    host = parse_qs(urlsplit(url).query)["host"][0]
    with tempfile.TemporaryDirectory(prefix="cut-") as folder:
        async with CuttingProxy(Path(host)).listen(Path(folder)) as proxy:
            proxy.folder = folder  # type: ignore[attr-defined]
            yield proxy


@pytest_asyncio.fixture
async def cut_ledger(proxy: CuttingProxy, url: str) -> AsyncIterator[Ledger]:
    """A ledger that reaches PostgreSQL through the proxy."""
    base, _, _ = url.partition("?")
    database = Database(f"{base}?host={quote(proxy.folder, safe='')}", role="offboard_app")  # type: ignore[attr-defined]
    ledger = Ledger(database, Keyring(database, bytes(32)), EventCodec(EVENT_TYPES))
    yield ledger
    await ledger.aclose()
    await database.aclose()


@pytest.mark.parametrize(
    "cuts", [["answer lost"], ["never arrived"], ["arrived late"], ["never arrived", "answer lost"]]
)
async def test_a_commit_without_an_answer_is_settled(
    proxy: CuttingProxy, cut_ledger: Ledger, ledger: Ledger, url: str, cuts: list[Cut]
) -> None:
    await ledger.append([StreamAppend("run:other", 0, counts(1, 3))])
    proxy.cuts = list(cuts)
    appends = [cut_ledger.append([StreamAppend(f"run:{number}", 0, counts(1, 2))]) for number in range(10)]
    late = cut_ledger.append([StreamAppend("run:other", 1, [counted(9)])])
    outcomes = await asyncio.gather(*appends, late, return_exceptions=True)
    assert proxy.done == cuts
    assert [type(outcome) for outcome in outcomes] == [Appended] * 10 + [VersionConflict]
    page = await ledger.read({f"run:{number}": 0 for number in range(10)})
    for number, outcome in enumerate(outcomes[:10]):
        assert isinstance(outcome, Appended)
        assert list(outcome.events) == page.events[f"run:{number}"], "what was answered is what stands there"
    assert await ledger.tail_position() == 23
    assert (await asyncio.to_thread(verify_database, url)).ok


@pytest.mark.parametrize("cut", ["answer lost", "never arrived"])
async def test_what_cannot_be_settled_is_said_and_can_be_tried_again(
    proxy: CuttingProxy, cut_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, cut: Cut
) -> None:
    monkeypatch.setattr(writer_module, "_SETTLE_SECONDS", 0.3)
    proxy.cuts = [cut]
    proxy.closed_after_cut = True
    with pytest.raises(OutcomeUnknown):
        await cut_ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    with pytest.raises(LedgerUnavailable):
        await cut_ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    proxy.closed = False
    if cut == "answer lost":
        with pytest.raises(VersionConflict):
            await cut_ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    else:
        await cut_ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    assert await cut_ledger.tail_position() == 1


async def test_a_holder_of_the_head_that_froze_is_cut_off(
    url: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 400)
    frozen = Database(url, role="offboard_app")
    connection = await frozen.dedicated()
    await connection.execute("BEGIN")
    await connection.execute("SELECT * FROM ledger.head FOR UPDATE")
    async with asyncio.timeout(10):
        await ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    await connection.close()
    await frozen.aclose()


async def test_a_head_that_stays_locked_is_said_to_be_so(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT_MS", 200)
    hasty = Database(url, role="offboard_app")
    ledger = Ledger(hasty, Keyring(hasty, bytes(32)), EventCodec(EVENT_TYPES))
    async with await database.dedicated() as holder:
        await holder.execute("BEGIN")
        await holder.execute("SELECT * FROM ledger.head FOR UPDATE")
        with pytest.raises(LedgerUnavailable, match="took too long"):
            await ledger.append([StreamAppend("run:1", 0, [counted(1)])])
        await holder.execute("ROLLBACK")
    await ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    await ledger.aclose()
    await hasty.aclose()
