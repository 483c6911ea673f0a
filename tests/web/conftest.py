"""Pages and API of the embedded stack, and of the same ledger with an OpenID provider instead of local sign-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.embedded.stack import Stack, stack_up
from tests.cli.command_line import hired
from tests.conftest import NOTICES_GATHER_SECONDS
from tests.web.visitor import Visitor, sign_ins_at

Visit = Callable[..., Awaitable[Visitor]]
Program = Callable[[str], Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One for all of pages and API: they leave hundreds of runs, and a crowd, that other tests need not see."""
    folder = tmp_path_factory.mktemp("web-stack")
    async with stack_up(folder, notices_gather_seconds=NOTICES_GATHER_SECONDS, change=without_late_starts) as up:
        yield up


@pytest_asyncio.fixture
async def visit(stack: Stack) -> AsyncIterator[Visit]:
    """`await visit("hr")`: a browser in which one of the staff is signed in; `await visit()`: no one."""
    async with AsyncExitStack() as open_ones:

        async def one(alias: str | None = None) -> Visitor:
            visitor = await open_ones.enter_async_context(Visitor(stack.url))
            if alias is not None:
                await sign_ins_at(stack.url).sign_in(visitor, alias)
            return visitor

        yield one


@pytest_asyncio.fixture
async def program(stack: Stack) -> AsyncIterator[Program]:
    """`await program("hr")`: a client of the API that acts as one of the staff."""
    async with AsyncExitStack() as open_ones:

        async def one(alias: str) -> httpx.AsyncClient:
            return await open_ones.enter_async_context(await sign_ins_at(stack.url).program(alias))

        yield one


@pytest.fixture
def leaver(stack: Stack) -> Callable[..., Awaitable[Employee]]:
    """Someone new in the company, whom no other test touches."""

    async def one(*traits: str, **fields: Any) -> Employee:
        return await hired(stack, traits, **fields)

    return one
