"""An approver approves 20 times while no worker runs."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from orchestrator.embedded.company.company import Company
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import GATE, at_their_gates, each_gate_decided_once, to_the_end
from tests.faults.web_process import approve, token_for, web_process
from tests.integration.conftest import Install
from tests.integration.faults.test_kills import packet_here
from tests.integration.installation import worker_here

CLICKS = 20


@pytest.mark.trial(row=6, batches=5)
async def test_an_approver_approves_often_while_no_worker_runs(
    batch: TrialBatch, install: Install, company: Company, hire: Hire
) -> None:
    async with install(packet=packet_here(company), worker=False) as here:
        runs = [await here.start(person) for person in await hire(batch.sized(2, 10))]
        async with worker_here(here):
            await at_their_gates(here, runs)
        token = await token_for(here, "it")
        clicks = [run for run in runs for _ in range(CLICKS)]
        batch.chance.shuffle(clicks)
        async with web_process(here) as url, httpx.AsyncClient(base_url=url, timeout=120) as client:
            answers = await asyncio.gather(*(approve(client, run, GATE, token) for run in clicks))
        said = Counter(answers)
        assert {status for status, _ in said} <= {200, 202, 409}, said
        batch.add("approvals sent", len(clicks))
        for run in runs:
            happened = await here.events(run)
            assert (happened.count("GateVoted"), happened.count("GateDecided")) == (1, 1), await here.story(run)
            assert "StepStarted" not in happened, await here.story(run)
        async with worker_here(here):
            ended = await to_the_end(here, company, runs)
        for run in runs:
            await each_gate_decided_once(here, run)
        await count(batch, company, ended)
        await here.verify()
