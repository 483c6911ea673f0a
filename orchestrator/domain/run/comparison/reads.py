"""Which systems of a twin are read now, and what they show of its steps and of the person's accounts.

    plan complete ─► plan   cutoff ─► hour ─► day ─► week ─► the twin closes
                                       a system that can't be read is read again, ever more rarely

A read that was missed is made up for by the next one after the cutoff. The times count from the request where the
cutoff was before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from orchestrator.domain import events as e
from orchestrator.domain.packet.ability import find_ability
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.planning.searching import searched_systems
from orchestrator.domain.run.comparison.comparison import ShownStep
from orchestrator.domain.run.comparison.results import AFTER, can_be_compared
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import MAX_BACKOFF, World

GIVEN_UP_AFTER: Final = timedelta(days=14)
"""After the cutoff. What a system did not show by then is not compared."""
SAYS_NO_MORE: Final = frozenset({"", "account_gone", "parameter_unknown"})
"""Codes of an outcome `unknown` that another attempt at the same read would not change."""


@dataclass(frozen=True, slots=True)
class ReadsDue:
    """`systems` are to be read now, for `read`; `until` is when the next read, or the next attempt at one, is due."""

    read: e.ComparisonRead = "plan"
    systems: tuple[str, ...] = ()
    until: datetime | None = None


def counted_from(state: RunState) -> datetime:
    return max(state.cutoff, state.requested_at)


def current_read(state: RunState, now: datetime) -> tuple[e.ComparisonRead, datetime]:
    """The read that is due last by now, and since when."""
    start, planned = counted_from(state), state.plan.planned_at or state.requested_at
    due: tuple[e.ComparisonRead, datetime] = ("plan", planned)
    for read, after in AFTER.items():
        if now >= start + after:
            due = (read, start + after)
    return due


def reads_due(state: RunState, world: World) -> ReadsDue:
    """None before the plan is complete, while a new one is made, and once the twin is over."""
    if state.twin_of is None or state.finished or state.plan.planned_at is None or state.plan.stale:
        return ReadsDue()
    now, start = world.now, counted_from(state)
    read, since = current_read(state, now)
    later = [start + after for after in (*AFTER.values(), GIVEN_UP_AFTER) if start + after > now]
    due: list[str] = []
    if now < start + GIVEN_UP_AFTER:
        for system in _systems(state, world):
            at = _due_at(state, system, read, since)
            if at is None:
                continue
            if now < at:
                later.append(at)
            elif state.held or e.EVERYTHING in world.holds or system in world.holds:
                later.append(now + MAX_BACKOFF)
            else:
                due.append(system)
    return ReadsDue(read, tuple(due), min(later, default=None))


def all_read(state: RunState, world: World) -> bool:
    """Whether no further read follows, so that the twin closes."""
    now, start = world.now, counted_from(state)
    if state.plan.planned_at is None or state.plan.stale:
        return now >= start + GIVEN_UP_AFTER
    read, since = current_read(state, now)
    if now >= start + GIVEN_UP_AFTER:
        return True
    return read == "week" and all(_due_at(state, one, read, since) is None for one in _systems(state, world))


def steps_to_read(state: RunState, system: str) -> list[PlannedStep]:
    return [step for step in state.plan.steps.values() if step.system == system and can_be_compared(step)]


def _systems(state: RunState, world: World) -> list[str]:
    """Those with steps that can be compared, and those that are searched for accounts."""
    compared = [step.system for step in state.plan.steps.values() if can_be_compared(step)]
    return list(dict.fromkeys((*compared, *_searched(state, world))))


def _searched(state: RunState, world: World) -> list[str]:
    return [system for system in searched_systems(world.pinned) if state.accounts.of(system) is not None]


def _due_at(state: RunState, system: str, read: e.ComparisonRead, since: datetime) -> datetime | None:
    """From when on the system is to be read for `read`, which is due since then; None if it was."""
    attempts: list[datetime] = []
    missing = False
    for step in steps_to_read(state, system):
        shown = shown_of(state, step).get(read)
        if shown is None:
            missing = True
        elif shown.outcome == "unknown" and shown.code not in SAYS_NO_MORE:
            attempts.append(shown.at)
    look = state.accounts.searches.get(system) if not attempts else None
    if read != "plan" and look is not None and (look.at is None or look.at < since):
        # Before the first attempt at this read the last one says nothing about when the next is due.
        if look.tried_at < since:
            missing = True
        else:
            attempts.append(look.tried_at)
    if missing:
        return since
    return max((_again_at(at, since) for at in attempts), default=None)


def _again_at(tried_at: datetime, since: datetime) -> datetime:
    """Five minutes after an attempt, and ever later: as long as attempts have lasted by then."""
    return tried_at + max(tried_at - since, MAX_BACKOFF)


def shown_of(state: RunState, step: PlannedStep) -> Mapping[e.ComparisonRead, ShownStep]:
    """What a system showed of the step as it is planned now, by read."""
    reads = state.comparison.steps.get(step.step_id)
    return reads.shown if reads is not None and reads.digest == step.digest else {}


def shown_step(step: PlannedStep, read: e.ComparisonRead, outcome: str, present: bool, world: World) -> e.StepShown:
    """What a read-back means. An account that is not there any more gives no access; of anything else on it, the system
    says nothing. Sessions and tokens that end without a person prove nothing once they are gone."""
    if outcome == "unknown" and not present and step.removes_access:
        outcome = "done"
    if outcome == "done":
        ends = read != "plan" and present and _ends_without_help(step, world)
        return "may_have_ended" if ends else "done"
    return "not_done" if outcome == "not_done" else "unknown"


def _ends_without_help(step: PlannedStep, world: World) -> bool:
    ability = find_ability(world.abilities, world.pinned.platform.systems[step.system].connector, step.ability)
    return ability is not None and ability.regained_by_sign_in


def changes_found(
    state: RunState, read: e.ComparisonRead, results: tuple[e.SystemSearched, ...], details: Mapping[str, Any]
) -> Iterator[e.ChangeFound]:
    """What a search shows that changed on the person's accounts since the search before, and for which the plan has no
    step. A search that failed says nothing, and neither does the one for the plan."""
    for result in results:
        if read == "plan" or result.outcome == "failed":
            continue
        found = {*result.accounts, *result.candidates}
        for account_id in state.accounts.of(result.system) or ():
            before, now = state.accounts.details.get(account_id), details.get(account_id)
            what = _change(before or {}, now if account_id in found else None)
            change_id = f"{result.system}-{account_id}-{what}"
            if (
                what is None
                or change_id in state.comparison.changes
                or _has_step(state, result.system, account_id, what)
            ):
                continue
            yield e.ChangeFound(
                change_id=change_id,
                system=result.system,
                account_id=account_id,
                what=what,
                read=read,
                details=dict(now or before or {}) or None,
            )


def _change(before: Mapping[str, Any], now: Mapping[str, Any] | None) -> e.AccountChange | None:
    if now is None:
        return "account_gone"
    if before.get("active") is True and now.get("active") is False:
        return "account_disabled"
    return "privilege_removed" if before.get("privileged") and not now.get("privileged") else None


def _has_step(state: RunState, system: str, account_id: str, what: e.AccountChange) -> bool:
    """Whether the plan has a step that a person may have carried out in this way. A step whose effect is not compared
    may be the one."""
    return any(
        (step.system, step.account_id) == (system, account_id)
        and step.level > Level.PREPARE
        and (what == "privilege_removed" or step.removes_access or not can_be_compared(step))
        for step in state.plan.steps.values()
    )
