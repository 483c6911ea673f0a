"""A rejection and an exclusion stay with the step: a new plan alone does not ask another approver about the same step.

Each belongs to a digest, as an approval does. The person who rejected or excluded the step takes it back, or a person
with a role that the gate escalates to, who gives a reason; both do so with a re-plan. A step with another digest is
another step, and is asked about.
"""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def refused_digests(state: RunState) -> dict[str, str]:
    """The digests that are rejected or excluded, each with its gate."""
    return {**state.decisions.rejected, **state.decisions.excluded}


def rejected_steps(state: RunState, opened: e.ExceptionOpened) -> list[str]:
    """The ids of the steps that a rejected gate keeps from running; none for another kind of exception."""
    if opened.kind != "gate_rejected":
        return []
    rejected = state.decisions.rejected
    return [id_ for id_, step in state.plan.steps.items() if rejected.get(step.digest) == opened.gate_id]


def taken_back(state: RunState, actor: Actor, reason: str | None, world: World) -> frozenset[str]:
    """The digests about which people are asked again if this actor re-plans the run with this reason."""
    return frozenset(
        digest
        for digest, gate_id in refused_digests(state).items()
        if why_not_taken_back(state, gate_id, digest, actor, reason, world) is None
    )


def why_not_taken_back(
    state: RunState, gate_id: str, digest: str, actor: Actor, reason: str | None, world: World
) -> NotAllowed | None:
    """Why a re-plan by this actor leaves the step rejected or excluded; None where it does not."""
    gate = state.decisions.gates[gate_id]
    against = [vote for vote, _ in gate.votes if vote.verdict == "reject" or digest in vote.excluded]
    further = world.pinned.approvals.decisions[gate.opened.gate].escalate_to
    own = any(actor.is_person(vote.human) or actor.is_person(vote.for_human) for vote in against)
    escalated = bool(actor.roles.intersection(further)) and not is_blank(reason or "")
    if not own and not escalated:
        others = f", or {any_of(further)} with a reason," if further else ""
        return NotAllowed("role_missing", f"Only the person who decided this{others} can request approval again.")
    return gates.why_not_decide(state, gate.escalated(further, world.now) if escalated else gate, actor)


def stays_refused(state: RunState, opened: e.ExceptionOpened, kept: frozenset[str]) -> bool:
    """Whether an exception about a rejected gate or an excluded step stays, if these digests stay refused."""
    if opened.gate_id is None:
        return False
    step = state.plan.steps.get(opened.step_id or "")
    return any(
        gate_id == opened.gate_id and (step is None or step.digest == digest)
        for digest, gate_id in refused_digests(state).items()
        if digest in kept
    )
