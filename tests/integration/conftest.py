"""`install`: a whole Offboard for one test, on the session's servers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from tests.integration.installation import Installation, installation

Install = Callable[..., AbstractAsyncContextManager[Installation]]


@pytest.fixture
def install(database_url: str, temporal: TemporalServer, company: Company) -> Install:
    """`async with install(packet=…, worker=False) as here`: see `installation.installation`."""

    def make(**more: Any) -> AbstractAsyncContextManager[Installation]:
        return installation(database_url, temporal.address, company, **more)

    return make
