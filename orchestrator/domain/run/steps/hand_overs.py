"""A hand-over that was skipped is not done: what cannot be undone afterwards needs a new decision.

Steps that delete data or cannot be undone wait for hand-overs. An operator can skip a hand-over, and can answer that
the person has no account on its system. The later steps then wait for people at their gate again, since their approval
was given on the assumption that the hand-over takes place.
"""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.hand_overs import ability_of, hand_overs_before
from orchestrator.domain.packet.packet import Packet, WorkflowStep
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState


def needs_hand_over(step: PlannedStep, packet: Packet, catalogue: Catalogue) -> bool:
    """Whether the step deletes data or cannot be undone, so that a hand-over before it matters."""
    if step.is_task:
        return False
    if step.reversible == "no":
        return True
    planned = next((known for known in packet.workflow.steps if known.name == step.name), None)
    ability = ability_of(planned, packet, catalogue) if planned is not None else None
    return ability is not None and ability.destroys


def left_out_before(
    state: RunState, step: PlannedStep, packet: Packet, catalogue: Catalogue
) -> list[tuple[WorkflowStep, datetime]]:
    """The hand-overs that this step needs and that a person left out, each with the time; none for a step that neither
    deletes data nor is irreversible."""
    if not _left_out_any(state) or not needs_hand_over(step, packet, catalogue):
        return []
    found = []
    for hand_over in hand_overs_before(step.name, packet, catalogue):
        at = _left_out_at(state, hand_over)
        if at is not None:
            found.append((hand_over, at))
    return found


def _left_out_any(state: RunState) -> bool:
    """Most runs have none, and this is asked before every step."""
    return any(known.status == "skipped" for known in state.work.steps.values()) or not all(
        state.accounts.settled.values()
    )


def _left_out_at(state: RunState, hand_over: WorkflowStep) -> datetime | None:
    planned = [id_ for id_, step in state.plan.steps.items() if step.name == hand_over.name]
    skipped = [state.work.steps[id_].changed_at for id_ in planned if state.work.steps[id_].status == "skipped"]
    times = [at for at in skipped if at is not None]
    if not planned and hand_over.system is not None and state.accounts.settled.get(hand_over.system) == ():
        times.append(state.accounts.settled_at[hand_over.system])
    return max(times, default=None)
