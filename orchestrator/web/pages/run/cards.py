"""Open items as cards: one document each for a gate, a task and an exception, with what the viewer may do about it,
who else can, and what happens if no one does. Inbox, run and exceptions draw the same card from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.documents.document import Document
from orchestrator.documents.runs import run as documents
from orchestrator.documents.runs.account_access import access_of
from orchestrator.documents.runs.exception_card import ran_before_approval, second_request, words_on_delay
from orchestrator.documents.runs.exception_offers import SKIP_ALL, nameable, rejected_steps, repair_offers, task_of
from orchestrator.documents.runs.exception_records import exception_record
from orchestrator.documents.runs.exception_remedies import exception_remedy
from orchestrator.documents.runs.permissions import DryRun
from orchestrator.documents.runs.still_removed import still_removed_for, still_removed_lines
from orchestrator.documents.systems.support import support_document
from orchestrator.domain.approvals import naming
from orchestrator.domain.approvals.deciders import deciders
from orchestrator.domain.commands import exception_commands
from orchestrator.domain.events import ExceptionOpened
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.run.legal_holds import kept_by_legal_hold
from orchestrator.domain.run.work import ExceptionState
from orchestrator.web.pages.run.close_part import close_part
from orchestrator.web.pages.run.run_access import RunAccess, under_embargo
from orchestrator.web.words import words


def card_of(seen: RunAccess, item_id: str) -> Document | None:
    """The card of whatever has this id in the run; None where it is not there any more."""
    if item_id in seen.state.decisions.gates:
        return gate_card(seen, item_id)
    if item_id in seen.state.work.tasks:
        return task_card(seen, item_id)
    if item_id in seen.state.work.exceptions:
        return exception_card(seen, item_id)
    return None


def _about(seen: RunAccess, kind: str, item_id: str, opened_at: datetime, due_at: datetime | None) -> Document:
    state = seen.state
    return {
        "kind": kind,
        "id": item_id,
        "run_id": state.run_id,
        "anchor": anchor(state.run_id, item_id),
        "person": seen.person,
        "cutoff": state.cutoff,
        "zone": state.zone,
        "urgent": state.urgent,
        "dry": state.dry,
        "embargoed": under_embargo(seen),
        "legal_hold_in_force": state.legal_hold,
        "opened_at": opened_at,
        "due_at": due_at,
    }


def anchor(run_id: str, item_id: str) -> str:
    """A card's place on any page: ids of exceptions hold characters that an address would not."""
    plain = "".join(letter if letter.isalnum() else "-" for letter in f"{run_id}-{item_id}")
    return f"w-{plain}"


def item_title(seen: RunAccess, item_id: str) -> str:
    """Of an approval, a task or an exception; empty for none."""
    state = seen.state
    if item_id in state.decisions.gates:
        return str(gate_card(seen, item_id)["title"])
    if item_id in state.work.tasks:
        return str(task_card(seen, item_id)["title"])
    return str(exception_card(seen, item_id)["title"]) if item_id in state.work.exceptions else ""


def _elsewhere(seen: RunAccess, item_id: str, is_open: bool) -> Document:
    """Who else can act, and what happens if no one does."""
    if not is_open:
        return {"others": [], "delay_words": ""}
    may = deciders(seen.state, item_id, seen.people, seen.world)
    return {"others": sorted(seen.others(may)), "delay_words": words_on_delay(seen.state, item_id, seen.world)}


# Gates


def gate_card(seen: RunAccess, gate_id: str) -> Document:
    state, gate = seen.state, seen.state.decisions.gates[gate_id]
    opened = gate.opened
    digests = set(opened.digests)
    approve = seen.permissions.approve(gate_id) if gate.open else DryRun()
    reject = seen.permissions.reject(gate_id) if gate.open else DryRun()
    steps = [
        seen.step(step)
        | {
            "excluded": state.decisions.excluded.get(step.digest) == gate_id,
            "blocks": documents.blocked_without(state, step) if gate.open else [],
            "legal_hold": kept_by_legal_hold(state, step, seen.world.pinned, seen.world.abilities),
        }
        for step in state.plan.steps.values()
        if step.digest in digests
    ]
    may = gate.open and reject.allowed
    instead_of = approve.instead_of or reject.instead_of
    return _about(seen, "gate", gate_id, gate.opened_at, opened.decide_by) | {
        "title": seen.gate_title(opened.gate),
        "state": gate.outcome,
        "roles": sorted(gate.roles),
        "quorum": opened.quorum,
        "approvals": sum(vote.verdict == "approve" for vote, _ in gate.votes),
        "valid_until": opened.valid_until,
        "decided_at": gate.decided_at,
        "escalated_to": sorted(gate.escalated_to),
        "votes": [
            {
                "by": seen.name(vote.by),
                "instead_of": seen.name(vote.on_behalf_of),
                "verdict": vote.verdict,
                "excluded": sum(digest in digests for digest in vote.excluded),
                "reason": vote.reason,
                "at": at,
            }
            for vote, at in gate.votes
        ],
        "steps": steps,
        "close": close_part(seen, gate_id),
        "access": [
            one | {"system": seen.system(one["system"])}
            for one in access_of(
                state, seen.world.pinned, [step for step in state.plan.steps.values() if step.digest in digests]
            )
        ]
        if gate.open
        else [],
        "requested_by": seen.name(state.asked.requested_by),
        "requested_at": state.requested_at,
        "reason": state.asked.reason,
        "skipped_hand_overs": documents.skipped_hand_overs(state, seen.world, gate_id) if gate.open else [],
        "legal_hold": [step["title"] for step in steps if step["legal_hold"]] if gate.open else [],
        "systems": sorted({step["system"] for step in steps if step["system"]}),
        "for_good": sum(step["reversible"] == "no" and not step["task_for"] for step in steps),
        "may": may,
        "instead_of": seen.name(instead_of),
        "not_whole": approve.refused if may else None,
        "why_not": None if may or not gate.open else reject.refused,
        "together": may and approve.allowed and seen.permissions.together(gate_id),
        **_elsewhere(seen, gate_id, gate.open),
    }


# Tasks


def task_card(seen: RunAccess, task_id: str) -> Document:
    state, task = seen.state, seen.state.work.tasks[task_id]
    step = state.plan.steps.get(task.opened.step_id)
    trial = seen.permissions.complete(task_id) if task.open else DryRun()
    return _about(seen, "task", task_id, task.opened_at, task.opened.due) | {
        "title": step.title if step is not None else words(task.opened.kind, "task_kind"),
        "state": task.outcome,
        "task": task.opened.kind,
        "by": seen.name(task.by),
        "instruction": documents.instruction(step, task.opened.kind),
        "may_take_effect_until": documents.may_take_effect_until(state, task_id),
        "step_id": task.opened.step_id,
        "system": seen.system(step.system) if step is not None else "",
        "account": documents.account(state, step) if step is not None else None,
        "evidence_required": step is None or step.evidence_required or not step.is_task,
        "roles": [task.opened.role],
        "may": task.open and trial.allowed,
        "instead_of": seen.name(trial.instead_of),
        "why_not": trial.refused,
        "typed": "",
        "wrong": "",
        **_elsewhere(seen, task_id, task.open),
    }


@dataclass(frozen=True, slots=True)
class Typed:
    """An answer to a task that was refused: what was in its field, and what is wrong with that."""

    anchor: str
    note: str
    wrong: str = ""


def with_typed(cards: Iterable[Document], typed: Typed | None) -> None:
    """Puts it back where it was typed."""
    for card in cards:
        if typed is not None and card["kind"] == "task" and card["anchor"] == typed.anchor:
            card |= {"typed": typed.note, "wrong": typed.wrong}


# Exceptions


def exception_card(seen: RunAccess, exception_id: str) -> Document:
    state, known = seen.state, seen.state.work.exceptions[exception_id]
    opened = known.opened
    kind = "review" if RULES[opened.kind].is_review else "exception"
    step = state.plan.steps.get(opened.step_id or "")
    second = _second_request(seen, exception_id)
    spec = seen.world.system_today(opened.system or "")
    return _about(seen, kind, exception_id, known.opened_at, known.due) | {
        "title": words(opened.kind, "exception"),
        "exception": opened.kind,
        "state": "open" if known.open else "closed",
        "disposition": known.disposition,
        "closed_at": known.closed_at,
        "by": seen.name(known.by),
        "roles": sorted(opened.owners),
        **_record(seen, known),
        "system": seen.system(opened.system),
        "support": support_document(spec.support, seen.world.now) if spec is not None else None,
        "runbook": spec.runbook if spec is not None else "",
        "step": step.title if step is not None else None,
        "step_id": opened.step_id,
        "account": documents.account(state, step) if step is not None else None,
        "gate": seen.gate_title(state.decisions.gates[opened.gate_id].opened.gate) if opened.gate_id else None,
        "code": opened.code,
        "remedy": exception_remedy(opened.kind, opened.code, opened.system, seen.world.pinned),
        "second": second,
        "decision": _decision(seen, opened),
        "removed": _ran_before_approval(seen, exception_id),
        "still_removed": still_removed_lines(still_removed_for(seen.state, opened), seen.system),
        **(_repairs(seen, exception_id, known) if known.open else CLOSED),
        **_elsewhere(seen, exception_id, known.open),
    }


def _record(seen: RunAccess, known: ExceptionState) -> Document:
    """What people recorded about it, with names instead of accounts."""
    record = exception_record(seen.state, known, seen.world)
    waiver = record["waiver"]
    return record | {
        "owner": seen.name(record["assigned_to"]),
        "on_behalf_of": seen.name(record["on_behalf_of"]),
        "comments": [comment | {"by": seen.name(comment["by"])} for comment in record["comments"]],
        "waiver": waiver | {"by": seen.name(waiver["by"]), "on_behalf_of": seen.name(waiver["on_behalf_of"])}
        if waiver is not None
        else None,
    }


def _ran_before_approval(seen: RunAccess, exception_id: str) -> list[Document]:
    return [
        seen.step(step) | {"status": known.status, "at": known.changed_at or at}
        for at, step, known in ran_before_approval(seen.state, exception_id)
    ]


def _decision(seen: RunAccess, opened: ExceptionOpened) -> Document | None:
    vote = documents.decision_behind(seen.state, opened)
    return vote | {"by": seen.name(vote["by"])} if vote is not None else None


CLOSED: Document = {
    "accept": False, "settle": None, "candidates": [], "not_selected": [], "none": False, "retry": False,
    "again": False, "by_hand": False, "skip": False, "skip_all": [], "replan": False, "version": "",
    "release_starts": False, "deciders": [], "waive": False, "assignees": [], "snooze": False, "comment": False,
    "task_kind": None, "task": None, "may": False, "instead_of": "", "why_not": None,
}  # fmt: skip


def _repairs(seen: RunAccess, exception_id: str, known: ExceptionState) -> Document:
    """The repairs of its kind that the domain allows to the viewer."""
    state, permissions, opened = seen.state, seen.permissions, known.opened
    repairs = RULES[opened.kind].repairs
    offers = repair_offers(permissions, exception_id)
    may = {action for action, trial in offers.items() if trial.allowed}
    found, task = state.accounts.planned_on.get(opened.system or ""), task_of(state, exception_id)
    refused = next((trial.refused for trial in offers.values() if trial.refused is not None), None)
    if may:  # those who decided something alone can undo it, and read why they can't accept it
        refused = offers[Repair.ACCEPT].refused if Repair.ACCEPT in offers else None
        refused = refused if refused is not None and refused.code == "second_person_needed" else None
    return {
        "accept": Repair.ACCEPT in may,
        "settle": opened.system if Repair.SETTLE in may else None,
        "candidates": [documents.account_of(state, id_) for id_ in found.candidates]
        if Repair.SETTLE in repairs and found is not None
        else [],
        "not_selected": documents.not_selected(state, known),
        "none": Repair.ACCEPT not in repairs or bool(state.accounts.settled.get(opened.system or "")),
        "retry": Repair.RETRY in may,
        "again": Repair.RETRY_ANEW in repairs,
        "by_hand": Repair.DO_BY_HAND in may,
        "skip": Repair.SKIP in may,
        "skip_all": rejected_steps(state, exception_id) if SKIP_ALL in may else [],
        "replan": Repair.REPLAN in may,
        "version": seen.world.current.version if Repair.REPLAN_UNDER_VERSION in may else "",
        "release_starts": Repair.RELEASE_STARTS in repairs,
        "deciders": _nameable(seen, exception_id, known) if Repair.NAME_DECIDER in may else [],
        "waive": Repair.WAIVE in may,
        "assignees": _assignees(seen, exception_id, known),
        "snooze": permissions.snooze(exception_id).allowed,
        "comment": permissions.comment(exception_id).allowed,
        "task_kind": state.work.tasks[task].opened.kind if task is not None else None,
        "task": anchor(state.run_id, task) if task is not None and Repair.COMPLETE_TASK in repairs else None,
        "may": bool(may),
        "instead_of": seen.name(next((trial.instead_of for trial in offers.values() if trial.instead_of), None)),
        "why_not": refused,
    }


def _assignees(seen: RunAccess, exception_id: str, known: ExceptionState) -> list[tuple[str, str]]:
    """The accounts to which the viewer can assign it, each with its name."""
    if not seen.permissions.assign(exception_id).allowed:
        return []
    found = [
        (one.actor_id, seen.name(one.actor_id))
        for one in seen.people.having(known.opened.owners, ())
        if exception_commands.why_not_assigned(seen.state, known, one.actor_id, seen.world) is None
    ]
    return sorted(found, key=lambda one: one[1])


def _nameable(seen: RunAccess, exception_id: str, known: ExceptionState) -> list[Document]:
    """The people whom the caller can name to decide, each with who has named them."""
    item_id = naming.undecidable_item(seen.state, known)
    named = seen.state.decisions.named.get(item_id or "", ())
    people = [
        {
            "account": id_,
            "name": seen.name(id_),
            "named_by": sorted({seen.name(event.by) for event in named if event.decider == id_}),
        }
        for id_ in nameable(seen.permissions, exception_id)
    ]
    return sorted(people, key=lambda one: one["name"])


def _second_request(seen: RunAccess, exception_id: str) -> Document | None:
    request = second_request(seen.state, exception_id)
    return request | {"by": seen.name(request["by"])} if request is not None else None
