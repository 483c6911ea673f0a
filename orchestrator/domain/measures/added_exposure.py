"""What a later cutoff keeps open: for how much longer, on which systems, and for how many privileged accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.run.run import RunState


@dataclass(frozen=True, slots=True)
class AddedExposure:
    """`systems` have a step that removes access and is not done. `tasks` without a system remove access too, and are
    not completed: they are among `systems` as well, by their steps' names. `privileged` are accounts there, by their
    opaque ids."""

    longer: timedelta
    systems: tuple[str, ...]
    privileged: tuple[str, ...]
    tasks: tuple[str, ...] = ()


def added_exposure(state: RunState, cutoff: datetime, now: datetime) -> AddedExposure | None:
    """None where the new cutoff is no later. Access that should be gone already counts from now."""
    longer = cutoff - max(state.cutoff, now)
    if cutoff <= state.cutoff:
        return None
    cuts = [step for id_, step in state.plan.steps.items() if step.removes_access and not state.is_done(id_)]
    details = state.accounts.details
    privileged = {step.account_id for step in cuts if (details.get(step.account_id) or {}).get("privileged")}
    return AddedExposure(
        max(longer, timedelta(0)),
        tuple(dict.fromkeys(step.place for step in cuts)),
        tuple(sorted(privileged)),
        tuple(dict.fromkeys(step.name for step in cuts if not step.system)),
    )
