"""A scheduled run becomes an urgent one, without a new start.

Its cutoff is now, and the reversible steps that remove access run before approval. The rules are those of an urgent
start: its roles, a recent sign-in, its limits (`starting`) and a review afterwards.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.domain import events as e
from orchestrator.domain.approvals import close_gates
from orchestrator.domain.commands.requests import (
    NOT_RECENT,
    moved_cutoff,
    require_levels_of_mover,
    require_prepare,
    still_going,
)
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.starts import StartsState
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn, require_urgent
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps.readiness import World


def make_urgent(
    state: RunState, reason: str | None, actor: Actor, world: World, sign_in: SignIn = NOT_RECENT
) -> list[Event]:
    """The run's own packet version and today's must both let the actor start urgently. A cutoff that has passed stays.
    Approvals, rejections and account matches stay as they are: a step that was rejected or excluded, and one on an
    account that a person selected before, keeps its gate. A run that waits only for the signatures of
    its close can't be made urgent. Empty where the run is urgent already. Raises `NotAllowed`, `TooLate` or
    `Invalid`."""
    require("make_run_urgent", actor, state.asked.person_id)
    still_going(state)
    require_prepare(actor, world.pinned, world.current, state.asked.packet)
    if state.dry:
        raise Invalid("dry_run_urgent", "A dry run removes no access, so it can't be urgent.")
    if state.restores is not None:
        raise Invalid("restore_urgent", "A run that restores access removes none, so it can't be urgent.")
    if close_gates.waits_for_signatures_only(state):
        raise TooLate("only_signatures", f"Run {state.run_id} waits only for signatures: no step is left to start.")
    for packet in (world.pinned, world.current):
        require_urgent(actor, packet)
    if state.urgent:
        return []
    if not sign_in.recent:
        raise NotAllowed("step_up_needed", "Making a run urgent needs a recent sign-in.", minutes=sign_in.minutes)
    made = e.RunMadeUrgent(by=actor.actor_id, human=actor.human, reason=reason)
    urgent = fold(state, made, world.now)
    require_levels_of_mover(urgent, actor, world, approved_too=False)
    if state.cutoff <= world.now:
        return [made]
    return [made, *moved_cutoff(urgent, Cutoff(instant=world.now, zone=state.zone, local=""), actor, world)]


def before_gates(state: RunState, world: World) -> list[PlannedStep]:
    """The steps of a scheduled run that would run before approval if it were made urgent now, as far as it is
    planned."""
    if state.urgent or state.finished:
        return []
    urgent = fold(state, e.RunMadeUrgent(by=""), world.now)
    return [
        step
        for id_, step in state.plan.steps.items()
        if urgent.goes_before_gates(step) and not state.work.steps[id_].final
    ]


def admit(
    starts: StartsState, state: RunState, actor: Actor, world: World, last_of: Collection[str] = ()
) -> starting.Admission:
    """Counts toward the limits as an urgent start of this actor, and is held as one (`starting.admit`)."""
    asked = state.asked.model_copy(
        update={
            "urgent": True,
            "requested_by": actor.actor_id,
            "embargo_until": state.embargo_until,
            "named": state.named,
        }
    )
    return starting.admit(starts, asked, world.pinned, actor, world.now, last_of=last_of)
