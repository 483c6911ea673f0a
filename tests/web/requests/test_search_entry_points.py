"""One search on every page, in the API and at the terminal: the same runs, within what the viewer may see."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack
from orchestrator.web import search
from tests.cli.command_line import Offboard
from tests.web.api.running import planned, refused, start, until
from tests.web.conftest import Program, Visit


async def searched(client: httpx.AsyncClient, text: str) -> Any:
    """The answer of a search that has read the whole ledger. Each reads on for a second at most; the tests before
    can have left more than that."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.post("/search", json={"text": text})
            assert answer.status_code == 200, answer.text
            if answer.json()["complete"]:
                return answer.json()


NAMED = ["it", "finance", "operator", "safety-owner"]


async def test_a_run_is_found_from_any_page_in_the_api_and_at_the_terminal(
    stack: Stack, visit: Visit, program: Program, leaver: Callable[..., Awaitable[Employee]]
) -> None:
    person = await leaver()
    hr = await program("hr")
    run_id = await start(hr, person, cutoff="2031-11-28T17:00")
    run = await until(hr, run_id, planned)
    login = next(
        account["label"] for system in run["systems"] for account in system["accounts"] or () if account["label"]
    )
    auditor = await visit("auditor")
    offboard = Offboard(stack.folder)
    for text, by in (
        (person.employee_number, "employee_number"),
        (run_id, "run_id"),
        (login, None),
        (person.email, None),
    ):
        [one] = [one for one in (await searched(hr, text))["runs"] if one["run"]["run_id"] == run_id]
        assert by in (None, one["found_by"]), text
        # The form in the header of any page.
        page = await auditor.submit("/search", {"text": text}, page="/exceptions")
        assert f'href="/runs/{run_id}"' in page.text and f'href="/ledger?run={run_id}"' in page.text
        assert html.escape(text) in page.text and text not in str(page.url)
        assert run_id in (await offboard.done("find", text, as_="operator")).out
    assert "No matches." in (await offboard.done("find", "nobody at all", as_="operator")).out
    found = (await offboard.done("find", person.employee_number, "--json", as_="it")).json
    assert [one["run"]["run_id"] for one in found["runs"]] == [run_id] and found["complete"]


async def test_a_run_under_embargo_is_found_by_those_named_only(
    visit: Visit, program: Program, leaver: Callable[..., Awaitable[Employee]]
) -> None:
    person, hr = await leaver(), await program("hr")
    embargo = {"until": (datetime.now(UTC) + timedelta(days=90)).isoformat(), "named": NAMED}
    run_id = await start(hr, person, cutoff="2031-11-28T17:00", embargo=embargo)
    await until(hr, run_id, planned)
    auditor, named = await program("auditor"), await program("operator")
    for text in (person.employee_number, person.email, run_id):
        assert await searched(auditor, text) == await searched(auditor, "no such thing")
        assert [one["run"]["run_id"] for one in (await searched(named, text))["runs"]] == [run_id]
        page = (await (await visit("auditor")).submit("/search", {"text": text})).text
        assert "No matches" in page and f"/runs/{run_id}" not in page
    await named.post(f"/runs/{run_id}/embargo", json={"until": None})


async def test_a_search_that_is_too_short_or_too_frequent_is_refused(
    visit: Visit, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor, page = await program("auditor"), await visit("auditor")
    refused(await auditor.post("/search", json={"text": " x "}), 422, "search_too_short")
    short = await page.submit("/search", {"text": "x"})
    assert short.status_code == 422 and "at least 2 characters" in short.text
    monkeypatch.setattr(search, "MAX_SEARCHES", 0)
    again = await auditor.post("/search", json={"text": "xyz"})
    refused(again, 429, "too_many_searches")
    assert int(again.headers["retry-after"]) >= 1
    assert (await page.submit("/search", {"text": "xyz"})).status_code == 429
