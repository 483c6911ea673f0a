"""A whole installation, and the web process beside it: its own pool, the same master key, no system's credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.backend import engine_address, open_backend
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.engine import Engine
from orchestrator.web.inquiries import Inquiries
from tests.integration.installation import Installation, installation

Asking = Callable[..., AbstractAsyncContextManager[tuple[Installation, Inquiries]]]


@asynccontextmanager
async def web_process(here: Installation) -> AsyncIterator[Inquiries]:
    async with open_backend(replace(here.settings, environment={})) as backend:
        engine = await Engine.connect(engine_address(here.settings))
        yield Inquiries(backend.database, backend.keyring, engine)


@pytest.fixture
def asking(database_url: str, temporal: TemporalServer, company: Company) -> Asking:
    """`async with asking(packet=…, worker=False) as (here, inquiries)`: see `installation.installation`."""

    @asynccontextmanager
    async def make(**more: Any) -> AsyncIterator[tuple[Installation, Inquiries]]:
        async with installation(database_url, temporal.address, company, **more) as here, web_process(here) as asked:
            yield here, asked

    return make
