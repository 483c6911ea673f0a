"""Durations and counts of a finished run for the page Outcomes. Each is a function of the state alone."""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain.measures.access_end import access_end
from orchestrator.domain.run.run import RunState


def approved_at(state: RunState) -> datetime | None:
    """When the last decision was taken that lets the plan go on. None while a gate is open, and where none was
    approved. Signatures of the close are no such decisions."""
    gates = [gate for gate in state.decisions.gates.values() if not gate.signs_close]
    if any(gate.open for gate in gates):
        return None
    decided = [gate.decided_at for gate in gates if gate.outcome == "approved"]
    return max((at for at in decided if at is not None), default=None)


def minutes_saved(state: RunState) -> int:
    """Minutes of manual work, by the packet's own figures, of the steps that needed no one: those verified, and those
    attested by the system itself. What a person did, or had to find out, saved no one anything; nor does a dry run,
    where people do everything."""
    if state.asked.phase == "shadow":
        return 0
    by_people = {task.opened.step_id for task in state.work.tasks.values() if task.outcome == "done"}
    return sum(
        step.minutes_saved
        for step_id, step in state.plan.steps.items()
        if not step.is_task
        and step_id not in by_people
        and state.work.steps[step_id].status in ("verified", "attested")
    )


def systems_touched(state: RunState) -> list[str]:
    """The systems that the plan has steps on, by name."""
    return sorted({step.system for step in state.plan.steps.values() if step.system})


def systems_open(state: RunState) -> list[str]:
    """Where access is not gone as far as we know: systems with a step that cuts access and is not done, and systems
    where it is still a question which accounts are theirs; a task that cuts access is named by its step. By name."""
    cuts = {
        step.place for step_id, step in state.plan.steps.items() if step.removes_access and not state.is_done(step_id)
    }
    asked = set()
    if state.plan.open_steps:
        asked = {
            system
            for system, look in state.accounts.searches.items()
            if state.accounts.of(system) is None and (look.at is None or look.result.outcome in ("ambiguous", "weak"))
        }
    return sorted(cuts | asked)


def exposed(state: RunState) -> bool:
    """Whether access is to end and a step for that is not done: from its cutoff on such a run is open exposure. A run
    in shadow cuts nothing, and one that is over has said what became of it. For how long tokens are accepted after the
    steps is in `access_end`."""
    if state.finished or state.dry or state.restores is not None or access_end(state) is not None:
        return False
    return state.plan.planned_at is None or bool(state.plan.open_steps) or bool(systems_open(state))
