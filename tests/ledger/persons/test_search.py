"""Search over the ledger: what finds a run, in which order, what it costs, and that erased people are not found."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain.errors import Invalid
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.persons import search_tags
from orchestrator.ledger.persons.search_tags import SearchTags
from orchestrator.reading import search as searching
from orchestrator.reading.search import Search, SearchResult
from orchestrator.reading.visibility import Viewer
from tests.ledger.small_office import AUDREY, HANNA, HOUR, REFUSED, SmallOffice, sees, small_office

AUDITOR = sees(AUDREY)


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        yield services


def search_of(here: SmallOffice) -> Search:
    """As a process that has just started: what it knows is in the database."""
    return Search(here.database, here.queries, SearchTags(here.database, here.keyring, here.ledger))


async def find(here: SmallOffice, text: str, viewer: Viewer = AUDITOR) -> SearchResult:
    return await search_of(here).find(viewer, text)


async def found(here: SmallOffice, text: str) -> list[tuple[str, str]]:
    return [(one.run.run_id, one.match.by) for one in (await find(here, text)).runs]


async def test_a_run_is_found_by_name_number_account_address_and_id(here: SmallOffice) -> None:
    first, second = await here.start(), await here.start()
    person = (await here.state(first)).asked.facts or {}
    assert await found(here, "quirina") == [(second, "name"), (first, "name")]
    assert await found(here, " BALDAMUS1  quirina") == [(first, "name")]
    assert await found(here, "quirina b") == await found(here, "b quirina") == await found(here, "quirina")
    assert await found(here, "quirina x") == await found(here, "q b") == []
    assert await found(here, "s-00001") == [(first, "employee_number")]
    assert await found(here, "00001") == [(first, "employee_number")]
    assert await found(here, person["email"]) == [(first, "account")]
    assert await found(here, first[:7]) == [(first, "run_id")]
    assert await found(here, "nobody") == await found(here, "r_nobody") == []
    with pytest.raises(Invalid) as refused:
        await find(here, " x ")
    assert refused.value.code == "search_too_short"


async def test_the_account_that_was_found_is_named_with_its_system(here: SmallOffice) -> None:
    run_id = await here.start()
    [one] = (await find(here, "s-00001@sales.example")).runs
    state = await here.state(run_id)
    labels = {(shown["system"], shown["label"]) for shown in state.accounts.details.values()}
    assert (one.match.system, one.match.label) in labels


async def test_open_exceptions_come_with_their_run_and_open_runs_first(here: SmallOffice) -> None:
    ended = await here.start()
    await commands.end_run(here.services, HANNA, ended, "withdrawn")
    failed = await here.start(-HOUR)
    await here.start()
    await here.approve(failed)
    await here.work(failed, {"freeze_card": REFUSED})
    result = await find(here, "baldamus")
    assert [one.run.closed_at is None for one in result.runs] == [True, True, False]
    shown = {one.run.run_id: [line.kind for line in one.exceptions] for one in result.runs}
    assert shown[failed] and shown[ended] == []


async def test_an_erased_person_is_found_by_run_id_only(here: SmallOffice) -> None:
    erased, kept = await here.start(), await here.start()
    assert len(await found(here, "quirina")) == 2
    person_id = (await here.state(erased)).asked.person_id
    await here.keyring.erase_person(person_id)
    async with here.database.driver() as connection:
        rows = await (await connection.execute("SELECT run_id FROM keyring.search_tags")).fetchall()
    assert [row[0] for row in rows] == [kept]
    assert await found(here, "quirina") == [(kept, "name")]
    # Reading the ledger again brings nothing back.
    await rebuild(here.database, here.codec)
    assert await found(here, "s-00001") == []
    assert await found(here, erased) == [(erased, "run_id")]


async def test_tags_hold_no_text_and_are_filled_in_parts(here: SmallOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [await here.start() for _ in range(3)]
    monkeypatch.setattr(search_tags, "BATCH", 1)
    monkeypatch.setattr(search_tags, "MAX_CATCH_UP_SECONDS", -1.0)
    results = []
    while not (result := await find(here, "quirina")).complete:
        results.append(len(result.runs))
        assert len(results) < 20
    assert results[0] < 3 and len(result.runs) == 3 and sorted(results) == results
    async with here.database.driver() as connection:
        rows = await (await connection.execute("SELECT run_id, tags FROM keyring.search_tags")).fetchall()
    assert {row[0] for row in rows} == set(runs) and all(isinstance(tag, int) for row in rows for tag in row[1])


async def test_a_search_reads_a_bounded_number_of_runs(here: SmallOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [await here.start() for _ in range(4)]
    monkeypatch.setattr(searching, "MAX_FOUND", 2)
    result = await find(here, "quirina")
    assert [one.run.run_id for one in result.runs] == runs[:1:-1] and result.more
    monkeypatch.setattr(searching, "MAX_COMPARED", 2)
    monkeypatch.setattr(searching, "COMPARED_TOGETHER", 1)
    result = await find(here, "quirina")
    assert len(result.runs) == 2 and result.more, "further runs were not compared"
