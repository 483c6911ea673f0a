"""Which systems of a closed run are checked now, and what their answers say about access that came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from orchestrator.domain import events as e
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.accounts import grown
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import MAX_BACKOFF, World, backoff
from orchestrator.domain.run.watch.watch import checked_until, not_searched

ReadAgain = Literal["done", "not_done", "unknown"]


@dataclass(frozen=True, slots=True)
class ChecksDue:
    """`systems` are to be checked now, for the day `day` after the close. `until` is when one that failed, or that is
    paused, is asked again."""

    day: int = 0
    systems: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """Access that the watch found: the step that is not in effect any more, or else the account. `about` names the
    exception."""

    about: str
    system: str
    step_id: str | None = None
    account_id: str | None = None


def checks_due(state: RunState, world: World) -> ChecksDue:
    """A check that was missed is made up for by the next one. A paused system is not read."""
    watch = state.watch
    if watch.since is None or watch.ended is not None or state.finish == "ended":
        return ChecksDue()
    since = watch.since
    day = max((day for day in watch.days if world.now >= since + timedelta(days=day)), default=None)
    if day is None:
        return ChecksDue()
    due: list[str] = []
    later: list[datetime] = []
    for system in state.accounts.searches:
        if checked_until(state, system) >= day:
            continue
        failing = [watch.failing[one] for one in (system, *not_searched(state)) if one in watch.failing]
        again_at = max((one.tried_at + backoff(one.failures) for one in failing), default=world.now)
        if state.held or e.EVERYTHING in world.holds or system in world.holds:
            later.append(world.now + MAX_BACKOFF)
        elif world.now < again_at:
            later.append(again_at)
        else:
            due.append(system)
    return ChecksDue(day, tuple(due), min(later, default=None))


def steps_to_read(state: RunState, system: str) -> list[PlannedStep]:
    """The removals of access on the system that were done and can be read back."""
    return [
        step
        for step_id, step in state.plan.steps.items()
        if step.system == system
        and step.removes_access
        and step.read_back
        and not step.is_task
        and state.work.steps[step_id].status in ("verified", "attested")
    ]


def judge_check(
    state: RunState, found: e.SystemSearched, details: Mapping[str, Any], read: Mapping[str, ReadAgain]
) -> e.WatchedSystem:
    """What a system's answers mean: those of a search, with what it shows of the accounts, and by step what its
    read-back shows."""
    back = {id_: state.work.steps[id_].generation for id_, shows in read.items() if shows == "not_done"}
    shown = {id_: known for id_, known in details.items() if known.get("system") == found.system}
    accounts = (set(found.accounts) | set(found.candidates)) - _known_accounts(state, found.system)
    own = set(state.accounts.of(found.system) or ())
    accounts |= grown(state.accounts.details, shown) & own
    # One exception is enough for an account whose step shows it.
    accounts -= {state.plan.steps[step_id].account_id for step_id in back}
    unknown = tuple(id_ for id_, shows in read.items() if shows == "unknown")
    return e.WatchedSystem(
        system=found.system,
        outcome="access_found" if back or accounts else "unknown" if unknown else "gone",
        steps=back,
        accounts=tuple(sorted(accounts)),
        unknown=unknown,
    )


def _known_accounts(state: RunState, system: str) -> set[str]:
    """The accounts that the run knows there: its own, and those that a person said are not the leaver's."""
    planned = state.accounts.planned_on.get(system)
    known = set(state.accounts.of(system) or ()) | set(state.accounts.settled.get(system, ()))
    return known | (set(planned.accounts) | set(planned.candidates) if planned is not None else set())


def returned(state: RunState) -> dict[str, Returned]:
    """The access that the last checks found and that is not dealt with, by `about`. A step is dealt with once it is
    ordered again or skipped, an account once a plan was made after the check. A check that says nothing changes
    nothing."""
    found = {}
    planned_at = state.plan.planned_at
    for system in state.accounts.searches:
        last = state.watch.last_that_says(system)
        if last is None or last.result.outcome != "access_found":
            continue
        for step_id, generation in last.result.steps.items():
            known = state.work.steps.get(step_id)
            done = known is not None and known.status in ("verified", "attested")
            if known is not None and done and known.generation == generation:
                about = f"{step_id}-{generation}"
                found[about] = Returned(about, system, step_id)
        if planned_at is not None and planned_at < last.at:
            for account_id in last.result.accounts:
                about = f"{system}-{account_id}"
                found[about] = Returned(about, system, account_id=account_id)
    return found
