"""The exceptions that open and close in one round of consequences, as the rules in `exceptions.py` say."""

from __future__ import annotations

from collections.abc import Iterator, Set
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
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.work import ExceptionState

_TRIGGERS: Final[tuple[tuple[Subject, tuple[tuple[ExceptionRule, Trigger], ...]], ...]] = tuple(
    (subject, tuple((rule, trigger) for rule in RULES.values() for trigger in rule.opens if trigger.subject is subject))
    for subject in Subject
)


_AFTER_THE_CLOSE: Final = frozenset({Subject.RETURNED, Subject.UNCHECKED_SYSTEM})


def opened_exceptions(context: ExceptionContext) -> Iterator[e.ExceptionOpened]:
    yield from _opened_about(frozenset(Subject), context)


def opened_after_close(context: ExceptionContext) -> Iterator[e.ExceptionOpened]:
    """Those that open a closed run again."""
    return _opened_about(_AFTER_THE_CLOSE, context)


def _opened_about(asked: Set[Subject], context: ExceptionContext) -> Iterator[e.ExceptionOpened]:
    for subject, triggers in _TRIGGERS:
        if subject not in asked:
            continue
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
        if not rule.tried_automatically or not _accepted_long_ago(rule, exception_id, context):
            return None
        exception_id = f"{exception_id}-again-{len(_series(exception_id, state))}"
    return e.ExceptionOpened(
        exception_id=exception_id,
        kind=rule.kind,
        owners=rule.owners_for(packet, _system(wanted, state)),
        due=wanted.due or context.world.now + rule.due_within(packet),
        step_id=wanted.step_id,
        system=wanted.system,
        gate_id=wanted.gate_id,
        code=wanted.code,
    )


def _system(wanted: Wanted, state: RunState) -> str | None:
    """The system that it is about, also where only the step is named."""
    step = state.plan.steps.get(wanted.step_id or "")
    return wanted.system or (step.system if step is not None else None)


def _accepted_long_ago(rule: ExceptionRule, exception_id: str, context: ExceptionContext) -> bool:
    """Whether the delay was accepted and has lasted since for as long as such an exception may stay open. One person
    accepts it, so that it is not accepted for good: what fails can be what keeps access open."""
    last = _series(exception_id, context.state)[-1]
    if last.disposition != "accepted" or last.closed_at is None:
        return False
    return context.world.now >= last.closed_at + rule.due_within(context.world.pinned)


def _series(exception_id: str, state: RunState) -> list[ExceptionState]:
    """The exception with this id and those that opened again after it."""
    known = state.work.exceptions.items()
    return [one for id_, one in known if id_ == exception_id or id_.startswith(f"{exception_id}-again-")]


def _about(opened: e.ExceptionOpened) -> str | None:
    return opened.step_id or opened.system


def overcome_exceptions(context: ExceptionContext) -> Iterator[e.ExceptionClosed | e.ExceptionReopened]:
    """The open exceptions whose cause is gone, because of people or systems. They stay readable. Of the others, those
    whose waiver has ended are due again."""
    now, packet = context.world.now, context.world.pinned
    for id_, exception in context.state.work.exceptions.items():
        if not exception.open:
            continue
        rule, until = RULES[exception.opened.kind], exception.waived_until
        if rule.overcome(context, exception.opened):
            yield e.ExceptionClosed(exception_id=id_, disposition="overcome")
        elif until is not None and now >= until:
            yield e.ExceptionReopened(exception_id=id_, due=now + rule.due_within(packet))
