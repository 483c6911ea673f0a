"""What a leaving in HR's own record means for Offboard: a run that starts, nothing new, or a question for HR.

HR's feed reads lists of everyone who leaves or has left, so the same leaving comes with every list.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.commands.requests import moved_cutoff, require_levels_of_mover, require_prepare
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.packet import Packet, UrgentSpec
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import HR_FEED, Actor
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.leaving import same_day
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World

CAUGHT_UP: Final = timedelta(days=30)
"""A leaving that is longer ago starts no run without a person of HR: its run may have been erased since."""
SAME_LEAVING: Final = timedelta(days=1)
"""A cutoff this close to a leaving in HR is of this leaving: HR systems have days, and runs have times."""
LATE_AFTER: Final = UrgentSpec.model_fields["late_after"].get_default()


class DateChange(Enum):
    """`SAME_DAY`: the record is the cutoff's day again, after another change."""

    EARLIER = auto()
    SAME_DAY = auto()
    LATER = auto()
    TAKEN_BACK = auto()


def had_run(leaving_at: datetime, cutoff: datetime, ended: bool, finished_at: datetime | None) -> bool:
    """Whether a person's latest run, which is finished, was about this leaving. A leaving before the end of a run that
    was completed is older than any new employment. A cancelled run is not started again for the same leaving."""
    if abs(cutoff - leaving_at) < SAME_LEAVING:
        return True
    return not ended and finished_at is not None and leaving_at <= finished_at


def taken_back(state: RunState) -> bool:
    """Whether HR's record had no leaving any more when the run was cancelled: a leaving that it has now is a new one,
    also with the same date."""
    return state.finish == "ended" and state.leaving_change is not None and state.hr_leaving_at is None


def waits_earlier(state: RunState, leaving_at: datetime) -> bool:
    """Whether HR is asked about this leaving, which is before the cutoff."""
    if leaving_at >= state.cutoff or leaving_at != state.hr_leaving_at:
        return False
    return any(known.opened.kind == "leaving_changed" for known in state.work.open_exceptions())


def had_restored(restore: RunState, restored: RunState, leaving_at: datetime) -> bool:
    """Whether a completed restore is of the run of this leaving. Another leaving is a new one, also if it is before the
    restore was completed."""
    same = abs(restored.cutoff - leaving_at) < SAME_LEAVING
    return same or started_for(restored, leaving_at) or leaving_at == restore.asked.hr_leaving_at


def started_for(state: RunState, leaving_at: datetime) -> bool:
    """Whether HR's record had this leaving when the run was started or later, whatever the run's cutoff is."""
    return leaving_at in (state.asked.hr_leaving_at, state.hr_leaving_at)


def waits_for_hr(leaving_at: datetime, packet: Packet, since: datetime, now: datetime) -> bool:
    """Whether no run is started for a leaving without a person of HR: it was over before the feed first read HR's
    record (`since`), or is long ago."""
    urgent = packet.approvals.urgent
    late_after = urgent.late_after if urgent is not None else LATE_AFTER
    return leaving_at < max(since - late_after, now - CAUGHT_UP)


def changed_leaving(state: RunState, leaving_at: datetime | None) -> DateChange | None:
    """How HR's record of the person changed since the run last knew it; None where the change means nothing for the
    run. `leaving_at` is None for a person who stays. A person of HR can set a cutoff that HR's record does not have;
    only a change of the record counts."""
    known, before = state.hr_leaving_at, state.leaving_change is not None
    if leaving_at == known:
        return None
    if state.restores is not None:  # that the leaving is taken back is what it is for; another one is a new leaving
        return None if leaving_at is None else DateChange.LATER
    if leaving_at is None:
        return DateChange.TAKEN_BACK
    if leaving_at == state.cutoff:
        return DateChange.SAME_DAY if before else None
    on_the_day = same_day(state, leaving_at)
    if leaving_at < state.cutoff and not (known is None and on_the_day):
        return DateChange.EARLIER
    if on_the_day:
        return DateChange.SAME_DAY if before else None
    # Where HR had no leaving, a person started the run with an earlier cutoff than HR has now.
    return DateChange.LATER if known is not None or before else None


def report_leaving(
    state: RunState, leaving: Cutoff | None, actor: Actor, world: World, *, moves: bool = True
) -> list[Event]:
    """HR's own record has another leaving than the run knows, None for none any more. The cutoff follows to an earlier
    time, under the permissions of the actor and unless `moves` is off: then an exception asks HR. So it does about what
    would keep access open for longer. Raises `NotAllowed` for another actor than HR's feed."""
    require("start_run", actor, state.asked.person_id)
    if actor.actor_id != HR_FEED:
        raise NotAllowed("only_people", "Only HR's feed reports leaving dates.")
    leaving_at = leaving.instant if leaving is not None else None
    change = None if state.finished else changed_leaving(state, leaving_at)
    if change is None:
        return []
    changed: list[Event] = [e.LeavingChanged(leaving_at=leaving_at, by=actor.actor_id)]
    if leaving is None or change is not DateChange.EARLIER or not moves or leaving.instant < world.now - CAUGHT_UP:
        return changed
    try:
        require_prepare(actor, world.pinned, world.current, state.asked.packet)
        require_levels_of_mover(state, actor, world, approved_too=False)
    except NotAllowed:
        return changed
    return [*changed, *moved_cutoff(state, leaving, actor, world)]
