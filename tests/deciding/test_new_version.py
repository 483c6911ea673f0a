"""A run that takes a later packet version, while another process knows it under the version before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from orchestrator import commands
from orchestrator.deciding.runs import Runs
from orchestrator.domain.events.event import Event
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from tests.ledger.small_office import OLE, SmallOffice, small_office
from tests.web.requests.entry_points import packet_of

CODE = ("snapshot_code", "suspend_code")
NAME = "standard-leaver"


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url, packet_of(NAME, CODE)) as office:
        yield office


async def test_another_process_decides_under_the_version_that_was_taken(here: SmallOffice) -> None:
    run_id = await here.start()
    elsewhere = Runs(here.ledger, here.runs.abilities)
    own = (await elsewhere.load(run_id)).world.pinned.version
    later = packet_of(NAME, (*CODE, "disable_identity"))
    await here.into_production(later)
    await commands.replan_run(here.services, OLE, run_id, None, later.version)

    seen: list[tuple[str, str]] = []

    def look(state: RunState, world: World) -> Sequence[Event]:
        seen.append((state.packet_version, world.pinned.version))
        return ()

    await elsewhere.record_intent(run_id, look)
    await here.runs.record_fact(run_id, look)
    await elsewhere.decide(run_id, look)
    assert own != later.version and set(seen[-2:]) == {(later.version, later.version)}
    assert all(known == pinned for known, pinned in seen)


async def test_a_process_that_knows_the_packet_reads_a_run_of_a_version_that_is_new_to_it(here: SmallOffice) -> None:
    elsewhere = Runs(here.ledger, here.runs.abilities)
    await elsewhere.load(await here.start())
    here.packet = packet_of(NAME, (*CODE, "disable_identity"))
    await here.into_production(here.packet)
    run_id = await here.start()
    assert (await elsewhere.load(run_id)).world.pinned.version == here.packet.version
