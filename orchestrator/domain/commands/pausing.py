"""Commands that pause a run and resume it. HR's pause is resumed by HR, a safety owner's by a safety owner or HR."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.commands.operating import require_one_of
from orchestrator.domain.commands.requests import require_prepare, still_going
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.postponing import paused_by_hr, paused_by_safety_owner, postponing_roles
from orchestrator.domain.permissions.reports import has_one_of, require_independent
from orchestrator.domain.run.readiness import World
from orchestrator.domain.run.run import RunState


def hold(state: RunState, reason: str | None, actor: Actor, world: World) -> list[Event]:
    """A pause by HR takes the place of one by others, who could resume theirs; one by a safety owner that of one by an
    operator."""
    require("hold_run", actor, state.asked.person_id)
    _may_hold(state, actor, world)
    require_independent(state, actor, has_one_of(_holders(world)), world)
    hr = postponing_roles(world.pinned, world.current)
    if state.held and (
        paused_by_hr(state, world) or (actor.roles.isdisjoint(hr) and not _outranks(state, actor, world))
    ):
        return []
    return [e.RunHeld(by=actor.actor_id, reason=reason)]


def who_resumes(actor: Actor, world: World) -> list[str]:
    """The roles that can resume a run that this actor pauses."""
    hr, owners = postponing_roles(world.pinned, world.current), _safety_owners(world)
    if not actor.roles.isdisjoint(hr):
        return sorted(hr)
    return sorted({*hr, *owners} if not actor.roles.isdisjoint(owners) else {*_holders(world)})


def release(state: RunState, actor: Actor, world: World) -> list[Event]:
    require("release_run", actor, state.asked.person_id)
    _may_hold(state, actor, world)
    hr = postponing_roles(world.pinned, world.current)
    if paused_by_hr(state, world) and actor.roles.isdisjoint(hr):
        raise NotAllowed("postpone_not_allowed", f"HR paused this run, so only {any_of(sorted(hr))} can resume it.")
    if paused_by_safety_owner(state, world) and actor.roles.isdisjoint({*hr, *_safety_owners(world)}):
        who = any_of(sorted({*hr, *_safety_owners(world)}))
        raise NotAllowed("role_missing", f"A safety owner paused this run, so only {who} can resume it.")
    return [e.RunReleased(by=actor.actor_id)] if state.held else []


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
