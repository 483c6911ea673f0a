"""Decisions at the last moment with workers and Temporal: the systems' own logs show what the ledger decided."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator import commands
from orchestrator.backend import open_backend
from orchestrator.commands import Services
from orchestrator.domain import events as e
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.faults.batch import Counts, TrialBatch
from tests.faults.counting import count
from tests.faults.people import to_the_end
from tests.faults.races import GATE, Moment, Race
from tests.integration.installation import Installation, gate_open, installation
from tests.integration.packets import quick_packet
from tests.integration.runs.test_concurrency import approvers
from tests.integration.runs.test_time import in_days

BEFORE_SECONDS = 1.0
CUTOFF_DAYS = 20
AFTER_THE_CUTOFF = timedelta(days=CUTOFF_DAYS, hours=1)


async def clock_set(here: Installation, at: datetime) -> None:
    await here.set_clock_ahead((at - datetime.now(UTC)).total_seconds())


@pytest.mark.trial(row=8, batches=2)
@pytest.mark.parametrize("moment", ["expiry", "escalation"])
async def test_workflows_do_what_was_decided_at_the_last_moment(
    database_url: str, temporal: TemporalServer, company: Company, hire: Hire, batch: TrialBatch, moment: Moment
) -> None:
    async with (
        installation(database_url, temporal.address, company, packet=quick_packet()) as here,
        open_backend(here.settings) as elsewhere,
    ):
        people = await hire(batch.sized(3, 30))
        [second] = await approvers(here, 1)
        services = (here.services, Services(elsewhere.runs, elsewhere.keyring, here.engine))
        cutoff, races = in_days(CUTOFF_DAYS), []
        for person in people:
            run_id = await here.start(person, cutoff=cutoff)
            state = await here.wait_until(run_id, gate_open, "an open gate")
            opened = state.decisions.gates[GATE].opened
            at = opened.valid_until if moment == "expiry" else opened.decide_by
            races.append(Race(run_id, moment, at, random.Random(batch.chance.randrange(2**32))))
        assert len({race.at for race in races}) == 1, "one cutoff, and so one moment for all"
        further = here.actors["safety-owner"]
        await clock_set(here, races[0].at - timedelta(seconds=BEFORE_SECONDS))
        votes = [
            vote
            for race in races
            for vote in race.votes(services, (here.actors["it"], second), further, BEFORE_SECONDS)
        ]
        await asyncio.gather(*votes)

        def decided_or_later(state: RunState) -> bool:
            gate = state.decisions.gates[GATE]
            return not gate.open or (moment == "escalation" and gate.escalated_at is not None)

        for race in races:
            state = await here.wait_until(race.run_id, decided_or_later, "an outcome or the escalation", 60)
            page = await here.backend.ledger.read({e.run_stream(race.run_id): 0})
            wrong = race.wrong(page.events[e.run_stream(race.run_id)], further)
            assert not wrong, f"seed {batch.seed}: {wrong}\n{await here.story(race.run_id)}"
        await clock_set(here, max(races[0].at, datetime.now(UTC) + AFTER_THE_CUTOFF))
        decided, rejected = [], 0
        for race in races:
            outcome = (await here.state(race.run_id)).decisions.gates[GATE].outcome
            batch.add(f"{moment}: {outcome}")
            if outcome == "rejected":
                rejected += 1
                await commands.end_run(here.services, here.actors["hr"], race.run_id, "the approver said no")
            else:
                decided.append(race.run_id)
        # On a slow machine a mail takes longer than its time-out, and a person says whether it was sent.
        ended = await to_the_end(here, company, decided)
        for race in races:
            async with asyncio.timeout(60):
                await here.engine.client.get_workflow_handle(workflow_id(race.run_id)).result()
        # What was rejected has no effect: `count` fails on effects that none of these runs has planned.
        await count(batch, company, ended, intents_first=False)
        batch.count(Counts(runs=rejected))
        batch.add("races", len(races))
        await here.verify()
