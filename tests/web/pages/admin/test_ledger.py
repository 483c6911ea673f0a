"""The ledger's page: verified from there, and what happened as far as someone may see it."""

from __future__ import annotations

import asyncio
import html
import re
from urllib.parse import urlencode

from tests.cli.command_line import NewLeaver
from tests.web.conftest import Visit
from tests.web.pages.forms import followed, name_of, start

WITHIN = 30.0  # seconds


async def test_an_account_that_reads_runs_can_have_the_ledger_verified(visit: Visit) -> None:
    auditor = await visit("auditor")
    page = await followed(auditor, await auditor.submit("/ledger/verify"))
    assert page.status_code == 200 and page.url.path == "/ledger" and "No tampering found" in page.text
    foreign = await (await visit("hr")).get("/ledger/verifications/i00000000000000000000000000000000")
    assert foreign.status_code == 404


async def test_what_happened_is_found_by_run_system_and_actor(visit: Visit, leaver: NewLeaver) -> None:
    hr, person = await visit("hr"), await leaver()
    run_id = (await start(hr, person)).url.path.removeprefix("/runs/")
    auditor = await visit("auditor")

    async def shown(**asked: str) -> str:
        page = await auditor.get(f"/ledger?{urlencode(asked)}")
        assert page.status_code == 200
        return html.unescape(page.text)

    of_run = await shown(run=run_id)
    assert "Run requested" in of_run and name_of(person) in of_run and "Packet adopted" not in of_run
    assert "Run requested" in await shown(run=run_id, actor="hr")
    assert "Run requested" not in await shown(run=run_id, actor="finance")
    async with asyncio.timeout(WITHIN):
        while "Accounts searched" not in await shown(run=run_id, system="identity"):
            await asyncio.sleep(0.1)
    async with asyncio.timeout(WITHIN):
        while "Remove access" not in (of_run := await shown(run=run_id)):
            await asyncio.sleep(0.1)
    assert not re.search(r'"note">\s*access\b', of_run), "the gate's title, and not its name"
    assert "No events match these filters" in await shown(run=run_id, until="2020-01-01T00:00")
    unknown = await auditor.get("/ledger?run=r0000000000000000")
    assert unknown.status_code == 422 and "There is no run" in unknown.text
    wrong = await auditor.get("/ledger?since=yesterday")
    assert wrong.status_code == 422 and "The start" in html.unescape(wrong.text)


async def test_what_happened_goes_on_page_by_page(visit: Visit) -> None:
    auditor = await visit("auditor")
    first = await auditor.get("/ledger")
    more = re.search(r'rel="next" href="([^"]+)"', first.text)
    if more is None:  # a ledger with few events is on one page
        assert "Packet version adopted" in first.text
        return
    second = await auditor.get(html.unescape(more[1]))
    assert second.status_code == 200 and "First page" in second.text
    assert (await auditor.get("/ledger?after=nonsense")).status_code == 422


async def test_the_ledgers_size_is_not_shown_to_accounts_from_which_something_is_hidden(
    visit: Visit, leaver: NewLeaver
) -> None:
    hr, person = await visit("hr"), await leaver()
    named = ["it", "finance", "operator"]
    embargo = {"embargoed": "yes", "embargo_until": "2027-07-30T10:00", "named": named}
    run = (await start(hr, person, **embargo)).url.path
    page = await (await visit("auditor")).get("/ledger")
    assert ">No.<" not in page.text and "Merkle root" not in page.text
    assert run not in page.text and name_of(person) not in html.unescape(page.text)
    assert run in (await hr.get(f"/ledger?run={run.removeprefix('/runs/')}")).text
