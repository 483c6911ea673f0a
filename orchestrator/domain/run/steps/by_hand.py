"""A step that a person did by hand: it is attested, never verified, and a second person may have to confirm that.

report ─► the system is read, where it can be ─► shows that it was not done ─► the step has failed as before
                                             └─► shows it, or can't say     ─► attested
"""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def attested(state: RunState, report: e.StepDoneByHand, world: World) -> list[Event]:
    """What follows once the report counts: the result, the end of the step's exceptions, and the question to a second
    person where one has to confirm it."""
    step_id = report.step_id
    happened: list[Event] = [
        e.StepAttested(
            step_id=step_id,
            generation=report.generation,
            attempt=state.work.steps[step_id].attempt,
            by=report.by,
            evidence=report.evidence,
        )
    ]
    reason = str((report.evidence or {}).get("note") or "") or None
    happened += [
        e.ExceptionClosed(
            exception_id=id_, disposition="done_by_hand", by=report.by, on_behalf_of=report.on_behalf_of, reason=reason
        )
        for id_, known in state.work.exceptions.items()
        if known.open and known.opened.step_id == step_id
    ]
    if report.confirmed_by:
        happened.append(
            e.ExceptionOpened(
                exception_id=f"x-done_by_hand-{step_id}-{state.version}",
                kind="done_by_hand",
                owners=report.confirmed_by,
                due=world.now + world.pinned.approvals.exceptions.due_within,
                step_id=step_id,
                system=state.plan.steps[step_id].system or None,
            )
        )
    return happened
