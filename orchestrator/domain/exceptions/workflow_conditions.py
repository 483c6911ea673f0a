"""The exception about a run whose workflow in Temporal does not carry it on."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import ExceptionContext, Wanted


def workflow_stopped(context: ExceptionContext, about: str) -> Wanted | None:
    """One for as long as there is a problem, also where it turns into another one."""
    problem = context.state.workflow_problem
    if problem is None:
        return None
    compared, since = problem
    return Wanted(str(since), code=f"workflow_{compared.problem}")


def workflow_runs(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return context.state.workflow_problem is None
