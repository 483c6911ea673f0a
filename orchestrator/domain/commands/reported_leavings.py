"""What a leaving in HR's own record means for Offboard: a run that starts, nothing new, or a question for HR.

HR's feed reads lists of everyone who leaves or has left, so the same leaving comes with every list.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from orchestrator.domain.packet.packet import Packet, UrgentSpec
from orchestrator.domain.run.run import RunState

CAUGHT_UP: Final = timedelta(days=30)
"""A leaving that is longer ago starts no run without a person of HR: its run may have been erased since."""
SAME_LEAVING: Final = timedelta(days=1)
"""A cutoff this close to a leaving in HR is of this leaving: HR systems have days, and runs have times."""
LATE_AFTER: Final = UrgentSpec.model_fields["late_after"].get_default()

DateChange = Literal["earlier", "later", "taken_back"]


def had_run(leaving_at: datetime, cutoff: datetime, ended: bool, finished_at: datetime | None) -> bool:
    """Whether a person's latest run, which is finished, was about this leaving. A leaving before the end of a run that
    was completed is older than any new employment. A cancelled run is not started again for the same leaving."""
    if abs(cutoff - leaving_at) < SAME_LEAVING:
        return True
    return not ended and finished_at is not None and leaving_at <= finished_at


def started_for(state: RunState, leaving_at: datetime) -> bool:
    """Whether HR's record had this leaving when the run was started, whatever its cutoff is."""
    return state.asked.hr_leaving_at == leaving_at


def waits_for_hr(leaving_at: datetime, packet: Packet, since: datetime, now: datetime) -> bool:
    """Whether no run is started for a leaving without a person of HR: it was over before the feed first read HR's
    record (`since`), or is long ago."""
    urgent = packet.approvals.urgent
    late_after = urgent.late_after if urgent is not None else LATE_AFTER
    return leaving_at < max(since - late_after, now - CAUGHT_UP)


def changed_leaving(state: RunState, leaving_at: datetime | None) -> DateChange | None:
    """How HR's record of the person changed since the run was started with it; None where the change means nothing for
    the run. `leaving_at` is None for a person who stays. A person of HR can set a cutoff that HR's record does not
    have; only a change of the record counts."""
    known = state.asked.hr_leaving_at
    if leaving_at in (known, state.cutoff):
        return None
    if leaving_at is None:
        return "taken_back"
    same_day = _day(leaving_at, state.zone) == _day(state.cutoff, state.zone)
    if leaving_at < state.cutoff:
        return None if known is None and same_day else "earlier"
    return None if known is None or same_day else "later"


def _day(at: datetime, zone: str) -> object:
    return at.astimezone(ZoneInfo(zone)).date()
