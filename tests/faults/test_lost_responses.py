"""Systems carry out what they are asked to, and the response is lost."""

from __future__ import annotations

import pytest

from orchestrator.embedded.company.company import HTTP_SYSTEMS, Company
from orchestrator.embedded.company.effects import CHANGING
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import approve_all, at_their_gates, to_the_end
from tests.integration.conftest import Install
from tests.integration.faults.test_kills import packet_here


@pytest.mark.trial(row=2, batches=10)
async def test_responses_are_lost(batch: TrialBatch, install: Install, company: Company, hire: Hire) -> None:
    share = batch.sized(0.5, batch.chance.uniform(0.05, 0.2))
    async with install(packet=packet_here(company)) as here:
        runs = [await here.start(person) for person in await hire(batch.sized(2, 20))]
        await at_their_gates(here, runs)
        for system in HTTP_SYSTEMS:
            for method in CHANGING:
                seed = batch.chance.randrange(10**6)
                await company.break_(system, "lose_reply", method=method, share=share, seed=seed)
        await approve_all(here, runs)
        ended = await to_the_end(here, company, runs)
        lost = await company.clear_faults()
        assert lost, "no response was lost"
        batch.add("lost responses", lost)
        await count(batch, company, ended)
        await here.verify()
