"""Commands that pause a run and resume it. HR's pause is resumed by HR, a safety owner's by a safety owner or HR.

A pause can have an end, at which the run resumes automatically (`ends_of_pauses.py`).
"""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain import events as e
from orchestrator.domain.commands import ends_of_pauses
from orchestrator.domain.commands.operating import require_one_of
from orchestrator.domain.commands.requests import require_prepare, still_going
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.postponing import paused_by_hr, paused_by_safety_owner, postponing_roles
from orchestrator.domain.permissions.reports import has_one_of, require_independent
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def hold(state: RunState, reason: str | None, actor: Actor, world: World, until: datetime | None = None) -> list[Event]:
    """A pause by HR takes the place of one by others, who could resume theirs; one by a safety owner that of one by an
    operator. `until` is when it ends automatically. With another `until`, a person who can resume the run changes the
    end of its pause. For an earlier end, the packet can ask for a second person, as for resuming the run: also where
    the pause takes the place of the present one. Raises `Invalid` for an end that has passed, or that the packet does
    not allow."""
    require("hold_run", actor, state.asked.person_id)
    _may_hold(state, actor, world)
    require_independent(state, actor, has_one_of(_holders(world)), world)
    ends = ends_of_pauses.end_of_pause(until, (world.pinned, world.current), world.now)
    if state.held and not _takes_over(state, actor, world):
        if until is None or until == state.held_until:
            return []
        _require_rank(state, actor, world)
    if ends is not None and (state.held_until is None or ends < state.held_until):
        _require_second_person(state, actor, world)
    return [e.RunHeld(by=actor.actor_id, reason=reason, until=ends)]


def who_resumes(actor: Actor, world: World) -> list[str]:
    """The roles that can resume a run that this actor pauses."""
    hr, owners = postponing_roles(world.pinned, world.current), _safety_owners(world)
    if not actor.roles.isdisjoint(hr):
        return sorted(hr)
    return sorted({*hr, *owners} if not actor.roles.isdisjoint(owners) else {*_holders(world)})


def release(state: RunState, actor: Actor, world: World) -> list[Event]:
    require("release_run", actor, state.asked.person_id)
    _may_hold(state, actor, world)
    _require_rank(state, actor, world)
    _require_second_person(state, actor, world)
    return [e.RunReleased(by=actor.actor_id)] if state.held else []


def latest_end(world: World) -> datetime | None:
    """The latest end of a pause that is placed now; None where the packet sets none."""
    return ends_of_pauses.latest_end((world.pinned, world.current), world.now)


def _require_rank(state: RunState, actor: Actor, world: World) -> None:
    """Raises `NotAllowed` where HR or a safety owner paused the run, and the actor has neither role."""
    hr = postponing_roles(world.pinned, world.current)
    if paused_by_hr(state, world) and actor.roles.isdisjoint(hr):
        raise NotAllowed("postpone_not_allowed", f"HR paused this run, so only {any_of(sorted(hr))} can resume it.")
    if paused_by_safety_owner(state, world) and actor.roles.isdisjoint({*hr, *_safety_owners(world)}):
        who = any_of(sorted({*hr, *_safety_owners(world)}))
        raise NotAllowed("role_missing", f"A safety owner paused this run, so only {who} can resume it.")


def _require_second_person(state: RunState, actor: Actor, world: World) -> None:
    by, packets = [state.held_by] if state.held else [], (world.pinned, world.current)
    ends_of_pauses.require_second_person("a paused run", by, state.held_until, packets, actor, world.actors)


def _takes_over(state: RunState, actor: Actor, world: World) -> bool:
    """Whether a pause by this actor takes the place of the present one."""
    if paused_by_hr(state, world):
        return False
    return _outranks(state, actor, world) or not actor.roles.isdisjoint(postponing_roles(world.pinned, world.current))


def _outranks(state: RunState, actor: Actor, world: World) -> bool:
    return not paused_by_safety_owner(state, world) and not actor.roles.isdisjoint(_safety_owners(world))


def _safety_owners(world: World) -> frozenset[str]:
    return frozenset({world.pinned.platform.safety_owner, world.current.platform.safety_owner})


def _may_hold(state: RunState, actor: Actor, world: World) -> None:
    still_going(state)
    require_one_of(actor, _holders(world))
    require_prepare(actor, world.pinned, world.current, state.asked.packet)


def _holders(world: World) -> tuple[str, ...]:
    """The roles that can pause and resume a run."""
    hr = sorted(postponing_roles(world.pinned, world.current))
    return (world.pinned.approvals.exceptions.owner, world.current.platform.safety_owner, *hr)
