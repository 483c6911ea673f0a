"""HR gets one mail about records that start no run, without what is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.deliveries.news import news_for
from orchestrator.ledger.engine.notices import NoticeBook
from orchestrator.notifications.notice_words import letter
from orchestrator.notifications.notices import Notice, PendingItem
from tests.hr_feed.feeding import Feeding, feeding, row
from tests.ledger.small_office import HANNA, IVO

FRIDAY = f"{datetime.now(UTC).year + 1}-02-26"


async def mailed(here: Feeding) -> list[PendingItem]:
    """What HR is mailed; approvers are not."""
    office = here.office
    snapshot = await office.queries.organisation_snapshot()
    found = await news_for(office.runs, NoticeBook(office.database), snapshot, ())
    assert IVO.actor_id not in found
    return found.get(HANNA.actor_id, [])


async def test_hr_is_mailed_once_about_the_same_records(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        await here.look(row(1, FRIDAY), row(2, FRIDAY))
        assert await mailed(here) == []
        await here.look(row(1, FRIDAY), row(2, FRIDAY), row(3, "bald"))
        [first] = await mailed(here)
        await here.look(row(3, "bald"), row(1, FRIDAY), row(2, FRIDAY))
        assert await mailed(here) == [first], "the same record in another line"
        await here.look(row(3, "soon"), row(1, FRIDAY), row(2, FRIDAY))
        [second] = await mailed(here)
        assert second.item_id != first.item_id
        written = letter([Notice(first, "first")], "https://offboard.example", None, first.opened_at)
        assert written.subject == "Offboard: Records of HR that start runs need your attention"
        assert "https://offboard.example/systems" in written.text and "bald" not in written.text
        await here.look(row(1, FRIDAY), row(2, FRIDAY), row(3))
        assert await mailed(here) == []


async def test_hr_is_mailed_about_a_file_that_is_refused_and_after_a_day_about_one_that_is_late(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        file = here.put(row(1, FRIDAY))
        await here.look()
        file.write_text('Number,Name\n1,"not closed\n')
        assert await here.feed.look() is None
        assert len(await mailed(here)) == 1
        file.unlink()
        late = here.put(row(1, FRIDAY))
        await here.look()
        assert await mailed(here) == []
        here.age(late, timedelta(days=3))
        assert await here.feed.look() is None
        assert await mailed(here) == [], "the next file can be on its way"
        await here.office.advance_clock(timedelta(days=1, hours=1))
        assert await here.feed.look() is None
        [item] = await mailed(here)
        assert item.item_id.endswith("people_file_old")
