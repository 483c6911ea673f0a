"""One Chromium for the session, and in it a browser of its own for each person."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.embedded.stack import Stack, stack_up
from tests.conftest import NOTICES_GATHER_SECONDS
from tests.web.chromium import launched
from tests.web.overheard import Overheard, overhearing

expect.set_options(timeout=60_000)  # milliseconds: two cores may be busy with other tests


class Browsing:
    """`await browsing("hr")`: a page on which one of the staff has signed in, in a browser of their own. What browsers
    complain of on their consoles, a policy that was broken among it, is in `complaints`."""

    def __init__(self, chromium: Browser, url: str, heard: Overheard) -> None:
        self.url = url
        self.complaints: list[str] = []
        self._chromium = chromium
        self._heard = heard
        self._contexts: list[BrowserContext] = []

    async def __call__(self, alias: str | None = None, to: str = "/", **how: Any) -> Page:
        context = await self._chromium.new_context(
            **{"base_url": self.url, "locale": "en-GB", "viewport": {"width": 1360, "height": 900}, **how}
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if alias is not None:
            await page.goto(f"/sign-in?to={to}")
            await page.get_by_role("button", name=re.compile(rf"^{alias}\b")).click()
            await page.wait_for_url(f"{self.url}{to}")
            for cookie in await context.cookies():
                self._heard.secrets[f"the session of {alias}"] = str(cookie.get("value"))
        return page

    async def hear(self, page: Page) -> None:
        """What the page shows is among what is searched for leaks."""
        self._heard.answer(re.sub(r"\?.*", "", page.url), await page.content())

    async def aclose(self) -> None:
        for context in self._contexts:
            for page in context.pages:
                await self.hear(page)
            await context.close()


@pytest_asyncio.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One for the browsers alone: whatever other tests leave open would push what is looked for off the first page."""
    folder = tmp_path_factory.mktemp("stack-for-browsers")
    async with stack_up(folder, notices_gather_seconds=NOTICES_GATHER_SECONDS, change=without_late_starts) as up:
        yield up


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def heard(stack: Stack) -> Iterator[Overheard]:
    """All that the browsers of a file's tests were shown and that was logged at that time holds no secret. Ends with
    the file: later tests of this process log what they like."""
    with overhearing(stack.settings) as overheard:
        yield overheard
    assert overheard.leaks() == []


@pytest_asyncio.fixture
async def browsing(chromium: Browser, stack: Stack, heard: Overheard) -> AsyncIterator[Browsing]:
    """Ends with what any browser complained of."""
    people = Browsing(chromium, stack.url, heard)
    yield people
    await people.aclose()
    assert people.complaints == []
