"""What a restore has not restored: what the earlier run removed and is still removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.planning.restoration import Restoration
from orchestrator.domain.planning.restoring_packet import task_names
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.work import StepState


@dataclass(frozen=True, slots=True)
class StillRemoved:
    """`step` is the state of the restore's step; None where its plan has none, because there is no plan yet, or the
    account is gone or belongs to another person. `things` are named things to restore, such as groups."""

    restoration: Restoration
    step: StepState | None
    things: tuple[Mapping[str, Any], ...] = ()

    @property
    def skipped(self) -> bool:
        return self.step is not None and self.step.status == "skipped"

    @property
    def may_be_restored(self) -> bool:
        return self.step is not None and self.step.may_have_taken_effect


def still_removed(state: RunState) -> list[StillRemoved]:
    """By system and account. Empty for a run that is no restore."""
    asked = state.asked
    tasks = task_names(asked.restorations)
    by_name = {step.name: id_ for id_, step in state.plan.steps.items() if step.is_task}
    found: list[StillRemoved] = []
    listed: set[str] = set()
    for one in asked.restorations:
        if one.act == "none":
            continue
        step_id = one.step_id if one.act == "restore" else by_name.get(tasks[one.restored_step], "")
        known = state.work.steps.get(step_id)
        if known is not None and known.status in ("verified", "attested"):
            continue
        # Things that several steps of the earlier run took are restored by one step, and named once.
        things = () if step_id in listed else tuple((asked.taken or {}).get(step_id, ()))
        listed.add(step_id)
        found.append(StillRemoved(one, known, things))
    return sorted(found, key=lambda one: (one.restoration.system, one.restoration.account_id))
