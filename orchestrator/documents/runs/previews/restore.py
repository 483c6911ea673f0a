"""The preview of a restore as a document, for API, page and terminal."""

from __future__ import annotations

from orchestrator.documents.document import Document
from orchestrator.documents.runs.run import account
from orchestrator.domain.commands.restoring import preview
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.run_projection import require_whole
from orchestrator.domain.planning.restoring_packet import restore_gate
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def restore_document(state: RunState, actor: Actor, world: World) -> Document:
    """What a restore would do about each step, in the order of the plan. `given` are the names of the things that are
    restored; `approved_by` the roles that approve what gives access. Raises what `preview` raises, and `NotAllowed`
    for an actor who does not read every system of the run."""
    require_whole(state, actor, world)
    shown = preview(state, world)
    given: set[str] = set()
    steps = []
    for one in shown.restorations:
        planned = state.plan.steps.get(one.restored_step)
        things = () if one.step_id in given else shown.taken.get(one.step_id, ())
        given.add(one.step_id)
        steps.append(
            {
                "step_id": one.restored_step or None,
                "name": one.name or None,
                "title": one.title,
                "system": one.system or None,
                "account": account(state, planned) if planned is not None else None,
                "act": one.act,
                "why": one.why,
                "ability": one.ability or None,
                "given": [str(thing.get("name") or thing["id"]) for thing in things],
                "approval": one.act == "restore" and one.gives_access,
            }
        )
    gate = restore_gate(world.pinned, shown.restorations)
    return {
        "run_id": state.run_id,
        "version": state.version,
        "cancels": shown.ends,
        "anything": shown.anything,
        "approved_by": list(gate.decided_by) if any(step["approval"] for step in steps) else [],
        "quorum": gate.quorum,
        "steps": steps,
    }
