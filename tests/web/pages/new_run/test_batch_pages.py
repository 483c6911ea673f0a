"""A batch on its pages, with a worker that starts its runs."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path
from typing import Any

import httpx

from tests.cli.command_line import NewLeaver
from tests.cli.commands.test_batch_commands import UNKNOWN
from tests.cli.commands.test_csv import export
from tests.web.conftest import Program, Visit

WITHIN_SECONDS = 120.0


async def until(client: httpx.AsyncClient, batch_id: str, status: str) -> Any:
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            found = (await client.get(f"/batches/{batch_id}")).json()
            if found["status"] == status:
                return found
            await asyncio.sleep(0.2)


async def test_the_safety_owner_confirms_a_long_list_on_its_page_and_hr_cancels_another(
    visit: Visit, leaver: NewLeaver, program: Program, tmp_path: Path
) -> None:
    client = await program("hr")
    hr, owner = await visit("hr"), await visit("safety-owner")
    people = [await leaver() for _ in range(12)]

    async def upload(path: Path) -> str:
        fields = {"csrf": await hr.csrf("/batches"), "packet": "standard-leaver"}
        sent = await hr.post("/batches", data=fields, files={"file": (path.name, path.read_bytes(), "text/csv")})
        while "Checking the list" in sent.text:
            sent = await hr.get(str(sent.url))
        assert sent.status_code == 200, sent.text
        return f"{sent.url.path}\n{html.unescape(sent.text)}"

    broken = await upload(export(tmp_path / "broken.csv", people[:1], UNKNOWN))
    assert "Rows to correct" in broken and "Line 3: No one in HR matches" in broken
    recorded = await upload(export(tmp_path / "many.csv", people[:11]))
    at = recorded.partition("\n")[0]
    assert re.fullmatch(r"/batches/b[0-9a-f]{16}", at) and "The safety owner then confirms it" in recorded
    wrong = await hr.submit(f"{at}/start", {"runs": "12"}, page=at)
    assert wrong.status_code == 422 and "has 11 runs, not 12" in wrong.text
    started = await hr.submit(f"{at}/start", {"runs": "11"}, page=at)
    assert "Awaiting confirmation" in started.text
    own = await hr.submit(f"{at}/confirm", page=at)
    assert own.status_code == 403
    confirmed = await owner.submit(f"{at}/confirm", page=at)
    assert confirmed.status_code == 200 and "The batch is confirmed." in confirmed.text
    whole = await until(client, at.rpartition("/")[2], "ended")
    assert (whole["started"], whole["refused"], sum(whole["runs"].values())) == (11, 0, 11)
    page = await owner.get(at)
    assert page.text.count('href="/runs/r') >= 11 and "All runs started" in page.text

    other = (await upload(export(tmp_path / "one.csv", people[11:]))).partition("\n")[0]
    held = await owner.submit(f"{other}/hold", page=other)
    assert "The batch is paused" in held.text
    empty = await hr.submit(f"{other}/cancel", {"reason": " "}, page=other)
    assert empty.status_code == 422 and "A reason is required" in empty.text
    cancelled = await hr.submit(f"{other}/cancel", {"reason": "The site stays open."}, page=other)
    assert "The batch is cancelled" in cancelled.text and "The site stays open." in cancelled.text
    found = (await client.get(f"/batches/{other.rpartition('/')[2]}")).json()
    assert [row["status"] for row in found["rows"]] == ["not_started"]
    assert (await client.post(f"/batches/{found['batch_id']}/resume")).status_code == 409
