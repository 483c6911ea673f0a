"""The accounts of a run: what each system answered, and which accounts a match or a person said are the person's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.time import LONG_AGO

if TYPE_CHECKING:
    from orchestrator.domain.run.run import RunState


@dataclass(frozen=True, slots=True)
class SearchState:
    """What one system said last. `at` is when it last answered; `failing_since` and `failures` count since then."""

    result: e.SystemSearched
    at: datetime | None = None
    tried_at: datetime = LONG_AGO
    failing_since: datetime | None = None
    failures: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class AccountState:
    """Everything by system. `planned_on` is the answer that the plan rests on; `changed_systems` answered differently
    when they were asked again. `settled` are the accounts that a person confirmed, `settled_at` when that was and
    `settled_by` which account said so;
    `presettled` is what the requester said before the run began. `details` maps an account's opaque id to what the
    system shows of it. `grown` are accounts that were not active, or not privileged, when the plan was made, and that a
    search has shown active or privileged since. `before_change` has what the system showed of an account when the run
    first began to change it."""

    searches: Mapping[str, SearchState] = field(default_factory=dict)
    planned_on: Mapping[str, e.SystemSearched] = field(default_factory=dict)
    changed_systems: frozenset[str] = frozenset()
    settled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settled_at: Mapping[str, datetime] = field(default_factory=dict)
    settled_by: Mapping[str, str] = field(default_factory=dict)
    presettled: Mapping[str, e.MatchSettledBeforehand] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    grown: frozenset[str] = frozenset()
    before_change: Mapping[str, Any] = field(default_factory=dict)

    def of(self, system: str) -> tuple[str, ...] | None:
        """The accounts that a person or an exact match said are the person's; None while that is an open question."""
        if system in self.settled:
            return self.settled[system]
        found = self.planned_on.get(system)
        return found.accounts if found is not None and found.outcome == "matched" else None


def same_accounts(one: e.SystemSearched | None, other: e.SystemSearched) -> bool:
    return one is not None and (
        (one.outcome, set(one.accounts), set(one.candidates))
        == (other.outcome, set(other.accounts), set(other.candidates))
    )


def makes_plan_stale(accounts: AccountState, event: e.AccountsSearched) -> bool:
    """Whether a search for a plan found other accounts than those that the plan rests on."""
    return any(
        result.outcome != "failed"
        and result.purpose == "plan"
        and not same_accounts(accounts.planned_on.get(result.system), result)
        for result in event.results
    )


@singledispatch
def fold_accounts(event: Event, run: RunState, at: datetime) -> AccountState:
    """The accounts after one more event; as before where the event is about another part of the run."""
    return run.accounts


@fold_accounts.register(e.AccountsSearched)
def _(event: e.AccountsSearched, run: RunState, at: datetime) -> AccountState:
    known = run.accounts
    searches, planned_on, settled = dict(known.searches), dict(known.planned_on), dict(known.settled)
    presettled, changed = dict(known.presettled), set(known.changed_systems)
    for result in event.results:
        before = searches.get(result.system)
        if result.outcome == "failed":
            failures = (before.failures if before else 0) + 1
            since = before.failing_since if before and before.failing_since else at
            last = before.result if before else result
            searches[result.system] = SearchState(last, before.at if before else None, at, since, failures, result.code)
            continue
        searches[result.system] = SearchState(result, at, at)
        same = same_accounts(planned_on.get(result.system), result)
        if same or result.purpose == "plan":
            changed.discard(result.system)
        else:
            changed.add(result.system)
        if result.purpose == "plan" and not same:
            # An answer to "which of these?" holds only for the candidates that were asked about.
            settled.pop(result.system, None)
            planned_on[result.system] = result
            if (said := presettled.get(result.system)) is not None and not same_accounts(said.seen, result):
                del presettled[result.system]
    return replace(
        known,
        searches=searches,
        planned_on=planned_on,
        changed_systems=frozenset(changed),
        settled=settled,
        presettled=presettled,
        details={**known.details, **(event.details or {})},
        grown=known.grown | grown(known.details, event.details or {}),
    )


def grown(before: Mapping[str, Any], shown: Mapping[str, Any]) -> frozenset[str]:
    """The accounts that are active now and were not, or privileged and were not, among those that were known."""

    def has_more(account: str, now: Mapping[str, Any]) -> bool:
        known = before.get(account)
        if known is None or now.get("active") is False:
            return False
        return known.get("active") is False or bool(now.get("privileged") and not known.get("privileged"))

    return frozenset(account for account, now in shown.items() if has_more(account, now))


@fold_accounts.register(e.StepStarted)
def _(event: e.StepStarted, run: RunState, at: datetime) -> AccountState:
    known, step = run.accounts, run.plan.steps.get(event.step_id)
    if step is None or step.level <= Level.PREPARE or step.account_id in known.before_change:
        return known
    if step.account_id not in known.details:
        return known
    shown = known.details[step.account_id]
    return replace(known, before_change={**known.before_change, step.account_id: shown})


@fold_accounts.register(e.PlanFrozen)
def _(event: e.PlanFrozen, run: RunState, at: datetime) -> AccountState:
    return replace(run.accounts, grown=frozenset())


@fold_accounts.register(e.MatchSettled)
def _(event: e.MatchSettled, run: RunState, at: datetime) -> AccountState:
    known = run.accounts
    rest = {system: said for system, said in known.presettled.items() if system != event.system}
    settled = {**known.settled, event.system: event.accounts}
    return replace(
        known,
        settled=settled,
        settled_at={**known.settled_at, event.system: at},
        settled_by={**known.settled_by, event.system: event.by},
        presettled=rest,
    )


@fold_accounts.register(e.MatchSettledBeforehand)
def _(event: e.MatchSettledBeforehand, run: RunState, at: datetime) -> AccountState:
    return replace(run.accounts, presettled={**run.accounts.presettled, event.system: event})
