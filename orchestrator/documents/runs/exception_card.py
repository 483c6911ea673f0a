"""One exception whole: what the run's document says of it, what it is about, and what its reader can do."""

from __future__ import annotations

from datetime import datetime

from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.documents.document import Document
from orchestrator.documents.runs.exception_offers import SKIP_ALL, all_offers, nameable, rejected_steps
from orchestrator.documents.runs.permissions import DryRun, Permissions
from orchestrator.documents.runs.run import account, exception_in_run
from orchestrator.documents.runs.still_removed import still_removed_for
from orchestrator.documents.systems.support import support_document
from orchestrator.domain.approvals.deciders import PeopleByRole, deciders, effects_of_delay
from orchestrator.domain.commands.operating import known_exception
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.work import StepState
from orchestrator.vocabulary.states import in_sentence, role_label


def exception_card_document(snapshot: RunSnapshot, reader: Actor, exception_id: str) -> Document:
    """`snapshot` is the run as the reader reads it. Raises `Invalid` (`unknown_exception`)."""
    state, world = snapshot.state, snapshot.world
    known = known_exception(state, exception_id)
    opened = known.opened
    step = state.plan.steps.get(opened.step_id or "")
    spec = world.system_today(opened.system or "")
    gate = state.decisions.gates.get(opened.gate_id or "")
    gate_spec = world.pinned.approvals.decisions.get(gate.opened.gate) if gate is not None else None
    people = PeopleByRole(world.actors.values())
    return exception_in_run(state, world, exception_id) | {
        "run_id": state.run_id,
        "meaning": RULES[opened.kind].meaning,
        "title": step.title if step is not None else None,
        "system_title": spec.title if spec is not None else None,
        "gate": gate.opened.gate if gate is not None else None,
        "gate_title": gate_spec.title if gate_spec is not None else None,
        "account": account(state, step) if step is not None else None,
        "support": (spec.support.team or None) if spec is not None else None,
        "support_details": support_document(spec.support, world.now) if spec is not None else None,
        "runbook": (spec.runbook or None) if spec is not None else None,
        "second_request": second_request(state, exception_id),
        "ran_before_approval": [
            {
                "step_id": one.step_id,
                "step": one.name,
                "title": one.title,
                "system": one.system,
                "account": account(state, one),
                "status": done.status,
                "at": done.changed_at or at,
            }
            for at, one, done in ran_before_approval(state, exception_id)
        ],
        "still_removed": still_removed_for(state, opened),
        "can_resolve": sorted(deciders(state, exception_id, people, world)) if known.open else [],
        "if_not_resolved": words_on_delay(state, exception_id, world) if known.open else None,
        "actions": _actions(Permissions(state, world, reader), exception_id) if known.open else [],
    }


def _actions(permissions: Permissions, exception_id: str) -> list[Document]:
    return [
        {
            "action": action,
            "allowed": trial.allowed,
            "instead_of": trial.instead_of,
            "refused": _refused(trial),
            "steps": rejected_steps(permissions.state, exception_id) if action == SKIP_ALL else [],
            "accounts": nameable(permissions, exception_id) if action == Repair.NAME_DECIDER else [],
        }
        for action, trial in all_offers(permissions, exception_id).items()
    ]


def _refused(trial: DryRun) -> Document | None:
    return {"code": trial.refused.code, "message": trial.refused.message} if trial.refused is not None else None


def ran_before_approval(state: RunState, exception_id: str) -> list[tuple[datetime, PlannedStep, StepState]]:
    """What the review of an urgent start is about: the steps that began without an approval, the first ones first, each
    with when it began. Empty for every other kind."""
    if state.work.exceptions[exception_id].opened.kind != "urgent_review":
        return []
    begun = [
        (known.first_started_at, step, known)
        for id_, step in state.plan.steps.items()
        if state.goes_before_gates(step) and (known := state.work.steps[id_]).first_started_at is not None
    ]
    return sorted(begun, key=lambda one: (one[0], one[1].step_id))


def second_request(state: RunState, exception_id: str) -> Document | None:
    """The duplicate request that an exception is about, by a person who cannot see this run."""
    for request, number in state.second_requests:
        if exception_id == f"x-second_request-{number}":
            return {
                "by": request.by,
                "cutoff": request.cutoff,
                "zone": request.zone,
                "urgent": request.urgent,
                "packet": request.packet,
                "reason": request.reason,
                "legal_hold": request.legal_hold,
            }
    return None


def words_on_delay(state: RunState, item_id: str, world: World) -> str:
    """What happens to an open approval, task or exception if no one acts, in sentences."""
    then = effects_of_delay(state, item_id, world)
    late = then.at is not None and then.at <= world.now
    asked = state.decisions.gates[item_id].roles if item_id in state.decisions.gates else frozenset()
    also = " and ".join(in_sentence(role_label(role)) for role in then.escalates_to if role not in asked)
    said = []
    if item_id in state.decisions.gates and also and not late:
        said.append(f"Escalates to {also} if not decided by the due date.")
    elif item_id in state.work.tasks and not late:
        said.append(f"If not completed by the due date, an exception opens for the {also}.")
    elif item_id in state.work.exceptions and RULES[state.work.exceptions[item_id].opened.kind].tried_automatically:
        said.append("It is retried automatically, and the exception closes when a retry succeeds.")
    if then.undone:
        blocked = "1 step is" if len(then.undone) == 1 else f"{len(then.undone)} steps are"
        said.append(f"{blocked[:1].upper()}{blocked[1:]} blocked until then.")
    elif not state.finished:
        said.append("The run stays open until then.")
    return " ".join(said)
