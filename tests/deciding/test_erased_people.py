"""What a process kept of a run does not show a person who was erased since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.deciding.runs import Runs
from tests.ledger.small_office import HANNA, SmallOffice, small_office


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        yield services


@pytest.mark.parametrize("checks_a_lease", [False, True], ids=["", "while a lease is checked"])
async def test_a_run_that_another_process_finished_is_read_again(here: SmallOffice, checks_a_lease: bool) -> None:
    run_id = await here.start()
    before = await here.state(run_id)
    assert before.asked.facts is not None
    elsewhere = replace(here.services, runs=Runs(here.ledger, here.runs.abilities))
    await commands.end_run(elsewhere, HANNA, run_id, "They stay")
    if checks_a_lease:
        await here.runs.state_now(run_id)
    await here.keyring.erase_person(before.asked.person_id)
    after = await here.state(run_id)
    assert after.finished and after.asked.facts is None
