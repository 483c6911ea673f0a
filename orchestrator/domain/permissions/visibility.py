"""Who sees a run. `reading/visibility.py` has the same rules for rows; a test compares the two.

A run is seen by whom today's platform file grants at least `read` on any of the packet's systems, and by those for
whose role something waits in it; under an embargo by those only whom it names. A dry run does not exist for the person
whom it is about. A run that the viewer cannot see is refused like one that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain.approvals.delegation import absent_in
from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def reads(actor: Actor, packet: Packet) -> bool:
    """A grant of any level, on any system of the packet, is one of at least `read`."""
    levels, systems = packet.platform.levels, packet.platform.systems
    return any(granted_level(levels, actor, system, packet.name) is not None for system in systems)


def reads_everything(actor: Actor, packet: Packet) -> bool:
    """Whether the actor reads every system of the packet."""
    levels, systems = packet.platform.levels, packet.platform.systems
    return all(granted_level(levels, actor, system, packet.name) is not None for system in systems)


def sees(state: RunState, actor: Actor, world: World) -> bool:
    """Whether the run exists for this actor now."""
    if not _exists_for(state, actor, world):
        return False
    return reads(actor, world.current) or not roles_of(state, actor, world).isdisjoint(_asked(state, past=False))


def require_visible(state: RunState, actor: Actor, world: World) -> None:
    """For commands. An actor who was asked in a run may see how that ended, though it no longer waits for them."""
    if not _exists_for(state, actor, world):
        raise unknown_run(state.run_id)
    if not reads(actor, world.current) and roles_of(state, actor, world).isdisjoint(_asked(state, past=True)):
        raise unknown_run(state.run_id)


def _exists_for(state: RunState, actor: Actor, world: World) -> bool:
    """A dry run says nothing about whether its person leaves, so that this person does not hear of it."""
    return state.exists_for(actor.actor_id, world.now) and not (state.dry and state.asked.person_id in actor.people)


def unknown_run(named: str) -> Invalid:
    return Invalid("unknown_run", f"There is no run {named[:40]}.")


def roles_of(state: RunState, actor: Actor, world: World) -> frozenset[str]:
    """The roles for which something in the run can be open: the actor's own, and those of the people for whom the actor
    decides. Only a person can see a run because of a role; assistants and services see what is granted to them by name.
    """
    if actor.kind != "person":
        return frozenset()
    return frozenset(role for one in (actor, *absent_in(state, actor, world)) for role in one.roles)


def _asked(state: RunState, *, past: bool) -> Iterable[str]:
    for gate in state.decisions.gates.values():
        if gate.open or past:
            yield from gate.roles
    for task in state.work.tasks.values():
        if task.open or past:
            yield task.opened.role
    for exception in state.work.exceptions.values():
        if exception.open or past:
            yield from exception.opened.owners
