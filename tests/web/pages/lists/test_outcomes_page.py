"""Outcomes on their page."""

from __future__ import annotations

import asyncio
import html

from tests.cli.command_line import NewLeaver
from tests.web.conftest import Visit
from tests.web.pages.forms import WITHIN, name_of, start


async def test_a_run_past_its_cutoff_is_open_exposure_with_name_and_link(visit: Visit, leaver: NewLeaver) -> None:
    hr, person = await visit("hr"), await leaver()
    # Longer ago than in any other test: the page lists the longest exposures.
    run = (await start(hr, person, cutoff="2024-01-15T17:00")).url.path
    auditor = await visit("auditor")
    async with asyncio.timeout(WITHIN):
        while name_of(person) not in (text := html.unescape((await auditor.get("/outcomes?span=all")).text)):
            await asyncio.sleep(0.2)
    assert "Open exposure now" in text and run in text and "with open exposure now" in text
    async with asyncio.timeout(WITHIN):
        while "Change shared passwords and keys" not in (text := (await auditor.get("/outcomes?span=all")).text):
            await asyncio.sleep(0.2)
    assert "rotate shared secrets" not in text, "a task is shown by its title"
    assert 'id="exposure"' in text, "drawn, and as a table"
    hidden = html.unescape((await auditor.get("/outcomes?span=all&packet=identity-only")).text)
    assert name_of(person) not in hidden


async def test_invalid_filters_are_refused_and_unknown_packets_do_not_exist(visit: Visit) -> None:
    auditor = await visit("auditor")
    wrong = await auditor.get("/outcomes?span=own&since=yesterday")
    assert wrong.status_code == 422 and "The start" in html.unescape(wrong.text)
    assert (await auditor.get("/outcomes?packet=no-such-packet")).status_code == 422
    assert (await auditor.get("/outcomes?span=own&since=2026-01-01T00:00&until=2026-02-01T00:00")).status_code == 200
