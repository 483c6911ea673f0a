"""Signals of any form, sent to Temporal directly: no run stops, and nothing that a signal says is believed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.service import RPCError

from orchestrator import commands
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import GATE, at_their_gates, to_the_end
from tests.integration.conftest import Install
from tests.integration.faults.test_kills import packet_here, steps_here
from tests.integration.installation import Installation

OF_THE_SERVER = {"UNHANDLED_COMMAND", "FORCE_CLOSE_COMMAND"}
"""So Temporal asks a worker again: a signal came while the workflow ended, or the signals that wait are large."""
HIGH = 2**62
"""A version that no run will have."""


def hint(state: RunState, *, twice: bool = False, **more: Any) -> dict[str, Any]:
    steps = [{"step_id": id_, "generation": 1, "attempt": 1, "seconds": 30.0} for id_ in state.plan.steps]
    return {"hint": {"version": HIGH, "steps": steps * (2 if twice else 1), **more}}


FORGED: dict[str, Callable[[RunState], list[list[Any]]]] = {
    "without payload": lambda state: [[]],
    "many payloads": lambda state: [[{"hint": None}] * 50],
    "two payloads": lambda state: [[{"hint": None}, {"hint": None}]],
    "null": lambda state: [[None]],
    "a step twice": lambda state: [[hint(state, twice=True)]],
    "a step twice, in two signals": lambda state: [[hint(state)], [hint(state)]],
    "searches twice": lambda state: [[{"hint": {"version": HIGH, "search": ["code", "code", "nowhere"]}}]],
    "finished": lambda state: [[{"hint": {"version": HIGH, "finished": True}}]],
    "junk": lambda state: [["junk"], [7], [[]], [{"hint": "no hint"}], [{"hint": {"version": "x"}}], [b"\x00\xff"]],
    "numbers that are none": lambda state: [[hint(state, due_in=float("inf"))], [{"hint": {"version": -1}}]],
    "large": lambda state: [["x" * 500_000], [{"hint": {"version": HIGH, "search": ["s"] * 50_000}}]],
    "huge": lambda state: [["x" * 1_900_000], [{"hint": {"version": HIGH, "search": ["s" * 1_800_000]}}]],
    "versions of the future": lambda state: [[hint(state, version=version)] for version in (HIGH, 2**63 - 1, 10**30)],
    "unknown names": lambda state: [["another signal"]],
}


@pytest.mark.trial(row=9, batches=4)
async def test_forged_signals_of_every_form(batch: TrialBatch, install: Install, company: Company, hire: Hire) -> None:
    """Each form has a run of its own, and is sent before its approval and again after it."""
    forms = batch.sized(1, 2) * tuple(FORGED)
    async with install(packet=packet_here(company)) as here:
        runs = [await here.start(person) for person in await hire(len(forms))]
        sent = list(zip(forms, runs, strict=True))
        batch.chance.shuffle(sent)

        async def forge(form: str, run: str) -> None:
            handle = here.engine.client.get_workflow_handle(workflow_id(run))
            name = "made up" if form == "unknown names" else "nudge"
            for payloads in FORGED[form](await here.state(run)):
                batch.add("forged signals")
                with contextlib.suppress(RPCError):  # the run may have ended, or Temporal refuses the size
                    await handle.signal(name, args=payloads)

        await at_their_gates(here, runs)
        before = {run: await here.events(run) for run in runs}
        for form, run in sent:
            await forge(form, run)
        for form, run in sent:
            assert await here.events(run) == before[run], f"{form}: something was done before the approval"
            await commands.approve_gate(here.services, here.actors["it"], run, GATE)
            await forge(form, run)
        ended = await to_the_end(here, company, runs)
        for form, run in sent:
            happened = await here.events(run)
            # An attempt of which the result says that it failed, on a busy machine, is followed by another.
            done = happened.count("StepStarted") - happened.count("StepAttemptFailed")
            assert done == steps_here(company), f"{form}: {done} attempts that ended well\n{await here.story(run)}"
            failed = await failed_tasks(here, run)
            assert not failed, f"{form}: a task of the workflow failed: {failed}"
        await count(batch, company, ended)
        await here.verify()


async def failed_tasks(here: Installation, run: str) -> list[str]:
    """The causes."""
    history = await here.engine.client.get_workflow_handle(workflow_id(run)).fetch_history()
    causes = [
        WorkflowTaskFailedCause.Name(event.workflow_task_failed_event_attributes.cause)
        for event in history.events
        if event.HasField("workflow_task_failed_event_attributes")
    ]
    return [cause for cause in causes if cause.removeprefix("WORKFLOW_TASK_FAILED_CAUSE_") not in OF_THE_SERVER]
