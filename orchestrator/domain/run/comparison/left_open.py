"""Access that no one had removed when a dry run was read: an exception of the run beside it, until it is removed.

The dry run's version has a step that removes the access, and the run has none. The exception opens before the
difference is judged: a dry run that finds open access does not keep it to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.comparison.reads import shown_of
from orchestrator.domain.run.comparison.results import AFTER, step_results
from orchestrator.domain.run.run import RunState


def exception_id(step_id: str) -> str:
    return f"x-left_open-{step_id}"


def left_open(twin: RunState, run: RunState, packet: Packet, now: datetime) -> Iterator[Event]:
    """What happens to the run because of the state of its twin. `packet` is the run's version. None in a run that was
    cancelled. An exception closes once a later read shows the step done, or a person judged the step to be wrong."""
    if run.finish == "ended":
        return
    rule = RULES["left_open"]
    for step_id, result in step_results(twin).items():
        step, id_ = twin.plan.steps[step_id], exception_id(step_id)
        known = run.work.exceptions.get(id_)
        if known is not None and known.open and (_done_since(twin, step) or result in ("plan_wrong", "wrong_account")):
            yield e.ExceptionClosed(exception_id=id_, disposition="overcome")
        open_now = result in ("unjudged", "people_missed") and not _done_since(twin, step)
        if known is None and open_now and step.removes_access and step_id not in run.plan.steps:
            yield e.ExceptionOpened(
                exception_id=id_,
                kind=rule.kind,
                owners=rule.owners_for(packet, step.system),
                due=now + rule.due_within(packet),
                system=step.system,
                code=step.name,
            )


def _done_since(twin: RunState, step: PlannedStep) -> bool:
    """Whether the last read that says something shows the step done."""
    shown = shown_of(twin, step)
    says = [shown[read].outcome for read in AFTER if read in shown and shown[read].outcome != "unknown"]
    return bool(says) and says[-1] in ("done", "may_have_ended")
