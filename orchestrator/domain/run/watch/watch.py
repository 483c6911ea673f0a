"""The watch of a closed run: on which days its systems are checked again, and what the checks showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event

if TYPE_CHECKING:
    from orchestrator.domain.run.run import RunState


@dataclass(frozen=True, slots=True)
class Check:
    """What a system showed at a check that it answered."""

    day: int
    at: datetime
    result: e.WatchedSystem


@dataclass(frozen=True, slots=True)
class FailingCheck:
    """A system that could not be read on this day. `failures` counts since `since`."""

    day: int
    since: datetime
    tried_at: datetime
    failures: int
    code: str


@dataclass(frozen=True, slots=True)
class WatchState:
    """`since` is the close from which the days count, None before the first close; `series` counts such closes.
    `checks` are all that were answered, in order. `failing` has the systems that could not be read last. `details` maps
    the ids of accounts that were found to what the system shows of them: personal data. `ended` is why no further check
    follows. `changed`: a step was started since the close, so that the next close begins a new series.
    """

    since: datetime | None = None
    days: tuple[int, ...] = ()
    series: int = 0
    checks: tuple[Check, ...] = ()
    failing: Mapping[str, FailingCheck] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    ended: e.WatchEnded | None = None
    changed: bool = False

    def last(self, system: str) -> Check | None:
        """The last check of this series that the system answered."""
        return next(self._of_series(system), None)

    def last_that_says(self, system: str) -> Check | None:
        """The last check of this series that shows whether access is there (`says`)."""
        return next((one for one in self._of_series(system) if says(one.result)), None)

    def _of_series(self, system: str) -> Iterator[Check]:
        """The last first."""
        since = self.since
        for one in reversed(self.checks):
            if since is not None and one.result.system == system and one.at >= since:
                yield one


def says(result: e.WatchedSystem) -> bool:
    """Whether a check shows if access is there. One that a step's read-back left unknown is no proof either way."""
    return result.outcome != "unknown"


def exception_about(watch: WatchState, system: str, day: int) -> str:
    """What the exception about a system that could not be read on this day is named after."""
    return f"{system}-{watch.series}-{day}"


def checked_until(state: RunState, system: str) -> int:
    """The last day of the series for which the system was checked, 0 for none. A day on which it could not be read
    counts once a person has accepted that."""
    watch = state.watch
    last = watch.last(system)
    days = [last.day if last is not None else 0]
    for day in watch.days:
        for place in (system, *not_searched(state)):
            accepted = state.work.exceptions.get(f"x-watch_failed-{exception_about(watch, place, day)}")
            if accepted is not None and accepted.disposition == "accepted":
                days.append(day)
    return max(days)


def not_searched(state: RunState) -> list[str]:
    """HR's system, if it could not be asked before a check and is not checked itself: no system was read then."""
    named = dict.fromkeys(
        known.opened.system or "" for known in state.work.exceptions.values() if known.opened.kind == "watch_failed"
    )
    return [system for system in (*named, *state.watch.failing) if system not in state.accounts.searches]


def next_check(state: RunState) -> tuple[datetime, timedelta] | None:
    """From when the next check counts, and how long after that it is due: at once where it is overdue. None where none
    follows."""
    watch = state.watch
    if watch.since is None or watch.ended is not None or state.finish == "ended":
        return None
    open_days = [
        min((day for day in watch.days if day > checked_until(state, system)), default=None)
        for system in state.accounts.searches
    ]
    due = min((day for day in open_days if day is not None), default=None)
    return (watch.since, timedelta(days=due)) if due is not None else None


@singledispatch
def fold_watch(event: Event, run: RunState, at: datetime) -> WatchState:
    """The watch after one more event; as before where the event is about another part of the run."""
    return run.watch


@fold_watch.register(e.RunClosed)
def _(event: e.RunClosed, run: RunState, at: datetime) -> WatchState:
    watch = run.watch
    if watch.since is not None and not watch.changed:
        return watch
    if not event.watch_days:
        return replace(watch, changed=False)
    return replace(
        watch, since=at, days=event.watch_days, series=watch.series + 1, failing={}, ended=None, changed=False
    )


@fold_watch.register(e.StepStarted)
def _(event: e.StepStarted, run: RunState, at: datetime) -> WatchState:
    return replace(run.watch, changed=True) if run.watch.since is not None and not run.watch.changed else run.watch


@fold_watch.register(e.SystemsWatched)
def _(event: e.SystemsWatched, run: RunState, at: datetime) -> WatchState:
    checks, failing = list(run.watch.checks), dict(run.watch.failing)
    answering = {result.system for result in event.results}
    if answering <= run.accounts.searches.keys():
        # HR answered, which is asked before any system is read.
        failing = {system: one for system, one in failing.items() if system in run.accounts.searches}
    for result in event.results:
        before = failing.pop(result.system, None)
        if result.outcome != "failed":
            checks.append(Check(event.day, at, result))
            continue
        since = before.since if before is not None and before.day == event.day else at
        failures = before.failures + 1 if before is not None else 1
        failing[result.system] = FailingCheck(event.day, since, at, failures, result.code)
    details = {**run.watch.details, **(event.details or {})}
    return replace(run.watch, checks=tuple(checks), failing=failing, details=details)


@fold_watch.register(e.WatchEnded)
def _(event: e.WatchEnded, run: RunState, at: datetime) -> WatchState:
    return replace(run.watch, ended=event, failing={})
