"""The inbox begins with what is most urgent, whatever its date; and the ledger's page says who did what."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from orchestrator import commands
from orchestrator.reading.history import History, HistoryFilter
from tests.ledger.small_office import AUDREY, DAY, HOUR, IVO, OLE, SmallOffice, sees, small_office


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        yield office


async def test_exposure_comes_first_then_the_earlier_of_due_date_and_cutoff(here: SmallOffice) -> None:
    far = await here.start(60 * DAY)
    exposed = await here.start(-HOUR)
    urgent = await here.start(0 * DAY, urgent=True)
    soon = await here.start(HOUR)
    tomorrow = await here.start(20 * HOUR)

    items = (await here.queries.inbox(sees(IVO), ["gate"], limit=100)).items
    order = list(dict.fromkeys(item.run_id for item in items))
    assert set(order[:2]) == {exposed, urgent}
    assert order[2:] == [soon, tomorrow, far], "a gate that is due in a day comes after a cutoff in an hour"
    pages, after = [], None
    while True:
        page = await here.queries.inbox(sees(IVO), ["gate"], after=after, limit=2)
        pages += [(item.run_id, item.id) for item in page.items]
        if (after := page.after) is None:
            break
    assert pages == [(item.run_id, item.id) for item in items], "pages neither repeat nor leave out an item"


async def test_history_names_verdicts_titles_and_who_really_acted(here: SmallOffice) -> None:
    run_id = await here.start(-HOUR)
    await here.approve(run_id)
    await here.work(run_id)
    await commands.skip_step(here.services, OLE, run_id, "hand_over_duties", "no time")
    history = History(here.database, here.keyring, here.codec, here.queries)
    found = (await history.page(sees(AUDREY), HistoryFilter(run_id=run_id), limit=200)).happened
    by_type = {one.type: one for one in reversed(found)}
    assert (by_type["GateVoted"].by, by_type["GateVoted"].outcome) in ((("ivo",), "approve"), (("fern",), "approve"))
    assert by_type["GateDecided"].outcome == "approved" and str(by_type["GateDecided"].item).startswith("g-")
    started = next(one for one in found if one.type == "StepStarted" and one.step == "disable_identity")
    assert started.title == "Disable the sign-in account"
    assert started.caused_by == ("ivo",), "the page shows that the approver carried nothing out"
    assert by_type["RunRequested"].outcome is None
