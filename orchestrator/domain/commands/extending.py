"""An open run takes the packet version in use, so that its plan covers systems that its own version does not."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.approvals.rejections import refused_digests
from orchestrator.domain.commands import operating
from orchestrator.domain.commands.requests import still_going
from orchestrator.domain.errors import TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.planning.uncovered import conflicts, further_steps, uncovered_systems
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World

KIND = "system_not_covered"


def extend(state: RunState, version: str, reason: str | None, actor: Actor, world: World) -> list[Event]:
    """Re-plan the run under `version` (at least 8 characters of it), which must be the one in use. Only the systems
    that the run did not cover are searched, and what is approved goes on meanwhile: every decision stays with its
    step, and steps that are new or changed are asked about. Those who can re-plan can do it, and the owners of the
    exception, without a permission of their own on the systems. Raises `TooLate` where the version is not offered, or
    would change what is decided."""
    require("replan_run", actor, state.asked.person_id)
    still_going(state)
    kept = [known for known in state.work.open_exceptions() if known.opened.kind == KIND]
    owners = tuple(dict.fromkeys(owner for known in kept for owner in known.opened.owners))
    on = ("", None) if actor.has_one_of(owners) else (world.current.platform.hr.system, Level.PREPARE)
    rests_on = operating.operator_of(state, actor, world, *on, independent=True, or_roles=owners)
    pinned, current = world.pinned, world.current
    offered = bool(uncovered_systems(pinned, current)) and state.asked.phase != "shadow"
    if not offered or len(version) < 8 or not current.version.startswith(version):
        raise TooLate(
            "version_not_offered",
            f"Run {state.run_id} can't be re-planned under packet version {version[:12]}: it is not the version in "
            "use, or covers no further system.",
        )
    if against := conflicts(state, pinned, current):
        raise TooLate(
            "version_conflicts",
            f"Packet version {current.version[:12]} differs in what run {state.run_id} has decided or uses: "
            f"{', '.join(against)}.",
        )
    return [
        e.RunReplanned(
            by=actor.actor_id,
            on_behalf_of=rests_on,
            reason=reason,
            still_refused=tuple(sorted(refused_digests(state))),
            packet_version=current.version,
            further_steps=further_steps(pinned, current),
        ),
        *(
            operating.closing(id_, "replanned", actor, rests_on, reason)
            for id_, known in state.work.exceptions.items()
            if known.open and known.opened.kind == KIND
        ),
    ]
