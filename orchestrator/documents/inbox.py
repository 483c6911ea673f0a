"""What waits for people as documents: what it is about in a few words, and what happens if nobody does anything."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.documents.plain_words import roles, sentence
from orchestrator.documents.run import instruction
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.run import RunState
from orchestrator.reading.rows import Item
from orchestrator.vocabulary.durations import spelled

Document = dict[str, Any]


def item_document(item: Item) -> Document:
    fields = asdict(item)
    fields["person"] = fields["person"] if item.person.name is not None else None
    return fields


def subject(item: Item) -> str:
    """What waits, in a few words that name nobody: `Decide access: 3 steps`."""
    detail = item.detail
    if item.kind == "gate":
        steps = f"{detail['steps']} step{'s' if detail['steps'] != 1 else ''}"
        votes = f", {detail['approvals']} of {detail['quorum']}" if detail["quorum"] > 1 else ""
        return f"Decide {detail['gate']}: {steps}{votes}" + (" (escalated)" if detail["escalated"] else "")
    if item.kind == "task":
        return f"{'Find out' if detail['task'] == 'confirm_outcome' else 'Do'} {detail['step']}"
    about = detail.get("step") or item.system
    code = f" ({detail['code']})" if detail["code"] else ""
    return str(detail["exception"]) + (f": {about}" if about else "") + code


def if_nobody_does(item: Item, packet: Packet) -> str:
    """What happens if nobody does anything by its date, as the run's own packet has it."""
    owner = roles((packet.approvals.exceptions.owner,))
    match item.kind:
        case "gate":
            gate = packet.approvals.gates.get(str(item.detail["gate"]))
            if gate is None:
                return "The steps that wait for it are not begun."
            held = (
                f"nothing of it is begun until it is decided; {spelled(gate.valid_for)} after the cutoff it is too late"
            )
            if gate.escalate_to and not item.detail["escalated"]:
                return sentence(f"{roles(gate.escalate_to, 'and')} may decide as well then; {held}")
            return sentence(held)
        case "task":
            return sentence(
                f"an exception opens for the role {owner}; the task stays to be done, and the run stays open"
            )
        case "review":
            return "It stays open as overdue. What was cut stays cut."
    return "It stays open as overdue, and so does the run. What does not hang on it goes on."


def title(item: Item, packet: Packet) -> str:
    """The title that the packet gives to the gate or the step, else what `subject` says."""
    if item.kind == "gate":
        gate = packet.approvals.gates.get(str(item.detail["gate"]))
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
    }
