"""`install`: a whole Offboard for one test, which may tell programs on this machine."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from tests.integration.conftest import Install
from tests.integration.installation import Installation, installation, new_settings
from tests.integration.packets import quick_packet

PUBLIC_URL = "https://offboard.example.com"


@pytest.fixture
def install(database_url: str, temporal: TemporalServer, company: Company) -> Install:
    def make(
        hosts: tuple[str, ...] = ("127.0.0.1",), ca_file: str = "", **more: Any
    ) -> AbstractAsyncContextManager[Installation]:
        settings = more.pop("settings", None) or new_settings(database_url, temporal.address, company)
        settings = replace(settings, public_url=PUBLIC_URL, webhook_hosts=hosts, webhook_ca_file=ca_file)
        more.setdefault("packet", quick_packet())
        return installation(database_url, temporal.address, company, settings=settings, **more)

    return make
