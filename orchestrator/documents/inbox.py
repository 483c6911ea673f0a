"""Open items as documents: a short subject, and what happens if they are not completed in time."""

from __future__ import annotations

from dataclasses import asdict

from orchestrator.documents.document import Document
from orchestrator.documents.plain_words import roles, sentence
from orchestrator.documents.runs.run import instruction, may_take_effect_until
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.run import RunState
from orchestrator.reading.rows import Item
from orchestrator.vocabulary.durations import spelled
from orchestrator.vocabulary.states import EXCEPTION, FAILURE, in_sentence, label


def item_document(item: Item) -> Document:
    fields = asdict(item)
    fields["person"] = fields["person"] if item.person.name is not None else None
    return fields


def subject(item: Item) -> str:
    """A short subject without a person's name: `Approve access: 3 steps`."""
    detail = item.detail
    if item.kind == "gate":
        steps = f"{detail['steps']} step{'s' if detail['steps'] != 1 else ''}"
        votes = f", {detail['approvals']} of {detail['quorum']}" if detail["quorum"] > 1 else ""
        what = "Sign the close for" if detail.get("close") else "Approve"
        return f"{what} {detail['gate']}: {steps}{votes}" + (" (escalated)" if detail["escalated"] else "")
    if item.kind == "task":
        return f"{'Confirm the outcome of' if detail['task'] == 'confirm_outcome' else 'Complete'} {detail['step']}"
    about = detail.get("step") or item.system
    code = f" ({in_sentence(label(detail['code'], FAILURE))})" if detail["code"] else ""
    return label(detail["exception"], EXCEPTION) + (f": {about}" if about else "") + code


def if_nobody_does(item: Item, packet: Packet) -> str:
    """What happens if the item is not completed by its due date, by the run's own packet."""
    owner = roles((packet.approvals.exceptions.owner,))
    match item.kind:
        case "gate":
            gate = packet.approvals.gates.get(str(item.detail["gate"]))
            if item.detail.get("close"):
                return _if_not_signed(item, packet)
            if gate is None:
                return "The steps that need this approval do not start."
            latest = spelled(gate.valid_for)
            held = f"the steps do not start until they are approved, at the latest {latest} after the cutoff"
            if gate.escalate_to and not item.detail["escalated"]:
                return sentence(f"it escalates to {roles(gate.escalate_to, 'and')}; {held}")
            return sentence(held)
        case "task":
            return sentence(f"an exception opens for the role {owner}; the task and the run stay open")
        case "review":
            return "It stays open as overdue. Removed access stays removed."
    return "The exception stays open as overdue, and the run stays open. Steps that do not depend on it continue."


def _if_not_signed(item: Item, packet: Packet) -> str:
    spec = packet.approvals.close.get(str(item.detail["gate"]))
    if spec is not None and spec.escalate_to and not item.detail["escalated"]:
        return sentence(f"it escalates to {roles(spec.escalate_to, 'and')}; the run stays open until it is signed")
    owner = roles((packet.approvals.exceptions.owner,))
    return sentence(f"an exception opens for the role {owner}; the run stays open until it is signed")


def title(item: Item, packet: Packet) -> str:
    """The title that the packet gives to the gate or the step, else what `subject` says."""
    if item.kind == "gate":
        gate = packet.approvals.decisions.get(str(item.detail["gate"]))
        return gate.title if gate is not None else str(item.detail["gate"])
    name = item.detail.get("step")
    return next((step.title for step in packet.workflow.steps if step.name == name), subject(item))


def with_instruction(document: Document, state: RunState) -> Document:
    """A task's document with what is to be done, from its run."""
    task = state.work.tasks.get(document["id"])
    step = state.plan.steps.get(task.opened.step_id) if task is not None else None
    return document | {
        "title": step.title if step is not None else None,
        "instruction": instruction(step, task.opened.kind) if task is not None else None,
        "may_take_effect_until": may_take_effect_until(state, document["id"]) if task is not None else None,
    }
