"""`install`: a whole Offboard for one test that sends mails about open items through the small company's server;
its staff have signed in with an address and a time zone."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from orchestrator import commands
from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.settings import MailAccount
from tests.integration.conftest import Install
from tests.integration.installation import Installation, installation, new_settings
from tests.integration.packets import quick_packet

PUBLIC_URL = "https://offboard.example.com"


def mail_account(company: Company, gather: float = 1.0) -> MailAccount:
    """A sender of its own, by which a test knows its mail again."""
    known = company.connections
    return MailAccount(
        host=known["MAIL_HOST"],
        port=int(known["MAIL_PORT"]),
        sender=f"offboard-{uuid.uuid4().hex[:8]}@example.org",
        username=known["MAIL_USER"],
        password=known["MAIL_PASSWORD"],
        ca_file=known["MAIL_CA_FILE"],
        gather=gather,
    )


@pytest.fixture
def install(database_url: str, temporal: TemporalServer, company: Company) -> Install:
    @asynccontextmanager
    async def make(
        gather: float = 1.0, mail: MailAccount | None = None, staff: bool = True, **more: Any
    ) -> AsyncIterator[Installation]:
        settings = more.pop("settings", None)
        if settings is None:
            settings = replace(
                new_settings(database_url, temporal.address, company),
                public_url=PUBLIC_URL,
                mail=mail or mail_account(company, gather),
            )
        packet = more.pop("packet", None) or quick_packet()
        async with installation(
            database_url, temporal.address, company, packet=packet, settings=settings, addresses=staff, **more
        ) as here:
            yield here

    return make


async def signed_in(
    here: Installation, alias: str, who: Employee | str, roles: tuple[str, ...], zone: str | None = None
) -> Actor:
    """A person who signs in with the address that HR has."""
    number = who if isinstance(who, str) else who.employee_number
    person = await here.people.find(number)
    actor = await here.people.actor(alias, number, roles)
    await commands.record_actor(here.services, actor, person.display_name, person.email, zone or person.time_zone)
    here.actors[alias] = actor
    return actor
