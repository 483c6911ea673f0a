"""Signals of any form, sent to Temporal directly: no run stops, and nothing that a signal says is believed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.service import RPCError

from orchestrator import commands
from orchestrator.domain.run.run import RunState
from orchestrator.workflows.offboarding import workflow_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import statuses
from tests.integration.packets import quick_packet

HIGH = 2**62
"""A version that no run will have."""


def hint(state: RunState, *, twice: bool = False, **more: Any) -> dict[str, Any]:
    steps = [{"step_id": id_, "generation": 1, "attempt": 1, "seconds": 30.0} for id_ in state.plan.steps]
    return {"hint": {"version": HIGH, "steps": steps * (2 if twice else 1), **more}}


FORGED: dict[str, Callable[[RunState], list[list[Any]]]] = {
    "without payload": lambda state: [[]],
    "two payloads": lambda state: [[{"hint": None}, {"hint": None}]],
    "null": lambda state: [[None]],
    "a step twice": lambda state: [[hint(state, twice=True)]],
    "a step twice, in two signals": lambda state: [[hint(state)], [hint(state)]],
    "searches twice": lambda state: [[{"hint": {"version": HIGH, "search": ["code", "code", "nowhere"]}}]],
    "finished": lambda state: [[{"hint": {"version": HIGH, "finished": True}}]],
    "junk": lambda state: [["junk"], [7], [[]], [{"hint": "no hint"}], [{"hint": {"version": "x"}}], [b"\x00\xff"]],
    "numbers that are none": lambda state: [[hint(state, due_in=float("inf"))], [{"hint": {"version": -1}}]],
    "large": lambda state: [["x" * 500_000], [{"hint": {"version": HIGH, "search": ["s"] * 50_000}}]],
    "unknown names": lambda state: [["another signal"]],
}


async def test_forged_signals_of_every_form(install: Install, hire: Hire) -> None:
    """Each form has a run of its own, and is sent before its approval and once more after it."""
    async with install(packet=quick_packet()) as here:
        staff = await hire(len(FORGED))
        runs = dict(zip(FORGED, [await here.start(person) for person in staff], strict=True))

        async def forge(form: str) -> None:
            handle = here.engine.client.get_workflow_handle(workflow_id(runs[form]))
            name = "made up" if form == "unknown names" else "nudge"
            for payloads in FORGED[form](await here.state(runs[form])):
                with contextlib.suppress(RPCError):  # the run may have ended meanwhile
                    await handle.signal(name, args=payloads)

        before = {}
        for form, run in runs.items():
            await here.wait_until(run, lambda state: any(g.open for g in state.decisions.gates.values()), "a gate")
            before[form] = await here.events(run)
            await forge(form)
        for form, run in runs.items():
            assert await here.events(run) == before[form], f"{form}: something was done before the approval"
            await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
            await forge(form)
        for form, run in runs.items():
            state = await here.attend(run, decide=False)
            assert state.finish == "clean", f"{form}\n{await here.story(run)}"
            assert set(statuses(state).values()) <= {"verified", "attested"}
            happened = await here.events(run)
            # An attempt of which the result says that it failed, on a busy machine, is followed by another.
            done = happened.count("StepStarted") - happened.count("StepAttemptFailed")
            assert done == len(state.plan.steps), f"{form}: {done} attempts that ended well\n{await here.story(run)}"
            handle = here.engine.client.get_workflow_handle(workflow_id(run))
            history = await handle.fetch_history()
            failed = [
                event
                for event in history.events
                if event.HasField("workflow_task_failed_event_attributes")
                # So the server asks again where a signal came while the workflow ended: nothing is wrong with that.
                and event.workflow_task_failed_event_attributes.cause
                != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
            ]
            assert not failed, f"{form}: a workflow task failed"
        await here.verify()
