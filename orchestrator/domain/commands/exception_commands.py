"""Commands on one exception: accept it, waive it until a date, assign it, snooze it, comment on it.

Commands that repair its cause are in `operating.py`. An exception belongs to the roles that its rule names. A person
with one of them can be assigned as its owner; the roles stay responsible, also once that person has left.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.approvals.delegation import on_behalf_of
from orchestrator.domain.commands import kept_access
from orchestrator.domain.commands.operating import (
    authority_of,
    closing,
    open_exception,
    own_review,
    require_gates_after,
)
from orchestrator.domain.commands.requests import still_going
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.exceptions.owners import hr_roles
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.permissions.command_table import own_run, require
from orchestrator.domain.permissions.grants import highest_level
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.reports import has_one_of, why_not_independent
from orchestrator.domain.permissions.visibility import sees
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.work import ExceptionState

MAX_DELAY: Final = timedelta(days=90)
"""How long a waiver or a snooze can last. After that, people decide again."""
MAX_TEXT_CHARACTERS: Final = 4000
"""Of a comment and of a compensating control."""


def accept(state: RunState, exception_id: str, reason: str, actor: Actor, world: World) -> list[Event]:
    """Close an exception that a person only needs to review: a review, an overdue task, a system that is slow
    to come back, a second request. What still has to be done stays to be done."""
    require("accept_exception", actor, state.asked.person_id)
    exception = open_exception(state, exception_id)
    kind = exception.opened.kind
    owners = RULES[kind].roles_that_accept(exception.opened, world.pinned)
    assigned = RULES[kind].is_review and actor.actor_id in state.decisions.assigned(exception_id)
    rests_on = actor if assigned else authority_of(state, actor, owners, world)
    if Repair.ACCEPT not in RULES[kind].repairs:
        raise Invalid(
            "not_acceptable",
            f"An exception of the kind {kind} can't be accepted; it closes when its cause is resolved.",
        )
    if assigned and (refused := own_review(state, actor)) is not None:
        raise refused
    if not assigned:
        rests_on = _owner_in_charge(state, exception, owners, actor, world)
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to accept an exception.")
    happened: list[Event] = [closing(exception_id, "accepted", actor, on_behalf_of(actor, rests_on), reason)]
    step_id = exception.opened.step_id
    if kind == "access_returned" and step_id is not None and not state.work.steps[step_id].final:
        # A replay found that the step is undone. It is not repeated, as it is not after a check.
        require_gates_after(state, state.plan.steps[step_id].name, world)
        by = {"by": actor.actor_id, "on_behalf_of": on_behalf_of(actor, rests_on)}
        happened.append(e.StepSkipped.model_validate({"step_id": step_id, "reason": reason, **by}))
    if state.finished and RULES[kind].is_review:
        # Nothing follows after the end of a run, so what said that the review had no reviewer is closed here.
        happened += [
            e.ExceptionClosed(exception_id=id_, disposition="overcome")
            for id_, known in state.work.exceptions.items()
            if known.open and known.opened.kind == "reviewer_missing"
        ]
    return happened


def waive(
    state: RunState, exception_id: str, until: datetime, reason: str, control: str | None, actor: Actor, world: World
) -> list[Event]:
    """Accept the problem until a date. The exception stays, keeps the run open, and is due again from then on. Where
    access can stay open meanwhile, only HR waives it. `control` is what protects the company until then."""
    require("waive_exception", actor, state.asked.person_id)
    exception = open_exception(state, exception_id)
    still_going(state)
    opened = exception.opened
    roles = hr_roles(world.pinned) if kept_access.may_stay_open(state, opened, world) else opened.owners
    rests_on = _owner_in_charge(state, exception, roles, actor, world)
    if Repair.WAIVE not in RULES[opened.kind].repairs:
        raise Invalid("not_acceptable", f"An exception of the kind {opened.kind} can't be waived.")
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to waive an exception.")
    _require_soon(until, world)
    _require_short(control or "", "The compensating control")
    return [
        e.ExceptionWaived(
            exception_id=exception_id,
            until=until,
            by=actor.actor_id,
            on_behalf_of=on_behalf_of(actor, rests_on),
            reason=reason,
            compensating_control=None if is_blank(control or "") else control,
        )
    ]


def assign(state: RunState, exception_id: str, to: str, reason: str | None, actor: Actor, world: World) -> list[Event]:
    """Make a person (`to`, an account) the owner of the exception; an empty one gives it back to its roles. Nothing
    happens where that is so already."""
    require("assign_exception", actor, state.asked.person_id)
    exception = open_exception(state, exception_id)
    owners = exception.opened.owners
    rests_on = authority_of(state, actor, owners, world, independent=True)
    if to and (why_not := why_not_assigned(state, exception, to, world)) is not None:
        raise Invalid("assignee_unsuitable", why_not)
    if to == exception.assigned_to:
        return []
    by = {"by": actor.actor_id, "on_behalf_of": on_behalf_of(actor, rests_on)}
    return [e.ExceptionAssigned.model_validate({"exception_id": exception_id, "to": to, "reason": reason, **by})]


def snooze(
    state: RunState, exception_id: str, until: datetime | None, reason: str | None, actor: Actor, world: World
) -> list[Event]:
    """Hide the exception from inboxes until then; None shows it again. It is due as before, so that a snooze which
    lasts longer than that needs a reason."""
    require("snooze_exception", actor, state.asked.person_id)
    exception = open_exception(state, exception_id)
    rests_on = _owner_in_charge(state, exception, exception.opened.owners, actor, world)
    if until is not None:
        _require_soon(until, world)
        if until > exception.due and is_blank(reason or ""):
            raise Invalid("reason_missing", "A reason is required to snooze an exception beyond its due date.")
    if until == exception.snoozed_until:
        return []
    by = {"by": actor.actor_id, "on_behalf_of": on_behalf_of(actor, rests_on)}
    return [e.ExceptionSnoozed.model_validate({"exception_id": exception_id, "until": until, "reason": reason, **by})]


def comment(state: RunState, exception_id: str, text: str, actor: Actor) -> list[Event]:
    """A note for everyone who sees the run and reads the system that the exception is about."""
    require("comment_on_exception", actor, state.asked.person_id)
    open_exception(state, exception_id)
    if is_blank(text):
        raise Invalid("comment_missing", "The comment is empty.")
    _require_short(text, "The comment")
    return [e.ExceptionCommented(exception_id=exception_id, by=actor.actor_id, text=text)]


def owner_of(state: RunState, exception: ExceptionState, world: World) -> str:
    """The account of the person who is assigned, while that person can own it; otherwise empty: its roles do."""
    to = exception.assigned_to
    return to if to and why_not_assigned(state, exception, to, world) is None else ""


def why_not_assigned(state: RunState, exception: ExceptionState, account: str, world: World) -> str | None:
    known, owners = world.actors.get(account), exception.opened.owners
    if known is None or known.kind != "person" or known.human is None or known.human in world.departed:
        return "No user with this ID can own an exception."
    if own_run(known, state.asked.person_id) is not None:
        return "The leaver can't own an exception of their own run."
    if not known.has_one_of(owners):
        return f"Only {any_of(owners)} can own this exception."
    if not sees(state, known, world):
        return "This person can't see the run."
    if RULES[exception.opened.kind].is_review and own_review(state, known) is not None:
        return "The requester can't review their own request."
    if why_not_independent(state, known, has_one_of(owners), world) is not None:
        return "People who report to the leaver, directly or indirectly, can't own it while another person can."
    return _level_missing(state, exception, known, world)


def _level_missing(state: RunState, exception: ExceptionState, known: Actor, world: World) -> str | None:
    """Of the roles of exceptions. Other owners, such as HR, need no permission on the system to resolve theirs."""
    opened = exception.opened
    if not set(opened.owners) <= {world.pinned.approvals.exceptions.owner}:
        return None
    repairs, step = RULES[opened.kind].repairs, state.plan.steps.get(opened.step_id or "")
    system, needed = opened.system or "", Level.PREPARE if Repair.SETTLE in repairs else None
    if step is not None and not step.is_task and Repair.RETRY in repairs:
        system, needed = step.system, step.level
    if needed is None:
        return None
    granted = highest_level(world.pinned.platform, world.current.platform, known, system, state.asked.packet)
    if granted is not None and needed <= granted:
        return None
    return f"This person does not have the permission {needed.value!r} on system {system!r}."


def _owner_in_charge(
    state: RunState, exception: ExceptionState, roles: tuple[str, ...], actor: Actor, world: World
) -> Actor:
    """On whom it rests. Raises `NotAllowed` for an actor without one of the roles, for those who report to the leaver
    while another person could act, for the person who caused what a second person confirms, and for the requester of
    what is reviewed."""
    if RULES[exception.opened.kind].is_review:
        if (refused := own_review(state, actor)) is not None:
            raise refused
        return authority_of(state, actor, roles, world, lambda one: own_review(state, one))
    if (second := kept_access.why_not_second(state, exception, actor, world)) is not None:
        raise second
    return authority_of(
        state, actor, roles, world,
        lambda one: kept_access.why_not_second(state, exception, one, world), independent=True,
    )  # fmt: skip


def _require_soon(until: datetime, world: World) -> None:
    if until <= world.now:
        raise Invalid("time_past", "The time is not in the future.")
    if until > world.now + MAX_DELAY:
        raise Invalid(
            "time_too_late",
            f"An exception can be waived or snoozed for at most {MAX_DELAY.days} days.",
            latest=f"{world.now + MAX_DELAY:%Y-%m-%d %H:%M} UTC",
        )


def _require_short(text: str, what: str) -> None:
    if len(text) > MAX_TEXT_CHARACTERS:
        raise Invalid(
            "text_too_long",
            f"{what} has {len(text):,} characters; the limit is {MAX_TEXT_CHARACTERS:,}.",
            most=f"{MAX_TEXT_CHARACTERS:,}",
        )
