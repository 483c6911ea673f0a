"""Delegating decisions on the page."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.web.conftest import Visit
from tests.web.visitor import Visitor


def _local(zone: str, ahead: timedelta) -> str:
    return (datetime.now(UTC) + ahead).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


async def _end_all(browser: Visitor) -> None:
    page = await browser.get("/away")
    for path in re.findall(r'action="(/away/[^"]+/end)"', page.text):
        await browser.submit(path)


async def test_decisions_are_delegated_seen_by_both_and_given_back(visit: Visit) -> None:
    it, finance = await visit("it"), await visit("finance")
    await _end_all(it)
    zone = re.search(r"Times in ([\w/ ]+)<", (await it.get("/away")).text)
    assert zone is not None
    until = _local(zone[1].replace(" ", "_"), timedelta(days=3))
    made = await it.submit("/away", {"to": "finance", "since": "", "until": until, "reason": "In the mountains"})
    assert made.status_code == 200 and "is your delegate for this time" in made.text
    text = html.unescape((await finance.get("/away")).text)
    assert "I am delegate for" in text and "In the mountains" in text
    path = re.search(r'action="(/away/[^"]+/end)"', text)
    assert path is not None
    given_back = await finance.submit(path[1])
    assert "The delegation has ended" in given_back.text
    assert "In the mountains" not in (await it.get("/away")).text


async def test_a_delegation_that_cannot_be_is_refused_and_what_was_typed_stays(visit: Visit) -> None:
    it = await visit("it")
    await _end_all(it)
    for fields, status, words in (
        ({"to": "finance", "until": "2020-01-01T10:00"}, 422, "would end before it starts"),
        ({"to": "finance", "until": "2031-01-01T10:00"}, 422, "at most 90 days"),
        ({"to": "finance", "until": ""}, 422, "The end"),
        ({"to": "", "until": "2031-01-01T10:00"}, 422, "No colleague was selected"),
        ({"to": "it", "until": _local("UTC", timedelta(days=1))}, 422, "You can't delegate your decisions to yourself"),
    ):
        page = await it.submit("/away", {"reason": "Kept words", **fields})
        assert page.status_code == status, (fields, page.status_code)
        assert words in html.unescape(page.text) and "Kept words" in page.text, fields


async def test_someone_elses_delegation_is_none_of_ones_own(visit: Visit) -> None:
    hr = await visit("hr")
    unknown = await hr.submit("/away/d0000000000000000/end")
    assert unknown.status_code == 404 and "You have no such delegation" in unknown.text
