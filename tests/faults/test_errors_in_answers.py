"""Systems respond 200 with an error inside, or with what no program can read: every step says so, and after the repair
each effect was done once.
"""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from orchestrator import commands
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.effects import Mode
from orchestrator.embedded.temporal import TemporalServer
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.integration.faults.test_outages import failures_of, has_open
from tests.integration.installation import exceptions_of, gate_open, installation
from tests.integration.packets import quick_packet

ANSWERS: tuple[Mode, ...] = ("error_in_200", "error_in_200", "nonsense")
STEPS = {
    "suspend_code": ("code", "POST", "suspend"),
    "close_card": ("cards", "POST", "close"),
    "disable_identity": ("identity", "PATCH", ""),
}
"""Step -> system, method and end of the path of its call."""


@pytest.mark.trial(row=12, batches=2, short=False)
async def test_an_error_inside_a_successful_response_is_an_exception(
    database_url: str, temporal: TemporalServer, company: Company, hire: Hire, batch: TrialBatch
) -> None:
    """In `make test`: `tests/integration/faults/test_outages.py`."""
    people = await hire(24)
    async with installation(database_url, temporal.address, company, packet=quick_packet()) as here:
        runs = {}
        for person in people:
            run = await here.start(person)
            name = batch.chance.choice(list(STEPS))
            system, method, end = STEPS[name]
            state = await here.wait_until(run, gate_open, "an open gate")
            account = next(step.account_id for step in state.plan.steps.values() if step.name == name)
            assert account is not None
            native = state.accounts.details[account]["native_id"]
            await company.break_(system, batch.chance.choice(ANSWERS), method=method, path=f"{native}.*{end}")
            runs[run] = (name, system)
        await asyncio.gather(*(commands.approve_gate(here.services, here.actors["it"], run, "g-all-1") for run in runs))
        for run, (name, system) in runs.items():
            state = await here.wait_until(run, partial(has_open, "step_failed", system), f"an exception of {name}")
            [opened] = [one.opened for one in exceptions_of(state, "step_failed") if one.open]
            assert opened.system == system and opened.code and opened.owners, opened
            failures = await failures_of(here, run, opened.step_id)
            assert any(detail.get("remedy") for detail in failures), f"{name} has no remedy: {failures}"
            batch.add("exceptions that name system and cause")
        await company.clear_faults()
        operator = here.actors["operator"]
        for run, (name, _) in runs.items():
            await commands.retry_step(here.services, operator, run, name, reason="the system is repaired")
        ended = [await here.attend(run) for run in runs]
        assert {state.finish for state in ended} == {"clean"}
        await count(batch, company, ended)
        await here.verify()
