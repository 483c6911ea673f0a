"""`start --preview`: what a run would do, worked out in memory. Nothing is written, in the ledger or anywhere else.

The same searching, matching and planning as in a run, under the same rules; only that nothing comes of it. Where the
keyring does not know the person yet, a key is thrown together for the moment, so that account ids here are not those of
the run to come.
"""

from __future__ import annotations

import secrets
from typing import Any

from activities.accounts import Found, find_accounts
from connectors.registry import connector_kinds
from orchestrator.cli.run_pages import label
from orchestrator.cli.screen import cutoff, instant, length, name, say, table
from orchestrator.cli.session import Session
from orchestrator.documents import run as run_document
from orchestrator.domain import events as e
from orchestrator.domain import gates, requests, searching, surroundings
from orchestrator.domain.cutoff import Cutoff
from orchestrator.domain.errors import TooLate
from orchestrator.domain.levels import Level
from orchestrator.domain.packet import Packet
from orchestrator.domain.person import PersonFacts
from orchestrator.domain.plan import PlannedStep
from orchestrator.domain.planning import make_plan
from orchestrator.domain.run import RunState, fold
from orchestrator.domain.standing import due_at
from orchestrator.ledger.keys import new_person_id
from orchestrator.ledger.packets import version_for
from orchestrator.ledger.sealing import KEY_BYTES, PersonKey

Document = dict[str, Any]


async def look_ahead(session: Session, wanted: str, packet: str, given: Cutoff | None, urgent: bool) -> Document:
    """The preview as a document. Refused exactly where the start would be."""
    shelf, current = await session.packet(packet)
    people = session.people(current)
    person = await people.facts(await people.find(wanted))
    version = version_for(shelf, packet, person)
    pinned = shelf.version(version.version)
    now = await session.books.ledger.now()
    key, open_run = await _key(session, person)
    if open_run is not None and await session.queries.open_run_of(session.viewer, key.person_id) is None:
        raise hidden_run()
    asked = requests.request_run(
        run_id="preview",
        person_id=key.person_id,
        person=person,
        cutoff=given,
        urgent=urgent,
        actor=session.actor,
        packet=pinned,
        phase=version.phase,
        open_run=open_run,
        now=now,
    )
    systems = [(system, "plan") for system in searching.searched_systems(pinned)]
    found = await find_accounts(person, key, pinned, current, systems, session.connections)  # type: ignore[arg-type]  # "plan" is a Purpose
    details = {account.account_id: account.model_dump(mode="json") for account in found.accounts}
    state = fold(RunState(), asked, now)
    state = fold(state, e.AccountsSearched(results=found.results, details=details), now)
    state = fold(state, make_plan(state, pinned, connector_kinds()), now)
    return _document(state, pinned, found)


def hidden_run() -> TooLate:
    """For a run that is open and that the actor may not see: nothing about it is said."""
    return TooLate("not_now", "A run cannot be started for this person now.", "Ask one of the packet's owners.")


async def _key(session: Session, person: PersonFacts) -> tuple[PersonKey, str | None]:
    person_id = await session.books.keyring.person_for("hr", person.hr_id, create=False)
    if person_id is None:
        return PersonKey(new_person_id(), secrets.token_bytes(KEY_BYTES)), None
    record = surroundings.PersonRecord()
    stream = e.person_stream(person_id)
    for recorded in (await session.books.ledger.read({stream: 0})).events[stream]:
        record = surroundings.fold_person(record, recorded.event)
    open_run = record.last_run
    if open_run is not None and (await session.books.runs.look(open_run)).state.finished:
        open_run = None
    return await session.books.keyring.person_key(person_id), open_run


def _document(state: RunState, packet: Packet, found: Found) -> Document:
    header = run_document.header(state)
    opening = {
        gate: digests
        for gate in packet.approvals.gates
        if (digests := gates.undecided(state, gate, state.requested_at)) and state.asked.phase != "shadow"
    }
    return {
        **{key: header[key] for key in ("person", "packet", "packet_version", "phase", "cutoff", "zone", "urgent")},
        "systems": [_system(state, result, found) for result in found.results],
        "steps": [_step(state, step) for step in state.steps.values()],
        "steps_left_open": sorted(state.open_steps),
        "gates": [
            {
                "gate": gate,
                "title": packet.approvals.gates[gate].title,
                "roles": sorted(packet.approvals.gates[gate].decided_by),
                "quorum": packet.approvals.gates[gate].quorum,
                "decide_within": packet.approvals.gates[gate].decide_within,
                "steps": [step.name for step in state.steps.values() if step.digest in digests],
            }
            for gate, digests in opening.items()
        ],
    }


def _system(state: RunState, result: e.SystemSearched, found: Found) -> Document:
    return {
        "system": result.system,
        "outcome": result.outcome,
        "matched_on": result.matched_on or None,
        "accounts": [run_document.account_of(state, id_) for id_ in result.accounts],
        "candidates": [run_document.account_of(state, id_) for id_ in result.candidates],
        "code": result.code or None,
        "trouble": found.troubles.get(result.system),
    }


def _step(state: RunState, step: PlannedStep) -> Document:
    return {
        "step_id": step.step_id,
        "name": step.name,
        "title": step.title,
        "system": step.system or None,
        "account": run_document.account(state, step),
        "level": step.level.value,
        "reversible": step.reversible,
        "reversible_for": step.reversible_for,
        "needs": list(step.needs),
        "gate": step.gate,
        "before_gates": state.goes_before_gates(step),
        "due_at": due_at(state, step),
        "task_for": step.task_role,
        "withheld": state.asked.phase == "shadow" and step.level > Level.PREPARE,
    }


def print_preview(document: Document) -> None:
    say(f"Preview for {name(document['person'])}: nothing is written.", style="bold")
    ends = "now (urgent)" if document["urgent"] else cutoff(document["cutoff"], document["zone"])
    say(f"Access ends {ends}, under packet {document['packet']} ({document['phase']}).")
    say("")
    table(
        ("System", "Found", "Accounts", "On"),
        [
            (
                system["system"],
                system["outcome"],
                ", ".join(label(account) for account in system["accounts"] or system["candidates"]) or "none",
                system["trouble"] or system["matched_on"] or system["code"],
            )
            for system in document["systems"]
        ],
    )
    say("")
    table(
        ("Step", "System", "Account", "Level", "When", "Gate", "Can be undone"),
        [
            (
                step["name"],
                step["system"] or f"task for {step['task_for']}",
                label(step["account"]),
                step["level"] + (" (withheld)" if step["withheld"] else ""),
                _when(step),
                "before its gate" if step["before_gates"] and step["gate"] else step["gate"],
                _undone(step),
            )
            for step in document["steps"]
        ],
    )
    say("")
    for gate in document["gates"]:
        people = "one person" if gate["quorum"] == 1 else f"{gate['quorum']} people"
        say(
            f"Gate {gate['gate']} opens for {' or '.join(gate['roles'])} ({people}, within "
            f"{length(gate['decide_within'])}): {', '.join(gate['steps'])}"
        )
    for system in document["systems"]:
        if system["outcome"] in ("ambiguous", "weak"):
            say(f"A person will be asked which account on {system['system']} is theirs.", style="yellow")
        elif system["outcome"] == "failed":
            say(f"{system['system']} could not be looked at: {system['trouble'] or system['code']}", style="yellow")
    if document["steps_left_open"]:
        say(f"Not planned yet, until that is known: {', '.join(document['steps_left_open'])}", style="yellow")


def _when(step: Document) -> str:
    if step["due_at"] is not None:
        return instant(step["due_at"])
    return "when approved" if step["gate"] and not step["before_gates"] else "at once"


def _undone(step: Document) -> str:
    if step["task_for"] or step["level"] in (Level.READ, Level.PREPARE):
        return ""
    limit = length(step["reversible_for"])
    return {"yes": "yes", "no": "no", "limited": f"for {limit}"}[step["reversible"]]
