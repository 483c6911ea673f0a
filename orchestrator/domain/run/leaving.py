"""HR's own record of a leaving, compared with a run's cutoff."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from orchestrator.domain.run.run import RunState


def same_day(state: RunState, leaving_at: datetime) -> bool:
    """Whether a leaving is on the day of the cutoff, in the run's zone: HR systems have days, and runs have times."""
    zone = ZoneInfo(state.zone)
    return leaving_at.astimezone(zone).date() == state.cutoff.astimezone(zone).date()


def leaving_differs(state: RunState) -> bool:
    """Whether HR's record changed to a leaving that the run does not have. A later time on the day of the cutoff does
    not count: HR's records often have days only."""
    if state.leaving_change is None:
        return False
    leaving_at = state.leaving_change[0].leaving_at
    return leaving_at is None or leaving_at < state.cutoff or not same_day(state, leaving_at)
