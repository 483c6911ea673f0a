"""The browser of the tests: a Chromium that is installed here; none is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

# First the one without a user interface of its own, which would take more processor time than the pages.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FOUND_AT = next((path for name in _NAMES if (path := shutil.which(name)) is not None), None)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Skips the test where there is no Chromium."""
    if FOUND_AT is None:
        pytest.skip("no Chromium here (`make browser` installs it): no test in a browser")
    arguments = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium has none for root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=FOUND_AT, args=arguments)
        yield browser
        await browser.close()
