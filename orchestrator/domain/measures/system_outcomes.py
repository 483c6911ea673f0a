"""How a run ended on each system: verified, attested, or with exceptions."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain.events.decisions import SystemOutcome
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.work import ExceptionState


def is_waived(known: ExceptionState) -> bool:
    """Whether a person accepted the exception and its cause stays as it is: the run does not do what it asks for."""
    return known.disposition == "accepted" and RULES[known.opened.kind].waived_when_accepted


def exceptions_left(state: RunState) -> list[ExceptionState]:
    """The exceptions that are open, and those that were waived. A run that has any is not completed without
    exceptions."""
    return [known for known in state.work.exceptions.values() if known.open or is_waived(known)]


def system_outcomes(state: RunState) -> dict[str, SystemOutcome | None]:
    """By system, in the order of the plan's steps; a task without a system is named by its step. None while a step
    there is not finished. Systems without a step are included only if an exception about them is left. Empty for a dry
    run, which changes nothing."""
    return outcomes_with(state, exceptions_left(state))


def outcomes_with(state: RunState, exceptions: Iterable[ExceptionState]) -> dict[str, SystemOutcome | None]:
    """As `system_outcomes`, with these exceptions as those that are left."""
    if state.asked.phase == "shadow":
        return {}
    statuses: dict[str, set[str]] = {}
    for step_id, step in state.plan.steps.items():
        statuses.setdefault(step.place, set()).add(state.work.steps[step_id].status)
    affected: dict[str, None] = {}
    for known in exceptions:
        if place := place_of(state, known):
            affected[place] = None
    found = {place: _outcome(on, place in affected) for place, on in statuses.items()}
    return found | {place: "with_exceptions" for place in affected if place not in found}


def place_of(state: RunState, exception: ExceptionState) -> str:
    """The system that an exception is about, or the step's name for a task without one; empty for neither."""
    about = state.plan.steps.get(exception.opened.step_id or "")
    return about.place if about is not None else exception.opened.system or ""


def _outcome(statuses: set[str], affected: bool) -> SystemOutcome | None:
    if affected or "skipped" in statuses:
        return "with_exceptions"
    if not statuses <= {"verified", "attested"}:
        return None
    return "attested" if "attested" in statuses else "verified"
