"""The exceptions that open and close in one round of consequences, as the rules in `exceptions.py` say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exception_rule import (
    ExceptionContext,
    ExceptionRule,
    Subject,
    Trigger,
    Wanted,
    subjects,
)
from orchestrator.domain.exceptions.exceptions import RULES

_TRIGGERS: Final[tuple[tuple[Subject, tuple[tuple[ExceptionRule, Trigger], ...]], ...]] = tuple(
    (subject, tuple((rule, trigger) for rule in RULES.values() for trigger in rule.opens if trigger.subject is subject))
    for subject in Subject
)


def opened_exceptions(context: ExceptionContext) -> Iterator[e.ExceptionOpened]:
    for subject, triggers in _TRIGGERS:
        for id_ in subjects(subject, context):
            for rule, trigger in triggers:
                wanted = trigger.wanted(context, id_)
                if wanted is not None and (opened := _opened(rule, wanted, context)) is not None:
                    yield opened


def _opened(rule: ExceptionRule, wanted: Wanted, context: ExceptionContext) -> e.ExceptionOpened | None:
    state, packet = context.state, context.world.pinned
    about = wanted.about
    if wanted.recurring:
        if any(x.opened.kind == rule.kind and _about(x.opened) == about for x in state.work.open_exceptions()):
            return None
        about = f"{about}-{state.version}"
    exception_id = f"x-{rule.kind}-{about}"
    if exception_id in state.work.exceptions:
        return None
    return e.ExceptionOpened(
        exception_id=exception_id,
        kind=rule.kind,
        owners=rule.owners(packet),
        due=wanted.due or context.world.now + rule.due_within(packet),
        step_id=wanted.step_id,
        system=wanted.system,
        gate_id=wanted.gate_id,
        code=wanted.code,
    )


def _about(opened: e.ExceptionOpened) -> str | None:
    return opened.step_id or opened.system


def overcome_exceptions(context: ExceptionContext) -> Iterator[e.ExceptionClosed]:
    """The open exceptions whose cause is gone, because of people or systems. They stay readable."""
    for id_, exception in context.state.work.exceptions.items():
        if exception.open and RULES[exception.opened.kind].overcome(context, exception.opened):
            yield e.ExceptionClosed(exception_id=id_, disposition="overcome")
