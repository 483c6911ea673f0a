"""Naming who decides, if too few people can: two people name the same account, which can then decide as well.

A named account does not need the role. The rule that the leaver's reports don't decide is lifted only if everyone who
could be named is a report, as when the head of a company leaves; the same holds for the people who name. The requester
and the leaver stay excluded, and the account still needs the permissions of the steps.
What the first person said does not count any more if that person has lost the role when the second one says it, or
turns out to be the requester or the leaver.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates
from orchestrator.domain.commands.operating import own_review
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.permissions.command_table import own_run, require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.reports import has_one_of, independent_people, why_not_independent
from orchestrator.domain.permissions.visibility import reads
from orchestrator.domain.run.decisions import NAMED_BY
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.work import ExceptionState


def name_decider(
    state: RunState, exception_id: str, decider: str, reason: str, actor: Actor, world: World
) -> list[e.DeciderNamed]:
    """`decider` is an account. Empty where this person named it before. Raises `NotAllowed`, `TooLate` or `Invalid`."""
    require("name_decider", actor, state.asked.person_id)
    exception = state.work.exceptions.get(exception_id)
    if exception is None:
        raise Invalid("unknown_exception", f"Run {state.run_id} has no exception {exception_id}.")
    item_id = undecidable_item(state, exception)
    if item_id is None:
        raise Invalid("not_acceptable", f"Exception {exception_id} is not about too few people who can decide.")
    if not exception.open:
        raise TooLate("exception_closed", f"Exception {exception_id} is already closed.")
    if actor.roles.isdisjoint(exception.opened.owners):
        raise NotAllowed("role_missing", f"Only {any_of(exception.opened.owners)} can do this.")
    if own_review(state, actor) is not None:
        raise NotAllowed("requester_never_decides", "The requester can't name who decides about their own request.")
    refused = why_not_independent(state, actor, _names(state, world), world, NAMED_BY)
    if refused is not None:
        raise refused
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to name a decider.")
    why_not = why_not_named(state, item_id, decider, actor, world)
    if why_not is not None:
        raise Invalid("decider_unsuitable", why_not)
    assert actor.human is not None
    named = state.decisions.named.get(item_id, ())
    if any(
        event.decider == decider and (actor.is_person(event.human) or event.by == actor.actor_id) for event in named
    ):
        return []
    lost = {
        event.by
        for event in named
        if event.decider == decider
        and (known := world.rested_on.get(event.by)) is not None
        and (
            known.roles.isdisjoint(exception.opened.owners)
            or own_review(state, known) is not None
            or own_run(known, state.asked.person_id) is not None
        )
    }
    return [
        e.DeciderNamed(
            item_id=item_id,
            decider=decider,
            by=actor.actor_id,
            human=actor.human,
            reason=reason,
            not_counted=tuple(sorted(lost)),
        )
    ]


def undecidable_item(state: RunState, exception: ExceptionState) -> str | None:
    """The gate or review that an exception about a missing decider is about; None for other exceptions."""
    opened = exception.opened
    if opened.kind == "decider_missing":
        return opened.gate_id
    if opened.kind != "reviewer_missing":
        return None
    reviews = state.work.exceptions.items()
    return next((id_ for id_, known in reviews if known.open and RULES[known.opened.kind].is_review), None)


def candidates(state: RunState, item_id: str, actor: Actor, world: World) -> tuple[str, ...]:
    """The accounts that this actor can name."""
    suitable = tuple(id_ for id_ in world.actors if _unsuitable(state, item_id, id_, actor, world) is None)
    namers = independent_people(state, _names(state, world), world)
    independent = tuple(
        id_
        for id_ in suitable
        if state.asked.person_id not in world.actors[id_].managers
        # No one names themselves, so two others have to be there.
        and len(namers - {world.actors[id_].human}) >= NAMED_BY
    )
    return independent or suitable


def _names(state: RunState, world: World) -> Callable[[Actor], bool]:
    """Whether an account has a role of those who name, and did not request the run."""
    named_by = has_one_of(RULES["decider_missing"].owners(world.pinned))
    return lambda one: named_by(one) and own_review(state, one) is None


def why_not_named(state: RunState, item_id: str, decider: str, actor: Actor, world: World) -> str | None:
    why_not = _unsuitable(state, item_id, decider, actor, world)
    if why_not is None and decider not in candidates(state, item_id, actor, world):
        return "People who report to the leaver, directly or indirectly, can't be named while another person can."
    return why_not


def _unsuitable(state: RunState, item_id: str, decider: str, actor: Actor, world: World) -> str | None:
    known = world.actors.get(decider)
    if known is None or known.kind != "person" or known.human is None or known.human in world.departed:
        return "No user with this ID can decide."
    if known.is_person(actor.human):
        return "You can't name yourself."
    if own_run(known, state.asked.person_id) is not None or own_review(state, known) is not None:
        return "The requester and the leaver can't decide."
    if not state.exists_for(decider, world.now) or not reads(known, world.current):
        return "This person can't see the run."
    gate = state.decisions.gates.get(item_id)
    if gate is not None:
        if not known.people.isdisjoint(gate.voters):
            return "This person has already decided."
        if (signed := gates.signed_at_another(state, gate, known)) is not None:
            return signed.message
        if (missing := gates.level_missing(state, gate, known, known, (), world)) is not None:
            return missing.message
    return None
