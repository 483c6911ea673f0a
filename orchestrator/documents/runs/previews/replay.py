"""Previews of a replay as documents, for API, pages and terminal."""

from __future__ import annotations

from dataclasses import asdict

from orchestrator.documents.document import Document
from orchestrator.documents.runs.run import account
from orchestrator.domain.commands.replaying import Scope, preview
from orchestrator.domain.measures.decided_again import decided_again
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def replay_document(state: RunState, scope: Scope, world: World) -> Document:
    """What a replay would do about each step, in the order of the plan. Raises what `preview` raises."""
    shown = preview(state, scope, world)
    steps = [
        {
            "step_id": id_,
            "name": state.plan.steps[id_].name,
            "title": state.plan.steps[id_].title,
            "system": state.plan.steps[id_].system or None,
            "account": account(state, state.plan.steps[id_]),
            "status": state.work.steps[id_].status,
            "act": one.act,
            "why": one.why,
            "generation": one.generation or None,
            "approval": one.approval,
        }
        for id_, one in shown.steps.items()
    ]
    return {
        "run_id": state.run_id,
        "version": state.version,
        "from_step": scope.from_step or None,
        "system": scope.system or None,
        "reopens": shown.reopens,
        "anything": shown.anything,
        "steps": steps,
    }


def decided_again_document(state: RunState, actor: Actor, world: World) -> Document:
    """Raises what `decided_again` raises."""
    differences = [asdict(one) | {"fields": list(one.fields)} for one in decided_again(state, actor, world)]
    return {
        "run_id": state.run_id,
        "version": state.version,
        "packet_version": state.packet_version,
        "packet_version_in_use": world.current.version,
        "differences": differences,
    }
