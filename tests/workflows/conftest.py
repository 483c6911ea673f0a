"""`stage`: a workflow of its own on the session's time-skipping server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from scripted import Script
from stage import Stage, skipping_time
from temporalio.testing import WorkflowEnvironment


@pytest_asyncio.fixture(scope="session")
async def time_skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    async with skipping_time() as environment:
        yield environment


@pytest.fixture
def stage(time_skipping_server: WorkflowEnvironment) -> Stage:
    return Stage(time_skipping_server.client, Script(), time_skipping_server)
