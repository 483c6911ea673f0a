"""Exceptions of the watch of a closed run: when they open, and when they are over."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import ExceptionContext, Wanted
from orchestrator.domain.exceptions.owners import hr_roles
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.watch import exception_about
from orchestrator.domain.run.watching import returned


def access_found(context: ExceptionContext, about: str) -> Wanted | None:
    found = returned(context.state)[about]
    return Wanted(about, step_id=found.step_id, system=found.system)


def no_longer_found(context: ExceptionContext, opened: e.ExceptionOpened) -> bool:
    return opened.exception_id.removeprefix("x-access_returned-") not in returned(context.state)


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
