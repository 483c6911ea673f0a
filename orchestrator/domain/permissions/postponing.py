"""Who may move a cutoff to a later time or cancel a run: it keeps access open for longer, so it is for the roles of HR.

`approvals.yaml` names the roles (`postpone`). Where it does not, they are the roles that may start urgently and decide
at no gate, and the value owner: neither approvers nor operators delay a removal of access that they did not ask for.
"""

from __future__ import annotations

from functools import reduce

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def require_postponing(
    actor: Actor, pinned: Packet, current: Packet, act: str = "move a cutoff to a later time"
) -> frozenset[str]:
    """The roles that can. Raises `NotAllowed` (`postpone_not_allowed`), which names them. `act` completes
    "Only … can"."""
    roles = postponing_roles(pinned, current)
    if actor.roles.isdisjoint(roles):
        who = any_of(sorted(roles)) if roles else "no role of this packet"
        raise NotAllowed("postpone_not_allowed", f"Only {who} can {act}.")
    return roles


def postponing_roles(pinned: Packet, current: Packet) -> frozenset[str]:
    """Of what the run's own packet and today's packet name, the stricter holds; the default counts where neither names
    roles."""
    named = [packet.approvals.postpone for packet in (pinned, current)]
    stated = [frozenset(spec.allowed_to) for spec in named if spec is not None]
    return reduce(frozenset.intersection, stated) if stated else _default(current)


def paused_by_hr(state: RunState, world: World) -> bool:
    """Whether the run is paused, and an account with a role of HR paused it."""
    by = world.actors.get(state.held_by) if state.held else None
    return by is not None and not by.roles.isdisjoint(postponing_roles(world.pinned, world.current))


def paused_by_safety_owner(state: RunState, world: World) -> bool:
    """Whether the run is paused by an account of a safety owner who has not left."""
    by = world.actors.get(state.held_by) if state.held else None
    owners = {world.pinned.platform.safety_owner, world.current.platform.safety_owner}
    return by is not None and by.human not in world.departed and not by.roles.isdisjoint(owners)


def _default(packet: Packet) -> frozenset[str]:
    approvals = packet.approvals
    deciding = {role for gate in approvals.gates.values() for role in (*gate.decided_by, *gate.escalate_to)}
    urgent = approvals.urgent.allowed_to if approvals.urgent is not None else ()
    return frozenset({packet.workflow.value_owner, *(role for role in urgent if role not in deciding)})
