"""What happened, for whom it is to be seen, in pages that go on where they ended and tell nothing of what is hidden."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import psycopg
import pytest

from orchestrator import commands
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events import STARTS, run_stream
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.reading import history as module
from orchestrator.reading.history import History, HistoryEntry, HistoryFilter
from orchestrator.reading.visibility import Viewer
from tests.ledger.small_office import (
    AUDREY,
    DAY,
    HANNA,
    HOUR,
    OLE,
    REFUSED,
    STRANGER,
    VERA,
    SmallOffice,
    acting,
    sees,
    small_office,
)


@pytest.fixture
async def services(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as made:
        yield made


@pytest.fixture
def history(services: SmallOffice) -> History:
    return History(services.database, services.keyring, services.codec, services.queries)


async def whole(
    history: History, viewer: Viewer, wanted: HistoryFilter | None = None, most: int = 30
) -> list[HistoryEntry]:
    found: list[HistoryEntry] = []
    after: str | None = None
    for _ in range(1000):
        page = await history.page(viewer, wanted, after, most)
        assert len(page.happened) <= most
        found += page.happened
        if page.after is None:
            return found
        after = page.after
    raise AssertionError("a history that does not end")


async def embargo(services: SmallOffice, run_id: str) -> None:
    def change() -> None:
        with psycopg.connect(services.url.replace("+psycopg", "", 1)) as connection:
            connection.execute(
                "UPDATE read.runs SET embargo_until = engine.now() + interval '1 day' WHERE run_id = %s", (run_id,)
            )

    await asyncio.to_thread(change)


async def test_who_reads_all_packets_finds_every_event_once(services: SmallOffice, history: History) -> None:
    run_id = await services.whole()
    found = await whole(history, sees(AUDREY))
    recorded = [one for one in await services.ledger.follow(0, 10_000) if one.stream != STARTS]
    assert [(one.type, one.version, one.at) for one in reversed(found)] == [
        (one.type, one.version, one.recorded_at) for one in recorded
    ]
    assert await history.size(sees(AUDREY)) == len(found) and await history.size(STRANGER) is None
    verified = [one for one in found if one.type == "StepVerified" and one.step == "disable_identity"]
    assert [(one.run_id, one.system, one.by) for one in verified] == [(run_id, "identity", ())]
    assert verified[0].person is not None and (verified[0].person.name or "").startswith("Quirina")
    voted = next(one for one in found if one.type == "GateVoted")
    assert voted.by in (("ivo",), ("fern",)) and (voted.item or "").startswith("g-") and len(voted.hash) == 64
    opened = {one.item: one.title for one in found if one.type == "GateOpened"}
    titles = {name: gate.title for name, gate in services.packet.approvals.gates.items()}
    assert opened and all(title == titles[(item or "").split("-")[1]] for item, title in opened.items()), opened
    assert {"PacketAdopted", "PacketSigned", "ActorRecorded"} <= {one.type for one in found}


async def test_it_is_found_by_run_system_actor_and_time(services: SmallOffice, history: History) -> None:
    first = await services.whole()
    await commands.hold_system(services.services, OLE, "cards", "standard-leaver", [], "month's end")
    between = await services.advance_clock(HOUR)
    second = await services.start(DAY)
    viewer = sees(AUDREY)

    of_run = await whole(history, viewer, HistoryFilter(run_id=first[:8]))
    assert [one.version for one in of_run] == list(range((await services.state(first)).version, 0, -1))
    assert {one.run_id for one in of_run} == {first}
    on_cards = await whole(history, viewer, HistoryFilter(system="cards"))
    assert {one.type for one in on_cards} >= {"StepVerified", "StepStarted", "AccountsSearched", "HoldPlaced"}
    assert all(one.step is None or "card" in one.step for one in on_cards)
    by_ole = await whole(history, viewer, HistoryFilter(actor="ole"))
    assert {"TaskCompleted", "HoldPlaced", "ActorRecorded"} <= {one.type for one in by_ole}
    assert all("ole" in one.by for one in by_ole if one.type != "ActorRecorded")
    later = await whole(history, viewer, HistoryFilter(since=between))
    assert {one.run_id for one in later} <= {second, None} and all(one.at >= between for one in later)
    earlier = await whole(history, viewer, HistoryFilter(until=between))
    assert all(one.at < between for one in earlier) and len(earlier) + len(later) == await history.size(viewer)
    both = await whole(history, viewer, HistoryFilter(actor="hanna", since=between))
    assert [one.type for one in both] == ["RunRequested"]
    assert await whole(history, viewer, HistoryFilter(actor="nobody")) == []


async def test_hidden_runs_are_in_no_page_and_their_number_shows_nowhere(
    services: SmallOffice, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, hidden = await services.start(), await services.whole()
    last = await services.start()
    await embargo(services, hidden)
    kept = {run_stream(shown), run_stream(last)}
    expected = [one for one in await services.ledger.follow(0, 10_000) if one.stream in kept]
    for few in (module.FEW_RUNS, 0):
        # Few runs that are seen are read by their own streams, many by passing over the others.
        monkeypatch.setattr(module, "FEW_RUNS", few)
        found = await whole(history, sees(AUDREY), most=7)
        assert hidden not in {one.run_id for one in found}
        assert [(one.run_id, one.version) for one in found if one.run_id] == [
            (one.stream[4:], one.version) for one in reversed(expected)
        ]
        assert [one.type for one in found].count("RunOpened") == len(kept)
        assert await whole(history, STRANGER) == []
        with pytest.raises(Invalid) as refused:
            await history.page(sees(AUDREY), HistoryFilter(run_id=hidden))
        assert refused.value.code == "unknown_run"
        page = await history.page(sees(AUDREY), limit=3)
        cursor = page.after or ""
        assert page.after is not None and page.looked_back_to is not None
        assert (page.looked_back_to.second, page.looked_back_to.microsecond) == (0, 0)
        position = str(await services.ledger.tail_position()).encode()
        assert position not in base64.urlsafe_b64decode(page.after + "==")
    for broken in ("", "12", "AAAA", cursor[:-4]):
        with pytest.raises(Invalid) as unknown:
            await history.page(sees(AUDREY), after=broken)
        assert unknown.value.code == "bad_cursor"


async def test_a_hidden_run_that_opens_changes_nothing_for_others(services: SmallOffice, history: History) -> None:
    run_id = await services.start()
    outside, filters = (
        (sees(AUDREY), sees(VERA)),
        (HistoryFilter(), HistoryFilter(actor="hanna"), HistoryFilter(run_id)),
    )

    async def seen() -> list[object]:
        sizes = [await history.size(viewer) for viewer in outside]
        return [sizes, [await whole(history, viewer, wanted) for viewer in outside for wanted in filters]]

    before = await seen()
    until = await services.ledger.now() + 10 * DAY
    hidden = await services.start(embargo=EmbargoTerms(until, ("hanna", "ivo", "fern", "ole", "sam")))
    assert await seen() == before
    assert hidden in {one.run_id for one in await whole(history, sees(OLE))}
    assert (await history.size(sees(OLE)) or 0) > (await history.size(sees(AUDREY)) or 0)
    await services.advance_clock(11 * DAY)
    assert hidden in {one.run_id for one in await whole(history, sees(AUDREY))}
    assert await history.size(sees(AUDREY)) == await history.size(sees(OLE))


async def test_a_page_looks_at_a_bounded_number_of_events(
    services: SmallOffice, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 20)
    monkeypatch.setattr(module, "MAX_SCANNED_EVENTS", 40)
    run_id = await services.start(-HOUR)
    await services.approve(run_id)
    await services.work(run_id, {"freeze_card": REFUSED})
    first = await history.page(sees(AUDREY), HistoryFilter(actor="vera"))
    assert first.happened == () and first.after is not None and first.looked_back_to is not None
    found = await whole(history, sees(AUDREY), HistoryFilter(actor="vera"))
    assert [one.type for one in found] == ["PacketSigned"] * 3 + ["PacketAdopted", "ActorRecorded"]
    asked = await whole(history, sees(HANNA), HistoryFilter(actor="hanna", run_id=run_id))
    assert asked[-1].type == "RunRequested" and asked[-1].by == ("hanna",)
    assert await whole(history, sees(acting("guest", "gardener"))) == []
