"""A run as a document: what the API answers and `show --json` prints (`docs/json.md`), and what pages are drawn from.

Ids, words and instants; names and evidence for those who may see the run, None once the person is erased. Files that
people attach to a task become a part of its evidence here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from orchestrator.documents.document import Document
from orchestrator.documents.runs.access_ended import ended_document
from orchestrator.documents.runs.account_access import access_of
from orchestrator.documents.runs.account_labels import account_shown
from orchestrator.documents.runs.close import close_document
from orchestrator.documents.runs.exception_records import exception_record
from orchestrator.documents.runs.exception_remedies import exception_remedy
from orchestrator.documents.runs.still_removed import still_removed_document
from orchestrator.documents.runs.watch import watch_document
from orchestrator.domain import events as e
from orchestrator.domain.approvals.deciders import PeopleByRole, deciders
from orchestrator.domain.commands.cancelling import has_changed
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.measures.access_end import access_end
from orchestrator.domain.measures.system_outcomes import system_outcomes
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.legal_holds import LegalHold, destroying_steps, kept_by_legal_hold
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.status import counts, run_status
from orchestrator.domain.run.steps.hand_overs import left_out_before
from orchestrator.domain.run.steps.readiness import World, due_at, readiness
from orchestrator.domain.run.work import ExceptionState, is_about_selection
from orchestrator.ledger.book.records import Recorded
from orchestrator.reading.queries import RunPage


def run_document(page: RunPage, *, with_events: bool = False) -> Document:
    state, world = page.snapshot.state, page.snapshot.world
    end, people = access_end(state), PeopleByRole(world.actors.values())
    document = header(state) | {
        "production_version": page.in_production,
        "access_gone_at": end.gone_at if end is not None else None,
        "access_verified_at": end.verified if end is not None else None,
        "tokens_unknown_on": list(end.unknown_on) if end is not None else [],
        "packet_version_in_use": world.current.version,
        "access_gone_within": world.pinned.workflow.outcomes.access_gone_within,
        "outcomes": [{"place": place, "outcome": word} for place, word in system_outcomes(state).items()],
        "systems": [_system(state, system) for system in state.accounts.searches],
        "steps": steps(state, world, page.events),
        "gates": [_gate(state, world, people, gate_id) for gate_id in state.decisions.gates],
        "tasks": [_task(state, task_id) for task_id in state.work.tasks],
        "exceptions": [exception_in_run(state, world, exception_id) for exception_id in state.work.exceptions],
        "legal_holds": [_legal_hold(hold) for hold in state.legal_holds],
        "watch": watch_document(state),
        "still_removed": still_removed_document(state),
        "holds": sorted(world.holds & {"*", *world.pinned.platform.systems}),
    }
    if with_events:
        document["events"] = [_event(recorded, page.hashes) for recorded in page.events]
    return document


def header(state: RunState) -> Document:
    asked = state.asked
    return {
        "run_id": state.run_id,
        "person": person(asked.facts),
        "state": run_status(state),
        "packet": asked.packet,
        "packet_version": state.packet_version,
        "phase": asked.phase,
        "cutoff": state.cutoff,
        "zone": state.zone,
        "local_cutoff": state.local_cutoff or None,
        "urgent": state.urgent,
        "requested_by": asked.requested_by,
        "requested_at": state.requested_at,
        "reason": asked.reason,
        "finished_at": state.finished_at,
        "held": state.held,
        "held_until": state.held_until,
        "legal_hold": state.legal_hold,
        "restores": state.restores,
        "embargo": {"until": state.embargo_until, "named": list(state.named)} if state.embargo_until else None,
        "version": state.version,
        "summary": counts(state),
    }


def person(facts: Mapping[str, Any] | None) -> Document | None:
    if facts is None:
        return None
    return {
        "name": facts.get("display_name") or None,
        "employee_number": facts.get("employee_number") or None,
        "email": facts.get("email") or None,
        "department": facts.get("department") or None,
        "title": facts.get("title") or None,
        "time_zone": facts.get("time_zone") or None,
    }


def steps(state: RunState, world: World, happened: Sequence[Recorded] = ()) -> list[Document]:
    """In the order of the plan. `needs` are names of steps, and a name may mean several (one an account).
    `waits_for` says why a step cannot start; `evidence` is the most recent."""
    evidence = {id_: without_content(words) for id_, words in _last_words(happened).items()}
    destroying = destroying_steps(state, world.pinned, world.abilities) if state.legal_hold else ()
    under_hold = {step.step_id: held for step, held in destroying}
    shown = []
    for step_id, step in state.plan.steps.items():
        known, where = state.work.steps[step_id], readiness(state, step, world)
        shown.append(
            {
                "step_id": step_id,
                "name": step.name,
                "title": step.title,
                "system": step.system or None,
                "account": account(state, step),
                "level": step.level.value,
                "reversible": step.reversible,
                "task_for": step.task_role,
                "gate": step.gate,
                "needs": list(step.needs),
                "due_at": due_at(state, step),
                "status": known.status,
                "attempt": known.attempt,
                "generation": known.generation,
                "waits_for": None if where.kind in ("final", "ready") else where.waits_for,
                "waits_until": where.until,
                "code": known.code or None,
                "changed_at": known.changed_at,
                "evidence": evidence.get(step_id),
                "changed": has_changed(state, step_id),
                "legal_hold": under_hold.get(step_id),
                "ended": ended_document(state, step, evidence.get(step_id)),
            }
        )
    return shown


def _legal_hold(hold: LegalHold) -> Document:
    lifted = hold.lifted
    return {
        "hold_id": hold.placed.hold_id,
        "placed_by": hold.placed.by or None,
        "placed_at": hold.placed_at,
        "reason": hold.placed.reason,
        "from_run": hold.placed.from_run,
        "lifted_by": lifted.by if lifted is not None else None,
        "lifted_at": hold.lifted_at,
        "lift_reason": lifted.reason if lifted is not None else None,
    }


def account(state: RunState, step: PlannedStep) -> Document | None:
    return account_of(state, step.account_id) if step.account_id else None


def account_of(state: RunState, account_id: str) -> Document:
    return account_shown(account_id, state.accounts.details.get(account_id))


def _last_words(happened: Sequence[Recorded]) -> dict[str, Any]:
    words: dict[str, Any] = {}
    for recorded in happened:
        match recorded.event:
            case (
                e.StepVerified(step_id=step_id, evidence=evidence) | e.StepAttested(step_id=step_id, evidence=evidence)
            ):
                words[step_id] = evidence
            case e.StepFailed(step_id=step_id, detail=detail) | e.StepAttemptFailed(step_id=step_id, detail=detail):
                words[step_id] = detail
    return words


def without_content(evidence: Any) -> Any:
    """Attached files by name and kind, without their content, which is in the event only."""
    if not isinstance(evidence, dict) or not isinstance(evidence.get("attachments"), list):
        return evidence
    shown = [{name: value for name, value in file.items() if name != "content"} for file in evidence["attachments"]]
    rest = {name: value for name, value in evidence.items() if name != "attachments"}
    return {**rest, "attachments": shown}  # the note comes before the attachments


def _system(state: RunState, system: str) -> Document:
    look, found = state.accounts.searches[system], state.accounts.planned_on.get(system)
    accounts = state.accounts.of(system)
    return {
        "system": system,
        "outcome": "failed" if look.at is None else (found or look.result).outcome,
        "settled": system in state.accounts.settled,
        "matched_on": found.matched_on or None if found is not None else None,
        "accounts": [account_of(state, id_) for id_ in accounts] if accounts is not None else None,
        "candidates": [account_of(state, id_) for id_ in found.candidates] if found is not None else [],
        "answered_at": look.at,
        "failing_since": look.failing_since,
        "code": look.code or None,
    }


def blocked_without(state: RunState, step: PlannedStep) -> list[str]:
    """The titles of the steps that do not run either if this one is excluded, in the order of the plan."""
    blocked = {step.name}
    titles: dict[str, None] = {}
    for _ in state.plan.steps:
        more = [one for one in state.plan.steps.values() if one.name not in blocked and blocked & set(one.needs)]
        if not more:
            break
        blocked |= {one.name for one in more}
    for one in state.plan.steps.values():
        if one.name in blocked - {step.name} and not state.work.steps[one.step_id].final:
            titles[one.title] = None
    return list(titles)


def skipped_hand_overs(state: RunState, world: World, gate_id: str) -> list[str]:
    """The titles of the hand-overs that were left out before steps which this gate decides about."""
    digests = state.decisions.gates[gate_id].opened.digests
    titles: dict[str, None] = {}
    for step in state.plan.steps.values():
        if step.digest in digests:
            for hand_over, _ in left_out_before(state, step, world.pinned, world.abilities):
                titles[hand_over.title] = None
    return list(titles)


def decision_behind(state: RunState, opened: e.ExceptionOpened) -> Document | None:
    """The vote that rejected the gate, or excluded the step, which an exception is about."""
    gate = state.decisions.gates.get(opened.gate_id or "")
    if gate is None:
        return None
    step = state.plan.steps.get(opened.step_id or "")
    for vote, at in reversed(gate.votes):
        if vote.verdict == "reject" or (step is not None and step.digest in vote.excluded):
            return {
                "by": vote.by,
                "on_behalf_of": vote.on_behalf_of,
                "verdict": vote.verdict,
                "at": at,
                "reason": vote.reason,
            }
    return None


def _gate(state: RunState, world: World, people: PeopleByRole, gate_id: str) -> Document:
    gate = state.decisions.gates[gate_id]
    digests = set(gate.opened.digests)
    named = {step.digest: step for step in state.plan.steps.values() if step.digest in digests}
    return {
        "gate_id": gate_id,
        "gate": gate.opened.gate,
        "title": _gate_title(world, gate.opened.gate),
        "state": gate.outcome,
        "roles": sorted(gate.roles),
        "quorum": gate.opened.quorum,
        "decide_by": gate.opened.decide_by,
        "valid_until": gate.opened.valid_until,
        "opened_at": gate.opened_at,
        "decided_at": gate.decided_at,
        "escalated_to": sorted(gate.escalated_to),
        "steps": [
            {
                "step_id": step.step_id,
                "name": step.name,
                "title": step.title,
                "digest": digest,
                "excluded": state.decisions.excluded.get(digest) == gate_id,
                "reversible": step.reversible,
                "account": account(state, step),
                "blocks": blocked_without(state, step),
                "legal_hold": kept_by_legal_hold(state, step, world.pinned, world.abilities),
            }
            for digest, step in named.items()
        ],
        "close": close_document(state, gate_id),
        "access": access_of(state, world.pinned, named.values()),
        "can_decide": sorted(deciders(state, gate_id, people, world)) if gate.open else [],
        "skipped_hand_overs": skipped_hand_overs(state, world, gate_id),
        "votes": [
            {
                "by": vote.by,
                "on_behalf_of": vote.on_behalf_of,
                "verdict": vote.verdict,
                "at": at,
                "reason": vote.reason,
            }
            for vote, at in gate.votes
        ],
    }


def _gate_title(world: World, gate: str) -> str:
    spec = world.pinned.approvals.decisions.get(gate)
    return spec.title if spec is not None else gate


def _task(state: RunState, task_id: str) -> Document:
    task = state.work.tasks[task_id]
    step = state.plan.steps.get(task.opened.step_id)
    return {
        "task_id": task_id,
        "kind": task.opened.kind,
        "step_id": task.opened.step_id,
        "step": step.name if step is not None else None,
        "title": step.title if step is not None else None,
        "instruction": instruction(step, task.opened.kind),
        "role": task.opened.role,
        "state": task.outcome,
        "by": task.by or None,
        "may_take_effect_until": may_take_effect_until(state, task_id),
        "opened_at": task.opened_at,
        "due_at": task.opened.due,
    }


def may_take_effect_until(state: RunState, task_id: str) -> datetime | None:
    """Until when the call whose outcome an open task asks about can still take effect."""
    task = state.work.tasks[task_id]
    if not task.open or task.opened.kind != "confirm_outcome":
        return None
    known = state.work.steps.get(task.opened.step_id)
    return known.in_flight_until if known is not None and known.status == "unknown" else None


def instruction(step: PlannedStep | None, kind: str) -> str | None:
    if step is None:
        return None
    if kind == "confirm_outcome":
        return f"Check in {step.system or 'the system'} whether this step took effect. Record the result with evidence."
    return step.task_instruction or None


def exception_in_run(state: RunState, world: World, exception_id: str) -> Document:
    known = state.work.exceptions[exception_id]
    opened = known.opened
    step = state.plan.steps.get(opened.step_id or "")
    found = state.accounts.planned_on.get(opened.system or "")
    rule = RULES[opened.kind]
    asks = Repair.SETTLE in rule.repairs and known.open and found is not None
    return {
        "exception_id": exception_id,
        "kind": opened.kind,
        "state": "open" if known.open else "closed",
        "owners": sorted(opened.owners),
        "step_id": opened.step_id,
        "step": step.name if step is not None else None,
        "system": opened.system,
        "gate_id": opened.gate_id,
        "code": opened.code or None,
        "opened_at": known.opened_at,
        "due_at": known.due,
        "closed_at": known.closed_at,
        "disposition": known.disposition,
        "by": known.by or None,
        **exception_record(state, known, world),
        "decision": decision_behind(state, opened),
        "candidates": [account_of(state, id_) for id_ in found.candidates] if asks and found is not None else [],
        "not_selected": not_selected(state, known),
        "remedy": exception_remedy(opened.kind, opened.code, opened.system, world.pinned),
        "repairs": list(rule.repairs),
    }


def not_selected(state: RunState, exception: ExceptionState) -> list[str]:
    """The ids of the accounts that were found and not selected, where a second person is asked about that."""
    system = exception.opened.system or ""
    if not exception.open or not is_about_selection(exception.opened, system):
        return []
    selected = state.accounts.of(system) or ()
    found = state.accounts.planned_on.get(system)
    return [id_ for id_ in (found.candidates if found is not None else ()) if id_ not in selected]


def _event(recorded: Recorded, hashes: Mapping[int, str]) -> Document:
    return {
        "version": recorded.version,
        "position": recorded.position,
        "at": recorded.recorded_at,
        "type": recorded.type,
        "hash": hashes.get(recorded.version),
        "data": recorded.event.model_dump(mode="json"),
    }
