"""Exceptions about what a closed or replayed run did, once its systems were read again: when they open, and when they
are over."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import ExceptionContext, Wanted
from orchestrator.domain.exceptions.owners import hr_roles
from orchestrator.domain.exceptions.step_conditions import is_undone, while_step
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.watch import exception_about
from orchestrator.domain.run.watching import returned
from orchestrator.domain.run.work import steps_that_came_back


def access_found(context: ExceptionContext, about: str) -> Wanted | None:
    found = returned(context.state)[about]
    return Wanted(about, step_id=found.step_id, system=found.system)


def step_undone(context: ExceptionContext, step_id: str) -> Wanted | None:
    """Of a step that a replay read again. Once a generation, and not beside an exception that a check opened."""
    if not is_undone(context, step_id) or step_id in steps_that_came_back(context.state):
        return None
    known, system = context.state.work.steps[step_id], context.state.plan.steps[step_id].system
    return Wanted(f"{step_id}-{known.generation}-read-again", step_id=step_id, system=system, code=known.code)


def no_longer_found(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    if opened.exception_id.removeprefix("x-access_returned-") in returned(context.state):
        return False
    return opened.step_id is None or while_step(is_undone)(context, opened)


def check_fails(context: ExceptionContext, system: str) -> Wanted | None:
    watch = context.state.watch
    failing = watch.failing[system]
    if context.world.now - failing.since < context.patience:
        return None
    return Wanted(exception_about(watch, system, failing.day), system=system, code=failing.code)


def check_works(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return (opened.system or "") not in context.state.watch.failing


def operators_and_hr(packet: Packet) -> tuple[str, ...]:
    return tuple(dict.fromkeys((packet.approvals.exceptions.owner, *hr_roles(packet))))
