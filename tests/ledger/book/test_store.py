"""Appending and reading, through the public interface, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from orchestrator.domain.events.event import Draft
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.errors import (
    AppendRefused,
    EventKeyTaken,
    LedgerUnavailable,
    OlderDatabase,
    PersonUnknown,
    TimePassed,
    UnreadableEvent,
    VersionConflict,
)
from orchestrator.ledger.book.records import RECORDED_AT, Appended, Recorded, RowWrite, StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.migrate import upgrade
from tests.ledger.conftest import MASTER_KEY
from tests.ledger.sample_events import EVENT_TYPES, Colour, Counted, Noted, counted, counts


async def test_what_is_appended_is_read_back(ledger: Ledger, keyring: Keyring) -> None:
    person = await keyring.create_person()
    at = datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=UTC)
    event = Noted(
        by="a_1", at=at, colour=Colour.GREEN, tags=("x", "y"), name="Zoë Ångström", addresses=("zoe@example.com",)
    )
    appended = await ledger.append(
        [StreamAppend("run:1", 0, [Draft(key="noted", event=event, subject=person), counted(1)])]
    )
    page = await ledger.read({"run:1": 0, "run:none": 0})
    assert page.events["run:1"] == list(appended.events)
    assert page.events["run:none"] == []
    assert page.version("run:1") == 2 and page.version("run:none") == 0
    assert [recorded.position for recorded in page.events["run:1"]] == [1, 2]
    assert page.events["run:1"][0].event == event
    assert page.now >= appended.recorded_at
    assert (await ledger.read({"run:1": 1})).events["run:1"] == [appended.events[1]]
    assert await ledger.about(person) == [appended.events[0]]


async def test_an_append_over_several_streams_is_whole_or_not_at_all(ledger: Ledger) -> None:
    await ledger.append([StreamAppend("holds", 0, counts(1, 3))])
    with pytest.raises(VersionConflict) as conflict:
        await ledger.append([StreamAppend("run:1", 0, counts(1, 2)), StreamAppend("holds", 2)])
    assert (conflict.value.stream, conflict.value.expected, conflict.value.actual) == ("holds", 2, 3)
    assert await ledger.tail_position() == 3
    appended = await ledger.append([StreamAppend("run:1", 0, counts(1, 2)), StreamAppend("holds", 3)])
    assert appended.versions == {"run:1": 2, "holds": 3}
    assert appended.positions == (4, 5)


async def test_the_same_key_is_never_written_twice_in_a_stream(ledger: Ledger) -> None:
    await ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    with pytest.raises(EventKeyTaken) as taken:
        await ledger.append([StreamAppend("run:1", 1, [counted(2), counted(1)])])
    assert (taken.value.stream, taken.value.key) == ("run:1", "n1")
    with pytest.raises(EventKeyTaken):
        await ledger.append([StreamAppend("run:2", 0, [counted(2), counted(2)])])
    await ledger.append([StreamAppend("run:2", 0, [counted(1)])])
    assert await ledger.tail_position() == 2


async def test_what_may_be_recorded_until_a_time_is_not_recorded_later(ledger: Ledger) -> None:
    """The time is that under the lock, however long the append waited for its turn."""
    now = await ledger.now()
    with pytest.raises(TimePassed) as late:
        await ledger.append([StreamAppend("run:1", 0, counts(1, 2))], not_after=now)
    assert isinstance(late.value, VersionConflict), "whoever decided decides again"
    assert await ledger.tail_position() == 0
    appended = await ledger.append([StreamAppend("run:1", 0, counts(1, 2))], not_after=now + timedelta(minutes=5))
    assert appended.recorded_at < now + timedelta(minutes=5)


async def test_a_database_that_is_older_than_what_was_read_of_it_is_said_so(
    new_ledger: Callable[[], Ledger], url: str
) -> None:
    """As after an older copy was restored under processes that run."""
    ledger = new_ledger()
    forgotten: list[str] = []
    ledger.forgetting.append(lambda: forgotten.append("states"))
    await ledger.append([StreamAppend("run:1", 0, counts(1, 3))])
    assert (await ledger.read({"run:1": 3, "run:none": 0})).version("run:1") == 3
    async with await psycopg.AsyncConnection.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        await owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER ALL")
        await owner.execute("DELETE FROM ledger.events WHERE version = 3")
    with pytest.raises(OlderDatabase, match="run:1 ends before version 3"):
        await ledger.read({"run:1": 3})
    assert forgotten == ["states"]
    assert len((await ledger.read({"run:1": 0})).events["run:1"]) == 2


@pytest.mark.parametrize("noticed_by", ["read", "append"])
async def test_an_older_database_that_has_grown_since_is_said_so(
    new_ledger: Callable[[], Ledger], url: str, noticed_by: str
) -> None:
    """Another process wrote as many events after an older copy was restored: the versions are those that are known."""
    ledger, other = new_ledger(), new_ledger()
    forgotten: list[str] = []
    ledger.forgetting.append(lambda: forgotten.append("states"))
    await ledger.append([StreamAppend("run:1", 0, counts(1, 3))])
    async with await psycopg.AsyncConnection.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        await owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER ALL")
        await owner.execute("DELETE FROM ledger.events WHERE version = 3")
    await other.append([StreamAppend("run:1", 2, counts(7, 7))])
    with pytest.raises(OlderDatabase, match="run:1 has another event at version 3"):
        if noticed_by == "read":
            await ledger.read({"run:1": 3})
        else:
            await ledger.append([StreamAppend("run:1", 3, counts(8, 8))])
    assert forgotten == ["states"]
    assert len((await ledger.read({"run:1": 0})).events["run:1"]) == 3
    await ledger.append([StreamAppend("run:1", 3, counts(9, 9))])


async def test_a_read_survives_connections_that_the_server_has_ended(ledger: Ledger, url: str) -> None:
    """As after a restart: the pool's connections are dead, and the server is back."""
    await ledger.append([StreamAppend("run:1", 0, counts(1, 2))])
    await asyncio.gather(*(ledger.read({"run:1": 0}) for _ in range(3)))
    async with await psycopg.AsyncConnection.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        # Waits for their end: a connection that ends during the query is another story.
        ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database()"
        await owner.execute(f"{ended} AND pid <> pg_backend_pid()".encode())
    assert len((await ledger.read({"run:1": 0})).events["run:1"]) == 2
    assert await ledger.now()


def test_a_full_disk_is_said_so() -> None:
    database = Database("postgresql://ledger.example/offboard")
    ours = database.unavailable(psycopg.errors.DiskFull())
    assert ours is not None and "the disk is full" in ours.cause and "Free space" in ours.remedy
    wrapped = OperationalError("INSERT", {}, psycopg.errors.DiskFull())
    with pytest.raises(LedgerUnavailable, match="the disk is full"), database.errors():
        raise wrapped


async def test_of_two_writers_on_one_stream_one_wins(new_ledger: Callable[[], Ledger]) -> None:
    ledgers = [new_ledger() for _ in range(2)]
    for version in range(20):
        outcomes = await asyncio.gather(
            *(
                ledger.append(
                    [StreamAppend("run:1", version, [Draft(key=f"{who}-{version}", event=Counted(number=who))])]
                )
                for who, ledger in enumerate(ledgers)
            ),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Appended", "VersionConflict"], outcomes


async def test_positions_have_no_gaps_with_many_writers(new_ledger: Callable[[], Ledger]) -> None:
    ledgers = [new_ledger() for _ in range(3)]

    async def write(ledger: Ledger, stream: str) -> list[Recorded]:
        done: list[Recorded] = []
        for version in range(15):
            # Everyone also fights over one stream, so that some appends are refused in between.
            done += (
                await ledger.append([StreamAppend(stream, version * 2, counts(version * 2, version * 2 + 1))])
            ).events
            with contextlib.suppress(VersionConflict):
                done += (
                    await ledger.append(
                        [StreamAppend("shared", version, [Draft(key=stream + str(version), event=Counted(number=1))])]
                    )
                ).events
        return done

    written = await asyncio.gather(
        *(write(ledger, f"run:{n}-{i}") for n, ledger in enumerate(ledgers) for i in range(8))
    )
    everything = sorted((recorded for part in written for recorded in part), key=lambda recorded: recorded.position)
    assert [recorded.position for recorded in everything] == list(range(1, len(everything) + 1))
    assert len(everything) >= 3 * 8 * 15 * 2
    followed: list[Recorded] = []
    while page := await ledgers[0].follow(len(followed), 100):
        followed += page
    assert followed == everything


async def test_a_follower_misses_nothing_while_others_write(new_ledger: Callable[[], Ledger]) -> None:
    writers = [new_ledger() for _ in range(2)]
    follower = new_ledger()
    total = 2 * 6 * 20

    async def write(ledger: Ledger, stream: str) -> None:
        for version in range(20):
            await ledger.append([StreamAppend(stream, version, [counted(version)])])

    async def follow() -> list[int]:
        seen: list[int] = []
        async with asyncio.timeout(90):
            while len(seen) < total:
                seen += [recorded.position for recorded in await follower.follow(seen[-1] if seen else 0, 7)]
        return seen

    seen, *_ = await asyncio.gather(
        follow(), *(write(ledger, f"run:{n}-{i}") for n, ledger in enumerate(writers) for i in range(6))
    )
    assert seen == list(range(1, total + 1))


async def test_one_faulty_append_fails_alone(ledger: Ledger) -> None:
    def run_row(run_id: str, cutoff: object) -> RowWrite:
        values = {"person_id": "p", "state": "open", "packet_name": "x", "packet_version": "y", "cutoff": cutoff}
        values |= {"zone": "UTC", "requested_by": "a", "requested_at": datetime.now(UTC), "version": 1}
        return RowWrite("runs", {"run_id": run_id}, values)

    good = [
        ledger.append([StreamAppend(f"run:{n}", 0, [counted(1)])], [run_row(str(n), datetime.now(UTC))])
        for n in range(5)
    ]
    bad = ledger.append([StreamAppend("run:bad", 0, [counted(1)])], [run_row("bad", "no instant")])
    outcomes = await asyncio.gather(*good[:3], bad, *good[3:], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Appended] * 3 + [AppendRefused] + [Appended] * 2
    assert "no instant" not in str(outcomes[3])
    assert await ledger.tail_position() == 5
    assert (await ledger.read({"run:bad": 0})).events["run:bad"] == []


async def test_rows_change_with_the_events_and_the_last_write_wins(ledger: Ledger, database: Database) -> None:
    def item(item_id: str, **values: object) -> RowWrite:
        return RowWrite("inbox", {"item_id": item_id}, values)

    opened = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    full = {"run_id": "r", "kind": "gate", "roles": ["it"], "opened_at": opened, "detail": {"é": [1, None]}}
    await ledger.append(
        [StreamAppend("run:1", 0, [counted(1)])],
        [item("a", **full), item("a", kind="task"), item("b", **full), item("c", **full)],
    )
    with pytest.raises(VersionConflict):
        await ledger.append([StreamAppend("run:1", 0, [counted(2)])], [item("a", kind="refused")])
    gone = RowWrite("inbox", {"item_id": "b"}, None)
    await ledger.append(
        [StreamAppend("run:1", 1, [counted(2)])],
        [gone, RowWrite("inbox", {"item_id": "c"}, None), item("c", **(full | {"kind": "new", "roles": []}))],
    )
    async with database.connect() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM read.inbox ORDER BY item_id")).mappings().all()
    assert [(row["item_id"], row["kind"], row["roles"]) for row in rows] == [("a", "task", ["it"]), ("c", "new", [])]
    assert rows[0]["opened_at"] == opened and rows[0]["detail"] == {"é": [1, None]} and rows[0]["due_at"] is None


async def test_a_row_can_hold_the_instant_of_its_own_append(ledger: Ledger, database: Database) -> None:
    values = {"run_id": "r", "kind": "gate", "opened_at": RECORDED_AT, "due_at": RECORDED_AT}
    appended = await ledger.append(
        [StreamAppend("run:1", 0, [counted(1)])], [RowWrite("inbox", {"item_id": "a"}, values)]
    )
    async with database.connect() as connection:
        found = (await connection.exec_driver_sql("SELECT opened_at, due_at FROM read.inbox")).one()
    assert found == (appended.recorded_at, appended.recorded_at)


@pytest.mark.parametrize(
    "row",
    [
        RowWrite("events", {"position": 1}, None),
        RowWrite("runs", {"person_id": "p"}, {}),
        RowWrite("runs", {"run_id": "r"}, {'state" = 1; --': 1}),
        RowWrite("runs", {"run_id": "r"}, {"cutoff": datetime(2026, 1, 1)}),  # noqa: DTZ001 - that is what is wrong
        RowWrite("runs", {"run_id": "r"}, {"summary": {"x": float("nan")}}),
        RowWrite("runs", {"run_id": "r"}, {"summary": {"x": object()}}),
    ],
)
async def test_a_row_that_cannot_be_is_refused_before_any_lock(ledger: Ledger, row: RowWrite) -> None:
    with pytest.raises(AppendRefused):
        await ledger.append([StreamAppend("run:1", 0)], [row])


async def test_bad_calls_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="twice"):
        await ledger.append([StreamAppend("run:1", 0, [counted(1)]), StreamAppend("run:1", 0)])
    with pytest.raises(PersonUnknown):
        await ledger.append(
            [StreamAppend("run:1", 0, [Draft(key="k", event=Noted(by="a", name="N"), subject="p_none")])]
        )

    class Unregistered(Counted):
        pass

    with pytest.raises(UnreadableEvent, match="Unregistered"):
        await ledger.append([StreamAppend("run:1", 0, [Draft(key="k", event=Unregistered(number=1))])])
    assert await ledger.tail_position() == 0


async def test_a_cancelled_caller_harms_no_one(ledger: Ledger) -> None:
    async def append(number: int) -> Appended:
        return await ledger.append([StreamAppend(f"run:{number}", 0, counts(1, 3))])

    for first in range(0, 200, 20):
        tasks = [asyncio.create_task(append(number)) for number in range(first, first + 20)]
        for _ in range(first // 40):
            await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(task.cancelled() for number, task in enumerate(tasks) if number % 3)
    streams = (await ledger.read({f"run:{number}": 0 for number in range(200)})).events
    assert {len(events) for events in streams.values()} <= {0, 3}
    assert sum(map(len, streams.values())) == await ledger.tail_position()


async def test_closing_writes_what_waits(new_ledger: Callable[[], Ledger]) -> None:
    ledger, reader = new_ledger(), new_ledger()
    tasks = [asyncio.create_task(ledger.append([StreamAppend(f"run:{n}", 0, [counted(1)])])) for n in range(600)]
    await asyncio.sleep(0)
    await ledger.aclose()
    assert len({(await task).positions for task in tasks}) == 600
    assert await reader.tail_position() == 600
    with pytest.raises(LedgerUnavailable):
        await ledger.append([StreamAppend("run:0", 1, [counted(2)])])


async def test_time_comes_from_the_database_and_only_the_owner_may_offset_it(ledger: Ledger, url: str) -> None:
    before = await ledger.now()
    owner = Database(url)
    async with owner.transaction() as connection:
        await connection.exec_driver_sql("INSERT INTO engine.settings VALUES ('clock_offset_seconds', '86400')")
    await owner.aclose()
    appended = await ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    assert timedelta(days=1) <= appended.recorded_at - before < timedelta(days=1, minutes=1)
    assert (await ledger.read({})).now >= appended.recorded_at
    application = Database(url, role="offboard_app")
    with pytest.raises(Exception, match="permission denied"):
        async with application.transaction() as connection:
            await connection.exec_driver_sql("UPDATE engine.settings SET value = '0'")
    await application.aclose()


@pytest.mark.parametrize("role", [None, "offboard_app"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.events SET stream = 'other'",
        "DELETE FROM ledger.events",
        "TRUNCATE ledger.events",
        "TRUNCATE ledger.events, ledger.head",
        "DELETE FROM ledger.head",
        "UPDATE ledger.head SET position = position - 1",
        "INSERT INTO ledger.head VALUES (true, 0) ON CONFLICT DO NOTHING",
        "SET session_replication_role = replica; DELETE FROM ledger.events",
    ],
)
async def test_history_cannot_be_changed_by_accident(
    ledger: Ledger, url: str, role: str | None, statement: str
) -> None:
    await ledger.append([StreamAppend("run:1", 0, [counted(1)])])
    database = Database(url, role=role)
    async with await database.dedicated() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement.encode())
    await database.aclose()
    assert await ledger.tail_position() == 1


async def test_a_database_that_is_down_is_said_so_and_found_again(tmp_path: Path) -> None:
    async with PostgresServer.start(tmp_path) as server:
        await asyncio.to_thread(upgrade, server.url())
        database = Database(server.url(), role="offboard_app")
        ledger = Ledger(database, Keyring(database, MASTER_KEY), EventCodec(EVENT_TYPES))
        await ledger.append([StreamAppend("run:1", 0, [counted(1)])])
        await server.crash()
        for doing in (
            ledger.read({"run:1": 0}),
            ledger.append([StreamAppend("run:1", 1, [counted(2)])]),
            ledger.tail_position(),
        ):
            with pytest.raises(LedgerUnavailable, match="cannot be reached"):
                await doing
        await server.restart()
        await ledger.append([StreamAppend("run:1", 1, [counted(2)])])
        assert await ledger.tail_position() == 2
        await ledger.aclose()
        await database.aclose()


async def test_a_database_without_tables_says_what_to_do(postgres: PostgresServer, keyring: Keyring) -> None:
    database = Database(postgres.url("postgres"))
    with pytest.raises(LedgerUnavailable, match="migrate"):
        await Keyring(database, bytes(32)).find_person("mail", "x")
    await database.aclose()
