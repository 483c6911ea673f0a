"""Read tables are made again while other processes append and read."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.domain.events import RunHeld
from orchestrator.ledger.book import made_rows
from orchestrator.ledger.book import rebuild as rebuilding
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.errors import LedgerUnavailable, UnreadableEvent
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.schema.database import Database
from tests.ledger.small_office import HANNA, HOUR, OLE, REFUSED, SmallOffice, small_office

TABLES = ("runs", "inbox", "exceptions", "packets", "run_counts")
LATER = timedelta(days=30)
WAITS_SECONDS = 15.0


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        yield office


async def dump(here: SmallOffice) -> dict[str, list[str]]:
    """Every row of every read table, but for sums of nothing."""
    async with here.database.driver() as connection:
        return {
            table: sorted(
                row[0]
                for row in await (await connection.execute(f"SELECT to_jsonb(t)::text FROM read.{table} t")).fetchall()
                if '"runs": 0' not in row[0]
            )
            for table in TABLES
        }


async def tamper(here: SmallOffice, run_ids: list[str]) -> None:
    """In each run a wrong state, and an exception that no event opened."""
    async with here.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE read.runs SET state = 'clean' WHERE run_id = ANY(%s)", (run_ids,))
        await connection.exec_driver_sql(
            "INSERT INTO read.exceptions (exception_id, run_id, kind, owner, opened_at) "
            "SELECT 'forged/' || run_id, run_id, 'step_failed', 'operator', now() FROM unnest(%s::text[]) AS u(run_id)",
            (run_ids,),
        )


@asynccontextmanager
async def locked(here: SmallOffice, statement: str, *parameters: Any) -> AsyncIterator[None]:
    """What a transaction of another connection holds while the block runs."""
    other = await psycopg.AsyncConnection.connect(here.url.replace("+psycopg", "", 1))
    async with other:
        await other.execute(statement, parameters)  # type: ignore[arg-type]  # a test's own text
        yield
        await other.rollback()


async def waiting_for_a_lock(here: SmallOffice) -> int:
    """The server's process that waits. Of the rebuild, since nothing else waits here."""
    until = time.monotonic() + WAITS_SECONDS
    owner = Database(here.url, pool_size=1)  # the application's role is not shown what others wait for
    try:
        while time.monotonic() < until:
            async with owner.driver() as connection:
                found = await connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                if (row := await found.fetchone()) is not None:
                    return int(row[0])
            await asyncio.sleep(0.02)
    finally:
        await owner.aclose()
    raise AssertionError("nothing waits for a lock")


async def agrees(here: SmallOffice) -> None:
    made = await rebuild(here.database, here.codec)
    assert {name: table.differed for name, table in made.items()} == dict.fromkeys(TABLES, 0)


async def test_what_is_appended_between_the_comparison_and_the_correction_is_kept(here: SmallOffice) -> None:
    wrong, wrong_and_changed, changed = [await here.start(LATER) for _ in range(3)]
    untouched = await dump(here)
    await tamper(here, [wrong, wrong_and_changed])
    async with locked(here, "LOCK TABLE read.packets IN ACCESS EXCLUSIVE MODE"):
        running = asyncio.create_task(rebuild(here.database, here.codec))
        await waiting_for_a_lock(here)  # runs, inbox and exceptions are compared
        await commands.hold_run(here.services, OLE, wrong_and_changed, "wait")
        await commands.end_run(here.services, HANNA, changed, "called off")
        fresh = await here.start(LATER)
    made = await running
    assert (made["runs"].differed, made["exceptions"].differed, made["run_counts"].differed) == (2, 2, 0)
    after = await dump(here)
    assert len(after["runs"]) == 4 and not any("forged" in row for row in after["exceptions"])
    await agrees(here)
    assert await dump(here) == after, "a rebuild at rest makes the same"
    states = {run_id: await _state(here, run_id) for run_id in (wrong, wrong_and_changed, changed, fresh)}
    assert states[wrong_and_changed] == "held" and states[changed] == "ended"
    [before] = [row for row in untouched["runs"] if wrong in row]
    assert before in after["runs"]


async def test_the_end_of_a_waiver_writes_the_rows_that_a_rebuild_makes(here: SmallOffice) -> None:
    run_id = await here.start(-HOUR)
    await here.approve(run_id)
    await here.work(run_id, {"freeze_card": REFUSED})
    [failed] = [one.opened.exception_id for one in (await here.state(run_id)).work.open_exceptions()]
    until = await here.ledger.now() + HOUR
    await commands.waive_exception(here.services, HANNA, run_id, failed, until, "The bank freezes it on Monday")
    await commands.snooze_exception(here.services, OLE, run_id, failed, until)
    await agrees(here)
    await here.advance_clock(2 * HOUR)
    await commands.comment_on_exception(here.services, OLE, run_id, failed, "The waiver is over")
    assert (await here.state(run_id)).work.exceptions[failed].reopened_at is not None
    await agrees(here)


async def _state(here: SmallOffice, run_id: str) -> str:
    async with here.database.driver() as connection:
        found = await connection.execute("SELECT state FROM read.runs WHERE run_id = %s", (run_id,))
        row = await found.fetchone()
    assert row is not None
    return str(row[0])


async def test_writers_append_and_readers_see_no_run_half_corrected(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "RUNS_AT_ONCE", 2)
    monkeypatch.setattr(rebuilding, "BATCH", 10)
    quiet = [await here.start(LATER) for _ in range(6)]
    busy = [await here.start(LATER) for _ in range(3)]
    done, written, seen = asyncio.Event(), 0, 0

    async def write(run_id: str) -> None:
        nonlocal written
        for number in itertools.count():
            if done.is_set():
                return
            if number % 2 == 0:
                await commands.hold_run(here.services, OLE, run_id, "wait")
            else:
                await commands.release_run(here.services, OLE, run_id)
            written += 1

    async def read() -> None:
        nonlocal seen
        reader = Database(here.url, pool_size=1)
        while not done.is_set():
            async with reader.driver() as connection:
                rows = await (
                    await connection.execute(
                        "SELECT run_id, state = 'clean', EXISTS (SELECT FROM read.exceptions e "
                        "WHERE e.exception_id = 'forged/' || r.run_id), "
                        "(SELECT sum(runs) FROM read.run_counts) FROM read.runs r"
                    )
                ).fetchall()
            assert {row[0] for row in rows} >= {*quiet, *busy}, "a run is missing"
            assert all(row[1] == row[2] for row in rows if row[0] in quiet), "a run is half corrected"
            assert all(row[3] == len(rows) for row in rows), "the sums are of other rows"
            seen += 1
        await reader.aclose()

    async def again() -> None:
        try:
            for _ in range(50):
                before = written
                await tamper(here, quiet)
                made = await rebuild(here.database, here.codec)
                assert made["runs"].differed == len(quiet) and made["exceptions"].differed == len(quiet)
                if written > before and written >= 20 and seen >= 20:
                    return
            raise AssertionError(f"{written} appends and {seen} reads while the tables were made again")
        finally:
            done.set()

    await asyncio.gather(again(), read(), *(write(run_id) for run_id in busy))
    after = await dump(here)
    await agrees(here)
    assert await dump(here) == after


async def test_a_rebuild_that_is_cut_off_leaves_the_tables_as_they_were(here: SmallOffice) -> None:
    runs = [await here.start(LATER) for _ in range(3)]
    right = await dump(here)
    await tamper(here, runs)
    async with here.database.transaction() as connection:
        await connection.exec_driver_sql("DELETE FROM read.inbox")
    tampered = await dump(here)
    # The rows of the inbox and of exceptions are deleted when it comes to this one.
    async with locked(here, "SELECT * FROM read.runs WHERE run_id = %s FOR UPDATE", max(runs)):
        running = asyncio.create_task(rebuild(here.database, here.codec))
        process = await waiting_for_a_lock(here)
        async with locked(here, "SELECT pg_terminate_backend(%s)", process):
            with pytest.raises(LedgerUnavailable):
                await running
    assert await dump(here) == tampered
    await rebuild(here.database, here.codec)
    assert await dump(here) == right


async def test_sums_that_disagree_with_the_runs_are_corrected(here: SmallOffice) -> None:
    await here.start(LATER)
    right = await dump(here)
    async with here.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE read.run_counts SET runs = runs + 5 WHERE runs > 0")
    made = await rebuild(here.database, here.codec)
    assert made["run_counts"].differed == 1 and made["runs"].differed == 0
    assert await dump(here) == right
    await agrees(here)


async def test_rows_of_unknown_runs_and_columns_that_no_event_fills_are_corrected(here: SmallOffice) -> None:
    run_id = await here.start(LATER)
    right = await dump(here)
    async with here.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE read.inbox SET run_id = 'r_none'")
        await connection.exec_driver_sql("UPDATE read.packets SET detail = '{\"forged\": 1}'")
        await connection.exec_driver_sql(
            "INSERT INTO read.exceptions (exception_id, run_id, kind, owner, opened_at) "
            "VALUES ('forged', 'r_other', 'step_failed', 'operator', now())"
        )
    assert await dump(here) != right
    made = await rebuild(here.database, here.codec)
    assert made["packets"].differed == 1 and made["exceptions"].differed == 1 and run_id
    assert await dump(here) == right


async def test_a_rebuild_that_ends_half_way_leaves_each_run_whole(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are corrected in the order of their ids, here one by one."""
    monkeypatch.setattr(rebuilding, "RUNS_AT_ONCE", 1)
    runs = sorted([await here.start(LATER) for _ in range(3)])
    right = await dump(here)
    await tamper(here, runs)
    tampered = await dump(here)
    async with locked(here, "SELECT * FROM read.runs WHERE run_id = %s FOR UPDATE", runs[1]):
        running = asyncio.create_task(rebuild(here.database, here.codec))
        process = await waiting_for_a_lock(here)
        async with locked(here, "SELECT pg_terminate_backend(%s)", process):
            with pytest.raises(LedgerUnavailable):
                await running
    half = await dump(here)
    for table in ("runs", "exceptions", "inbox"):
        assert [row for row in half[table] if runs[0] in row] == [row for row in right[table] if runs[0] in row]
        for run_id in runs[1:]:
            assert [row for row in half[table] if run_id in row] == [row for row in tampered[table] if run_id in row]
    await rebuild(here.database, here.codec)
    assert await dump(here) == right


async def test_an_event_that_cannot_be_read_changes_nothing(here: SmallOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where what comes before it differs."""
    monkeypatch.setattr(rebuilding, "BATCH", 2)
    runs = [await here.start(LATER) for _ in range(2)]
    await commands.hold_run(here.services, OLE, runs[-1], "wait")
    await tamper(here, runs)
    tampered = await dump(here)
    older = EventCodec([kind for kind in RUN_EVENT_TYPES if kind is not RunHeld])
    with pytest.raises(UnreadableEvent, match="RunHeld"):
        await rebuild(here.database, older)
    assert await dump(here) == tampered


async def test_a_row_that_bears_another_runs_name_is_given_back(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whichever order the two are corrected."""
    monkeypatch.setattr(rebuilding, "RUNS_AT_ONCE", 1)
    first, second = sorted([await here.start(LATER) for _ in range(2)])
    right = await dump(here)
    for thief, owner in ((first, second), (second, first)):
        async with here.database.transaction() as connection:
            await connection.exec_driver_sql("UPDATE read.inbox SET run_id = %s WHERE run_id = %s", (thief, owner))
        assert await dump(here) != right
        assert (await rebuild(here.database, here.codec))["inbox"].differed
        assert await dump(here) == right


async def test_processes_side_by_side_correct_the_same(here: SmallOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "BATCH", 4)
    monkeypatch.setattr(rebuilding, "BATCHES_AT_ONCE", 3)
    runs = [await here.start(LATER) for _ in range(4)]
    right = await dump(here)
    await tamper(here, runs[:3])
    made = await rebuild(here.database, here.codec, processes=2)
    assert (made["runs"].rows, made["runs"].differed, made["exceptions"].differed) == (4, 3, 3)
    assert await dump(here) == right
    await commands.hold_run(here.services, OLE, runs[-1], "wait")
    await tamper(here, runs)
    tampered = await dump(here)
    older = EventCodec([kind for kind in RUN_EVENT_TYPES if kind is not RunHeld])
    with pytest.raises(UnreadableEvent, match="RunHeld"):
        await rebuild(here.database, older, processes=2)
    assert await dump(here) == tampered


async def test_missing_rows_of_many_runs_are_made_a_few_at_a_time(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "RUNS_AT_ONCE", 2)
    monkeypatch.setattr(rebuilding, "BATCH", 3)
    monkeypatch.setattr(made_rows, "STREAMS_AT_ONCE", 1)
    for _ in range(5):
        await here.start(LATER)
    right = await dump(here)
    async with here.database.transaction() as connection:
        for table in TABLES:
            await connection.exec_driver_sql(f"DELETE FROM read.{table}")
    made = await rebuild(here.database, here.codec)
    assert made["runs"].differed == made["runs"].rows == 5 and made["packets"].differed == made["packets"].rows > 0
    assert await dump(here) == right
