"""Temporal is not called for a vote that starts nothing."""

from __future__ import annotations

from orchestrator import commands
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import Installation, gate_open
from tests.integration.packets import quick_packet
from tests.integration.runs.test_concurrency import approvers


async def signals_of(here: Installation, run: str) -> int:
    history = await here.engine.client.get_workflow_handle(workflow_id(run)).fetch_history()
    return sum(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)


async def test_the_first_of_two_votes_sends_no_signal_and_the_second_ends_the_run(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet(quorum=2), relay=False) as here:
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate", 60)
        sent = await signals_of(here, run)
        [second] = await approvers(here, 1)
        done = await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
        assert done.nudged
        assert await signals_of(here, run) == sent
        await commands.approve_gate(here.services, second, run, "g-all-1")
        assert (await here.attend(run, decide=False, deadline=60)).finish == "clean"
