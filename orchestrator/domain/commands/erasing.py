"""The command that erases a person: two people, and only what nothing needs any more.

It takes away what shows who a leaver was, for good, so that one person requests it with a reason and a second person
confirms it. Steps of an open run need the person's data, and a legal hold keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.domain import events as e
from orchestrator.domain.commands.operating import require_one_of
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.erasures import ErasureState
from orchestrator.domain.permissions.command_table import refusal, require
from orchestrator.domain.permissions.legal_hold_roles import legal_hold_roles
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.reports import why_not_independent
from orchestrator.domain.permissions.visibility import sees
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World

ObstacleKind = Literal["open_run", "legal_hold", "held_start", "account_in_use", "in_use"]

_BECAUSE: Final[Mapping[ObstacleKind, str]] = {
    "open_run": "a run of the person is open",
    "legal_hold": "a run of the person is under legal hold",
    "held_start": "a start for the person is held",
    "account_in_use": "the person uses Offboard and has not left",
    "in_use": "the data is needed elsewhere",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the person can't be erased now. `run_id` is the run that it is about. `in_use` is about a run that does not
    exist for the viewer, and says no more."""

    kind: ObstacleKind
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class PersonRecords:
    """What an erasure is decided on besides the run that names the person: all runs of the person, dry runs included,
    each with its world. `held_start`: a start for the person waits for a second person."""

    erasure: ErasureState
    runs: Sequence[tuple[RunState, World]]
    held_start: bool = False


def erase(state: RunState, records: PersonRecords, reason: str | None, actor: Actor, world: World) -> list[Event]:
    """The request, or its confirmation by a second person; nothing if the person is erased already. Raises `NotAllowed`
    (`second_person_needed`), `TooLate` (`person_in_use`) and `Invalid` (`reason_missing`)."""
    require("erase_person", actor, state.asked.person_id)
    assert actor.human is not None, "the table lets people only, and those whom HR knows"
    roles = erasing_roles(world)
    require_one_of(actor, roles)
    waiting = records.erasure.waiting(world.now)

    def can(other: Actor) -> bool:
        return not other.roles.isdisjoint(roles) and not (waiting is not None and _is_first(other, waiting))

    refused = why_not_independent(state, actor, can, world, needed=2 if waiting is None else 1)
    if refused is not None:
        raise refused
    if records.erasure.erased is not None:
        return []
    if waiting is not None and _is_first(actor, waiting):
        raise NotAllowed("second_person_needed", "The person who requested the erasure can't confirm it.")
    require_unused(state, records, actor, world)
    if waiting is not None:
        return [e.PersonalDataErased(by=actor.actor_id, human=actor.human, requested_by=waiting.by)]
    if reason is None or is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to request the erasure of a person.")
    return [e.ErasureRequested(by=actor.actor_id, human=actor.human, reason=reason)]


def may_erase(state: RunState, actor: Actor, world: World) -> bool:
    """Whether pages offer the preview: the run is over, its data is there, and the actor's role can request it."""
    refused: Refusal | None = refusal("erase_person", actor)
    return (
        refused is None
        and state.finished
        and state.asked.facts is not None
        and state.asked.person_id not in actor.people
        and not actor.roles.isdisjoint(erasing_roles(world))
    )


def erasing_roles(world: World) -> tuple[str, ...]:
    """Those that place legal holds, and the owners of the packet in use."""
    owners = (world.current.platform.safety_owner, world.current.workflow.value_owner)
    return tuple(dict.fromkeys((*legal_hold_roles(world.pinned, world.current), *owners)))


def require_unused(state: RunState, records: PersonRecords, actor: Actor, world: World) -> None:
    found = obstacles(state, records, actor, world)
    if found:
        why = "; ".join(dict.fromkeys(_BECAUSE[one.kind] for one in found))
        raise TooLate("person_in_use", f"The person can't be erased now: {why}.")


def obstacles(state: RunState, records: PersonRecords, actor: Actor, world: World) -> list[Obstacle]:
    """In the order of the runs."""
    found: list[Obstacle] = []
    for run, around in records.runs:
        needed: list[ObstacleKind] = []
        if not run.finished and run.twin_of is None:  # a dry run beside a run ends with the erasure
            needed.append("open_run")
        if run.legal_hold:
            needed.append("legal_hold")
        if needed and not sees(run, actor, around):
            found.append(Obstacle("in_use"))
        else:
            found.extend(Obstacle(kind, run.run_id) for kind in needed)
    if records.held_start:
        found.append(Obstacle("held_start"))
    if _account_in_use(state.asked.person_id, world):
        found.append(Obstacle("account_in_use"))
    return list(dict.fromkeys(found))


def _account_in_use(person_id: str, world: World) -> bool:
    """Whether the person acts in Offboard under an account with roles, and has not left."""
    return person_id not in world.departed and any(
        one.kind == "person" and one.human == person_id and one.roles for one in world.actors.values()
    )


def _is_first(actor: Actor, waiting: e.ErasureRequested) -> bool:
    return actor.actor_id == waiting.by or actor.is_person(waiting.human)
