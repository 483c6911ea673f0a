"""Followers hear of events soon, and following costs nothing without followers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import psycopg
import pytest

from orchestrator.embedded.postgres import PostgresServer
from orchestrator.ledger.book import following as following_module
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.ledger.book.following import Following
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.migrate import upgrade
from tests.ledger.sample_events import counts

SOON = 5.0


@pytest.fixture
async def following(database: Database) -> AsyncIterator[Following]:
    made = Following(database)
    yield made
    await made.aclose()


async def grow(ledger: Ledger, run_id: str, first: int, last: int) -> None:
    await ledger.append([StreamAppend(f"run:{run_id}", first - 1, counts(first, last))])


async def test_a_follower_hears_of_its_run_and_of_no_other(
    ledger: Ledger, new_ledger: Callable[[], Ledger], following: Following
) -> None:
    await grow(ledger, "a", 1, 2)
    async with asyncio.timeout(SOON), aclosing(following.run("a", 0)) as versions:
        assert await anext(versions) == 2, "what was there before is told at once"
        elsewhere = new_ledger()
        waiting = asyncio.ensure_future(anext(versions))
        await grow(elsewhere, "b", 1, 3)
        await grow(elsewhere, "a", 3, 5)
        assert await waiting == 5, "also from another process"


async def test_a_slow_follower_gets_the_latest_version_only(ledger: Ledger, following: Following) -> None:
    async with asyncio.timeout(SOON), aclosing(following.run("a", 0)) as versions:
        await grow(ledger, "a", 1, 1)
        assert await anext(versions) == 1
        async with aclosing(following.any()) as moves:
            for number in range(2, 6):
                await grow(ledger, "a", number, number)
            await anext(moves)
        assert await anext(versions) == 5


async def test_a_follower_with_the_latest_version_gets_nothing_until_there_is_another(
    ledger: Ledger, following: Following
) -> None:
    await grow(ledger, "a", 1, 2)
    async with asyncio.timeout(SOON), aclosing(following.run("a", 2)) as versions, aclosing(following.any()) as moves:
        waiting = asyncio.ensure_future(anext(versions))
        await anext(moves)
        await grow(ledger, "b", 1, 1)
        await anext(moves)
        assert not waiting.done()
        await grow(ledger, "a", 3, 3)
        assert await waiting == 3


async def test_a_hundred_followers_are_one_task_and_no_one_is_no_query(
    ledger: Ledger, following: Following, url: str
) -> None:
    async def first(run_id: str) -> int:
        async with aclosing(following.run(run_id, 0)) as versions:
            return await anext(versions)

    async with asyncio.timeout(SOON):
        waiting = [asyncio.ensure_future(first(f"r{number}")) for number in range(100)]
        await asyncio.sleep(0)
        assert following.listeners == 100
        for number in range(100):
            await grow(ledger, f"r{number}", 1, 2)
        assert set(await asyncio.gather(*waiting)) <= {2}
        while following.listeners:
            await asyncio.sleep(0.01)
        task = next(task for task in asyncio.all_tasks() if task.get_name() == "following the ledger")
        await asyncio.wait([task])
        assert len([task for task in asyncio.all_tasks() if task.get_name() == "following the ledger"]) == 0

    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'offboard%' AND state = 'active'"
        row = connection.execute(busy).fetchone()
        assert row == (0,)


async def until_lost(following: Following) -> bool:
    try:
        async for _ in following.any(patient=False):
            pass
    except LedgerUnavailable:
        return True
    return False


async def test_a_database_that_goes_away_and_comes_back_is_followed_on(
    tmp_path: Path,
) -> None:
    async with PostgresServer.start(tmp_path / "postgres", databases=("followed",)) as server:
        url = server.url("followed")
        await asyncio.to_thread(upgrade, url)
        database = Database(url)
        following = Following(database, look_every=0.05)
        async with asyncio.timeout(60), aclosing(following.any()) as moves:
            await anext(moves)
            waiting = asyncio.ensure_future(anext(moves))
            impatient = asyncio.ensure_future(until_lost(following))
            with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
                admin.execute("ALTER DATABASE followed ALLOW_CONNECTIONS false")
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'followed'")
                with pytest.raises(psycopg.OperationalError):
                    psycopg.connect(server.conninfo("followed"))
                # Long enough for several polls: they fail, and only followers that ask for errors hear of it.
                done, _ = await asyncio.wait([waiting], timeout=0.5)
                assert not done
                assert await impatient
                admin.execute("ALTER DATABASE followed ALLOW_CONNECTIONS true")
            with psycopg.connect(server.conninfo("followed"), autocommit=True) as owner:
                owner.execute("UPDATE ledger.head SET position = 7")
            await waiting
        await following.aclose()
        await database.aclose()


async def test_a_database_that_does_not_answer_is_one_that_is_away(
    ledger: Ledger, database: Database, database_url: str
) -> None:
    following = Following(database, look_every=0.05, longest_look=0.5)
    async with asyncio.timeout(60), aclosing(following.any()) as moves:
        await anext(moves)
        async with await psycopg.AsyncConnection.connect(database_url.replace("+psycopg", "")) as other:
            await other.execute("LOCK TABLE ledger.head IN ACCESS EXCLUSIVE MODE")
            assert await until_lost(following)
        await grow(ledger, "r1", 1, 2)
        await anext(moves)
    await following.aclose()


async def test_closing_ends_every_loop(ledger: Ledger, database: Database) -> None:
    following = Following(database)

    async def follow() -> list[int]:
        return [version async for version in following.run("a")]

    async with asyncio.timeout(SOON):
        waiting = asyncio.ensure_future(follow())
        await grow(ledger, "a", 1, 1)
        async with aclosing(following.any()) as moves:
            await anext(moves)
        await following.aclose()
        assert await waiting in ([], [1])


async def test_an_unexpected_error_does_not_end_the_look(
    ledger: Ledger, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "MAX_PAUSE_SECONDS", 0.1)
    look, met = Following._look, asyncio.Event()

    async def broken(self: Following) -> None:
        met.set()
        raise ZeroDivisionError

    async with asyncio.timeout(SOON), aclosing(following.run("a", 0)) as versions:
        monkeypatch.setattr(Following, "_look", broken)
        waiting = asyncio.ensure_future(anext(versions))
        await met.wait()
        monkeypatch.setattr(Following, "_look", look)
        await grow(ledger, "a", 1, 2)
        assert await waiting == 2
