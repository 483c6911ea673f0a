"""A preview as its page shows it: what happens, in which order and when, which approval each step needs, and whether it
can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.documents.runs.previews.preview import Preview, PreviewAccount, PreviewGate, PreviewStep
from orchestrator.domain.permissions.levels import Level
from orchestrator.reading.staff import StaffMember
from orchestrator.vocabulary.durations import length
from orchestrator.web.pages.new_run.draft import RunDraft


@dataclass(frozen=True, slots=True)
class StepLine:
    """`when` is in words where there is no instant; `undone` is a word of the vocabulary `reversible`, or None where
    there is nothing to undo. `after` are titles."""

    number: int
    step: PreviewStep
    system: str
    gate: str | None
    when: str
    after: tuple[str, ...]
    undone: str | None
    undone_for: str


@dataclass(frozen=True, slots=True)
class GateLine:
    """`deciders` are names; none where no known account may decide it."""

    gate: PreviewGate
    deciders: tuple[str, ...]
    steps: tuple[str, ...]


def preview_page(preview: Preview, draft: RunDraft, staff: Mapping[str, StaffMember]) -> dict[str, Any]:
    """The context of the preview's template."""
    titles = {step.name: step.title for step in preview.steps}
    systems = {system.system: system.title for system in preview.systems}
    gates = {gate.gate: gate.title for gate in preview.gates}
    asked = {question.system for question in preview.questions} | {one.system for one in preview.not_looked_at}
    document = preview.model_dump()
    return {
        "preview": document,
        "questions": [
            question | {"settlers": _names(tuple(question["settled_by"]), staff)} for question in document["questions"]
        ],
        "access": [one | {"system": systems.get(one["system"], one["system"])} for one in document["access"]],
        "accounts": [system for system in document["systems"] if system["system"] not in asked],
        "steps": [
            _line(number, step, preview.looked_at, titles, systems, gates)
            for number, step in enumerate(preview.steps, start=1)
        ],
        "gates": [
            GateLine(gate, _names(gate.deciders, staff), tuple(dict.fromkeys(titles[name] for name in gate.steps)))
            for gate in preview.gates
        ],
        "at_once": [step for step in preview.steps if step.before_gates and step.level > Level.PREPARE],
        "kept": [step.title for step in preview.steps if step.legal_hold],
        "cannot_be_undone": sum(_undone(step) == "no" for step in preview.steps),
        "passed": not preview.urgent and preview.cutoff < preview.looked_at,
        "late": preview.urgent and not draft.urgent,
        "named": _names(draft.named, staff) if draft.embargoed else (),
        "embargo_until": embargo.until if (embargo := draft.embargo()) is not None else None,
        "label_of": label_of,
    }


def label_of(account: PreviewAccount) -> str:
    return account.label or account.account_id[:12]


def _line(
    number: int,
    step: PreviewStep,
    now: datetime,
    titles: Mapping[str, str],
    systems: Mapping[str, str],
    gates: Mapping[str, str],
) -> StepLine:
    return StepLine(
        number=number,
        step=step,
        system=systems.get(step.system or "", step.system or ""),
        gate=gates.get(step.gate, step.gate) if step.gate is not None else None,
        when=_when(step, now),
        after=tuple(dict.fromkeys(titles[name] for name in step.needs if name in titles)),
        undone=_undone(step),
        undone_for=length(step.reversible_for) if step.reversible == "limited" else "",
    )


def _when(step: PreviewStep, now: datetime) -> str:
    """Empty for a date that is still to come."""
    if step.before_gates:
        return "Immediately, before approval"
    if step.due_at is not None and step.due_at > now:
        return ""
    if step.gate is not None:
        return "When approved"
    return "When earlier steps are finished" if step.needs else "When the run starts"


def _undone(step: PreviewStep) -> str | None:
    if step.task_for is not None or step.level <= Level.PREPARE:
        return None
    return step.reversible


def _names(actor_ids: tuple[str, ...], staff: Mapping[str, StaffMember]) -> tuple[str, ...]:
    return tuple((staff[one].name if one in staff else None) or one for one in actor_ids)
