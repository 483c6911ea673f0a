"""Exceptions about searches and accounts: when they open, and when they are over."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import (
    ExceptionContext,
    Overcome,
    Subject,
    Trigger,
    Wanted,
    stamp,
    subjects,
)
from orchestrator.domain.planning.missing_connectors import MISSING, MISSING_CODES


def match_question(kind: e.ExceptionKind) -> tuple[tuple[Trigger, ...], Overcome]:
    """The question that a system's answer asks of a person. It is over once a person has answered, or once the system
    gives another answer."""

    def wanted(context: ExceptionContext, system: str) -> Wanted | None:
        found = context.state.accounts.planned_on.get(system)
        if found is None or e.QUESTION_OF[found.outcome] != kind:
            return None
        return Wanted(system, recurring=True, system=system, code=found.code)

    def overcome(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
        system = opened.system or ""
        return (
            system not in context.unsettled or e.QUESTION_OF[context.state.accounts.planned_on[system].outcome] != kind
        )

    return (Trigger(Subject.OPEN_QUESTION, wanted),), overcome


_FINAL_SEARCH_CODES = frozenset(
    {
        "refused", "error_in_answer", "not_found", "unknown_attribute", "search_unproven", "list_incomplete",
        "no_match_value",
    }
)  # fmt: skip
"""Failures of a search that another attempt does not change: a person has to act, so nothing is gained by waiting."""


def search_fails(context: ExceptionContext, system: str) -> Wanted | None:
    look = context.state.accounts.searches[system]
    if look.code in MISSING_CODES:
        return None  # connector_missing
    if look.failing_since is None:
        return None
    if look.code not in _FINAL_SEARCH_CODES and context.world.now - look.failing_since < context.patience:
        return None
    return Wanted(f"{system}-{stamp(look.failing_since)}", system=system, code=look.code)


def person_erased(context: ExceptionContext, _: str) -> Wanted | None:
    return Wanted("person_erased", code="person_erased") if context.state.asked.facts is None else None


def not_asked(context: ExceptionContext, system: str) -> Wanted | None:
    state = context.state
    waited = context.world.now - state.plan.wanted_from(system)
    if state.asked.facts is None or state.held or waited < context.patience:
        return None
    return Wanted(f"{system}-unasked", system=system, code="nobody_looked")


def search_works(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    look = context.state.accounts.searches.get(opened.system or "")
    return look is not None and not look.failures


def connector_missing(context: ExceptionContext, system: str) -> Wanted | None:
    look = context.state.accounts.searches.get(system)
    failing = look if look is not None and look.code in MISSING_CODES else None
    since = failing.failing_since if failing is not None else context.state.plan.planned_at
    if since is None or context.world.now - since < context.patience:
        return None
    return Wanted(system, recurring=True, system=system, code=failing.code if failing is not None else MISSING)


def connector_is_there(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return (opened.system or "") not in subjects(Subject.CONNECTOR_MISSING, context)


def accounts_changed(context: ExceptionContext, system: str) -> Wanted | None:
    state = context.state
    if system not in state.accounts.changed_systems or state.wants_plan_from(system):
        return None
    return Wanted(system, recurring=True, system=system)


def accounts_as_planned(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return (opened.system or "") not in context.state.accounts.changed_systems
