"""What an open page says while the ledger cannot be asked: a stack of its own, whose database goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.embedded.stack import Stack, stack_up
from tests.web.browser.conftest import Browsing
from tests.web.overheard import overhearing

AT_ONCE = 12_000
"""Milliseconds: less than a stream's heartbeat, and a busy machine's time for a look that fails."""


@pytest_asyncio.fixture(scope="module")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stack_up(tmp_path_factory.mktemp("stack-that-breaks"), change=without_late_starts) as up:
        yield up


async def test_open_pages_say_at_once_that_updates_have_stopped_and_when_they_come_again(
    chromium: Browser, fragile: Stack
) -> None:
    with overhearing(fragile.settings) as heard:
        browsing = Browsing(chromium, fragile.url, heard)
        marks = [(await browsing("auditor", to)).locator("[data-live-mark]") for to in ("/", "/runs", "/exceptions")]
        for mark in marks:
            await expect(mark).to_have_text("Live")
        await fragile.postgres.crash()
        try:
            for mark in marks:
                await expect(mark).to_have_text("Disconnected. Reconnecting.", timeout=AT_ONCE)
        finally:
            await fragile.postgres.restart()
        for mark in marks:
            await expect(mark).to_have_text("Live", timeout=60_000)
        await browsing.aclose()
    assert heard.leaks() == []
