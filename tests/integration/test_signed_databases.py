"""An installation that was copied from a template is like one whose staff signed in."""

from __future__ import annotations

import base64
import os
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from tests.integration.conftest import Install
from tests.integration.installation import Installation, new_settings


async def found_in(here: Installation) -> dict[str, Any]:
    """What there is, without the ids that are made again in each database."""
    events = await here.backend.ledger.follow(0, 1000)
    organisation = await here.backend.runs.organisation()
    shelf = await here.backend.runs.shelf(here.packet.name)
    return {
        "events": Counter((event.stream, event.type) for event in events),
        "actors": {alias: (one.kind, one.roles, len(one.managers)) for alias, one in organisation.actors.items()},
        "given": {alias: (one.kind, one.roles, len(one.managers)) for alias, one in here.actors.items()},
        "same": here.actors == {alias: organisation.actors[alias] for alias in here.actors},
        "said": {alias: (one.name, one.email, one.time_zone) for alias, one in organisation.recorded.items()},
        "phase": shelf.history.version(here.packet.version).phase,
    }


@pytest.mark.parametrize("addresses", [False, True])
async def test_a_copy_holds_what_signing_in_and_signing_the_packet_leave(
    install: Install,
    postgres: PostgresServer,
    migrated_template: str,
    temporal: TemporalServer,
    company: Company,
    addresses: bool,
) -> None:
    packet = starter_packet("standard-leaver")
    async with install(packet=packet, worker=False, addresses=addresses) as here:
        copied = await found_in(here)
        await here.verify()
    name = f"test_signing_{os.getpid()}"
    await postgres.create_database(name, template=migrated_template)
    # With a key of its own an installation copies nothing.
    settings = replace(
        new_settings(postgres.url(name), temporal.address, company),
        master_key=base64.b64encode(os.urandom(32)).decode(),
    )
    async with install(packet=packet, worker=False, addresses=addresses, settings=settings) as here:
        assert await found_in(here) == copied
    await postgres.drop_database(name)
    assert copied["phase"] == "production" and copied["same"] and bool(copied["said"]["it"][1]) is addresses
