"""The command by which a person reports that a failed step was done by hand."""

from __future__ import annotations

from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.commands import kept_access
from orchestrator.domain.commands.operating import operator_of, step_named
from orchestrator.domain.errors import Invalid, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.owners import team_roles
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.by_hand import attested
from orchestrator.domain.run.steps.readiness import World


def do_by_hand(state: RunState, step: str, evidence: dict[str, Any] | None, actor: Actor, world: World) -> list[Event]:
    """Evidence is needed, as for a task; its `note` is the person's own words. Where the system can be read, it is read
    first. Raises `TooLate` (`step_not_open`) for a step that has not failed: an unknown outcome has a task."""
    require("do_step_by_hand", actor, state.asked.person_id)
    step_id, known = step_named(state, step)
    planned = state.plan.steps[step_id]
    team = team_roles(world.pinned, planned.system)
    rests_on = operator_of(state, actor, world, independent=True, or_roles=team)
    if known.status != "failed" or known.by_hand is not None:
        how = "is being read in its system" if known.by_hand is not None else f"is {known.status}"
        raise TooLate("step_not_open", f"Step {step_id} {how}, so it can't be reported as done by hand.")
    if all(is_blank(str(value or "")) for value in (evidence or {}).values()):
        raise Invalid("evidence_missing", f"Evidence is required to report step {step_id} as done by hand.")
    reads = planned.read_back and planned.level > Level.PREPARE and state.asked.facts is not None
    report = e.StepDoneByHand(
        step_id=step_id,
        generation=known.generation,
        by=actor.actor_id,
        read_back=reads and not planned.is_task,
        confirmed_by=kept_access.who_confirms(state, step_id, actor, world),
        on_behalf_of=rests_on,
        evidence=evidence,
    )
    return [report] if report.read_back else [report, *attested(state, report, world)]
