"""People who are signed in at each entry point."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from orchestrator.embedded.stack import Stack
from tests.web.requests.entry_points import SignedIn, SignInAs, signed_in


@pytest_asyncio.fixture
async def sign_in(stack: Stack, tmp_path: Path) -> AsyncIterator[SignInAs]:
    """`await sign_in("hr")`: one of the staff with a page, a client of the API and a terminal."""
    async with AsyncExitStack() as open_ones:

        async def one(alias: str) -> SignedIn:
            return await open_ones.enter_async_context(signed_in(stack.url, alias, tmp_path))

        yield one
