"""Takes the pictures of the guides: pages of the sample company, as each person sees them.

`make pictures` runs it. It starts all of Offboard on this machine, uses its pages as people do, with the Chromium of
the tests, and stops everything. The people in the pictures are those of the sample company.
`tests/production/test_guides.py` fails if a guide shows a picture that is not there, or no guide shows a picture.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Locator, Page

from docs.smaller_png import smaller
from orchestrator.embedded.stack import Stack, stack_up
from tests.web.chromium import FOUND_AT, launched

PICTURES: Final = Path(__file__).parent / "guides" / "pictures"
STARTER: Final = Path(__file__).parent.parent / "orchestrator" / "packets" / "standard-leaver"
WIDTH: Final = 1200
"""Of a page and of a picture, in pixels."""
MARGIN: Final = 12
"""Pixels above and below what a picture shows."""
PATIENCE: Final = 60_000
"""Milliseconds for a page to show what is waited for."""
ADMINISTRATOR, LEAVER, URGENT = "Ottokarla", "Zephyrino", "Živadinka"
"""First names of the people who leave: one with two accounts in one system, one under a legal hold, one at once."""


class Office:
    """`async with office.page("hr") as page`: a page on which a user of the sample company has signed in."""

    def __init__(self, chromium: Browser, stack: Stack) -> None:
        self._chromium = chromium
        self.stack = stack

    @asynccontextmanager
    async def page(self, alias: str, to: str = "/") -> AsyncIterator[Page]:
        context = await self._chromium.new_context(
            base_url=self.stack.url,
            locale="en-GB",
            color_scheme="light",
            reduced_motion="reduce",
            viewport={"width": WIDTH, "height": 900},
        )
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        await page.goto(f"/sign-in?to={to}")
        await page.get_by_role("button", name=re.compile(rf"^{alias}\b")).click()
        await page.locator("main h1", has_not_text="Sign in").wait_for()
        yield page
        await context.close()


async def main() -> None:
    if FOUND_AT is None:
        sys.exit("No Chromium is installed: run `make browser`.")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with stack_up(Path(folder), say=print) as stack, launched() as chromium:
            office = Office(chromium, stack)
            await _administrator(office)
            await _hr(office)
            await _approver(office)
            await _operator(office)
            await _pause(office)
            await _owners(office)
            await _auditor(office)
    sys.stdout.write(f"{sum(path.stat().st_size for path in PICTURES.glob('*.png')) // 1024} KiB in {PICTURES}\n")


async def _take(name: str, first: Locator, last: Locator | None = None) -> None:
    """The page from the top of `first` to the foot of `last`, or of `first` alone."""
    page = first.page
    await page.evaluate("scrollTo(0, 0)")
    above, below = await first.bounding_box(), await (last or first).bounding_box()
    assert above is not None and below is not None, f"{name} shows something hidden"
    top = max(above["y"] - MARGIN, 0)
    clip = {"x": 0, "y": top, "width": WIDTH, "height": below["y"] + below["height"] + MARGIN - top}
    taken = await page.screenshot(full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
    (PICTURES / f"{name}.png").write_bytes(await asyncio.to_thread(smaller, taken))
    sys.stdout.write(f"{name}.png\n")


async def _administrator(office: Office) -> None:
    async with office.page("operator", "/checklist") as page:
        await _take("administrator-checklist", page.locator(".page-head"), page.locator("main ol"))
        await page.goto("/systems/standard-leaver/identity/test")
        await page.get_by_label("Person to look up (optional)").fill("E-1013")
        await page.get_by_role("button", name="Test now").click()
        await page.locator("#requests").wait_for()
        await _take("administrator-test", page.locator(".page-head"), page.locator("#requests ul").nth(1))


async def _hr(office: Office) -> None:
    async with office.page("hr") as page:
        await _preview(page, ADMINISTRATOR, days=21)
        await _take("hr-preview", page.locator(".page-head"), page.locator("#accounts tbody tr").nth(1))
        await _start(page, "Their contract ends")
        await _preview(page, LEAVER, days=14)
        await _start(page, "They leave for another company")
        await page.locator("#change-legal-hold summary").click()
        await page.locator("#legal-hold-reason").fill("Dispute about a contract")
        await page.get_by_role("button", name="Place legal hold").click()
        await page.locator("#legal-hold").wait_for()
        await page.locator("#change-cutoff summary").click()
        field = page.locator("#change-cutoff").get_by_label("Access ends")
        await field.fill(f"{datetime.now(UTC) + timedelta(days=16):%Y-%m-%d}T17:00")
        await page.get_by_role("button", name="Change cutoff").click()
        await page.get_by_role("link", name="Keep the cutoff").wait_for()
        await _take("hr-run", page.locator("#run-head"), page.locator("#run-clock tbody tr").nth(3))
        await _take("hr-later", page.locator("#change-cutoff"))
        await office.stack.company.break_("cards", "error_in_200", method="POST", path="/freeze$")
        await _preview(page, URGENT, days=None)
        await _start(page, "Their laptop was stolen")


async def _preview(page: Page, person: str, days: int | None) -> None:
    """Access ends in `days`, at five in the afternoon; None: immediately."""
    await page.goto("/runs/new")
    await page.get_by_label("Person", exact=True).fill(person)
    await page.get_by_role("button", name=person).first.click()
    if days is None:
        await page.get_by_label("Immediately, before approval").check()
        await page.get_by_label("loses access immediately").check()
    else:
        await page.get_by_label("Access ends").fill(f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}T17:00")
    await page.get_by_role("button", name="Preview").click()
    await page.locator("#start").wait_for()


async def _start(page: Page, reason: str) -> None:
    await page.get_by_label("Reason (optional)").fill(reason)
    await page.locator("#start").get_by_role("button", name=re.compile("^Start")).click()
    await page.locator("#steps-table").wait_for()


async def _approver(office: Office) -> None:
    async with office.page("it") as page:
        card = page.locator("li.card", has_text="Remove access").filter(has_text=ADMINISTRATOR).first
        await card.get_by_text("Review or exclude steps").click()
        await card.get_by_role("checkbox", name=re.compile("^Freeze")).uncheck()
        await _take("approver-card", card)


async def _operator(office: Office) -> None:
    async with office.page("operator") as page:
        card = page.locator("li.card", has_text="Step failed").first
        await card.wait_for()
        await _take("operator-failed", card)
        await page.goto("/?kind=exception")
        match = page.locator("li.card", has_text="Several possible matches").first
        await _take("operator-match", match)
        await page.goto(f"{await _address(page, URGENT)}/replay")
        await _take("operator-replay", page.locator(".page-head"), page.locator("#preview tbody tr").nth(8))
        await page.goto(await _address(page, LEAVER))
        await page.locator("#change-hold summary").click()
        await page.locator("#hold-reason").fill("The team finishes a migration")
        await page.locator("#change-hold").get_by_role("button", name="Pause").click()
        await page.get_by_text("This run is paused.").wait_for()


async def _address(page: Page, person: str) -> str:
    """Of the person's run."""
    await page.goto("/runs")
    return str(await page.get_by_role("link", name=person).first.get_attribute("href"))


async def _pause(office: Office) -> None:
    async with office.page("hr") as page:
        card = page.locator("li.card", has_text="Pause not confirmed by HR").first
        await card.wait_for()
        await _take("hr-pause", card)


async def _owners(office: Office) -> None:
    """The value owner adopts a version with another target and signs it; the safety owner has not signed yet."""
    changed = office.stack.folder / "packets" / "standard-leaver"
    shutil.copytree(STARTER, changed)
    workflow = changed / "workflow.yaml"
    workflow.write_text(workflow.read_text().replace("access_gone_within: PT1H", "access_gone_within: PT30M"))
    program = Path(sys.executable).with_name("offboard")
    where = ("--as", "value-owner", "--folder", str(office.stack.folder))
    signing = await asyncio.create_subprocess_exec(str(program), "packet", "sign", str(changed), *where)
    if await signing.wait():
        sys.exit("The changed packet could not be signed.")
    async with office.page("safety-owner") as page:
        await page.get_by_role("list", name="Packets to sign").get_by_role("link").first.click()
        await page.get_by_role("link", name="Signatures and versions").click()
        await _take("owners-signatures", page.locator(".page-head"), page.locator("#versions tbody"))


async def _auditor(office: Office) -> None:
    async with office.page("auditor", "/ledger") as page:
        await page.get_by_role("button", name="Verify now").click()
        await page.get_by_text("No tampering found").wait_for()
        await _take("auditor-ledger", page.locator(".page-head"), page.locator("#happened tbody tr").nth(6))


if __name__ == "__main__":
    asyncio.run(main())
