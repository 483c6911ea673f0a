"""Exceptions about what a closed or replayed run did, once its systems were read again: when they open, and when they
are over."""

from __future__ import annotations

from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import ExceptionContext, Wanted
from orchestrator.domain.exceptions.owners import hr_roles
from orchestrator.domain.exceptions.step_conditions import is_undone, while_step
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.watch.watch import exception_about, says
from orchestrator.domain.run.watch.watching import Returned, returned
from orchestrator.domain.run.work import ExceptionState, steps_that_came_back

_AGAIN: Final = "-again-"
"""In the ID of an exception about access that came back before: it is followed by how many times."""


def access_found(context: ExceptionContext, about: str) -> Wanted | None:
    """Once for each time that it comes back. What HR accepted is not reported again until a check has shown that it
    was gone."""
    state = context.state
    found, before = returned(state)[about], [one for id_, one in _reported(state) if _is_about(id_, about)]
    if any(known.open or _stays_accepted(state, known, found) for known in before):
        return None
    again = f"{about}{_AGAIN}{len(before)}" if before else about
    return Wanted(again, step_id=found.step_id, system=found.system)


def step_undone(context: ExceptionContext, step_id: str) -> Wanted | None:
    """Of a step that a replay read again. Once a generation, and not beside an exception that a check opened."""
    if not is_undone(context, step_id) or step_id in steps_that_came_back(context.state):
        return None
    known, system = context.state.work.steps[step_id], context.state.plan.steps[step_id].system
    return Wanted(f"{step_id}-{known.generation}-read-again", step_id=step_id, system=system, code=known.code)


def no_longer_found(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    if any(_is_about(opened.exception_id, about) for about in returned(context.state)):
        return False
    return opened.step_id is None or while_step(is_undone)(context, opened)


def _reported(state: RunState) -> list[tuple[str, ExceptionState]]:
    return [(id_, known) for id_, known in state.work.exceptions.items() if known.opened.kind == "access_returned"]


def _is_about(exception_id: str, about: str) -> bool:
    first = f"x-access_returned-{about}"
    return exception_id == first or exception_id.startswith(f"{first}{_AGAIN}")


def _stays_accepted(state: RunState, known: ExceptionState, found: Returned) -> bool:
    """Whether HR accepted the access, and every check since has shown it."""
    accepted_at = known.closed_at
    if known.disposition != "accepted" or accepted_at is None:
        return False
    since = [one.result for one in state.watch.checks if one.result.system == found.system and one.at > accepted_at]
    return all(found.account_id in one.accounts or found.step_id in one.steps for one in since if says(one))


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
