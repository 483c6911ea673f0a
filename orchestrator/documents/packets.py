"""A packet as a document: its three files with their owners, its signatures, and its meaning in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.documents import packet_words as words
from orchestrator.documents.document import Document
from orchestrator.documents.systems.support import support_facts
from orchestrator.domain.packet.ability import Catalogue, KindClasses
from orchestrator.domain.packet.checks.notices import packet_notices
from orchestrator.domain.packet.class_steps import places, step_name
from orchestrator.domain.packet.history.packet_events import (
    PacketActRefused,
    PacketAdopted,
    PacketMoved,
    PacketObjected,
    PacketObjectionAnswered,
    PacketObjectionWithdrawn,
    PacketSigned,
)
from orchestrator.domain.packet.packet import APPROVALS_FILE, FILE_NAMES, PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor, ActorKind
from orchestrator.ledger.book.records import Recorded

KINDS: tuple[ActorKind, ...] = ("person", "service", "assistant")


def packet_document(
    packet: Packet, shelf: PacketShelf, happened: Sequence[Recorded], catalogue: Catalogue, classes: KindClasses
) -> Document:
    """One version. `happened` are the events of the packet's stream. `notices` say what the packet leaves open with
    today's connectors (`checks.notices`)."""
    known = shelf.history.version(packet.version)
    return {
        "name": packet.name,
        "title": packet.workflow.title,
        "purpose": packet.workflow.purpose,
        "version": packet.version,
        "phase": known.phase,
        "current": packet.version == shelf.history.current_version,
        "value_owner": packet.workflow.value_owner,
        "safety_owner": packet.platform.safety_owner,
        "files": _files(packet),
        "signatures": [{"owner": s.owner, "phase": s.phase, "by": s.by} for s in known.signatures],
        "past_signatures": [{"owner": s.owner, "phase": s.phase, "by": s.by} for s in known.past_signatures],
        "versions": [
            {"version": version.version, "phase": version.phase} for version in reversed(shelf.history.versions)
        ],
        "objections": objections(packet.version, happened),
        "history": [entry for recorded in happened if (entry := _history(recorded)) is not None],
        "meaning": meaning(packet, catalogue),
        "notices": [notice.model_dump() for notice in packet_notices(packet, catalogue, classes)],
        "levels": level_tables(packet),
        "level_words": dict(words.LEVELS),
    }


def meaning(packet: Packet, catalogue: Catalogue) -> Document:
    """The files in words."""
    written = [packet.written.steps[place] for place in places(packet)]
    return {
        "outcomes": words.outcome_sentences(packet),
        "steps": [
            {
                "name": step.name,
                "title": step.title,
                "system": step.system,
                "gate": step.gate,
                "needs": list(step.needs),
                "task_for": step.task.role if step.task is not None else None,
                "instruction": step.task.instruction if step.task is not None else None,
                "sentence": words.step_sentence(step, packet, catalogue),
                "written_as": source.name if source.every is not None else None,
            }
            for step, source in zip(packet.workflow.steps, written, strict=True)
        ],
        "class_steps": class_steps(packet),
        "left_out": words.LEFT_OUT,
        "gates": [
            {
                "name": name,
                "title": gate.title,
                "sentence": words.gate_sentence(name, gate, packet),
                "steps": words.gate_steps(name, packet),
            }
            for name, gate in packet.approvals.gates.items()
        ],
        "close": [
            {"name": name, "title": spec.title, "sentence": words.close_sentence(spec)}
            for name, spec in packet.approvals.close.items()
        ],
        "never_decide": words.NEVER_DECIDE,
        "thresholds": words.threshold_sentences(packet),
        "urgent": words.urgent_sentences(packet),
        "embargo": words.embargo_sentences(packet),
        "systems": [
            {
                "name": name,
                "title": system.title,
                "connector": system.connector,
                "hosts": list(system.hosts),
                "support": system.support.team or None,
                "runbook": system.runbook or None,
                "support_details": support_facts(system.support),
                "sentences": words.system_sentences(name, packet, catalogue),
            }
            for name, system in packet.platform.systems.items()
        ],
    }


def class_steps(packet: Packet) -> list[Document]:
    """The steps for every system of a class, as they are written, each with the names of its steps."""
    expansion = packet.expansion or {}
    return [
        {
            "name": step.name,
            "title": step.title,
            "every": step.every,
            "ability": step.ability,
            "systems": list(expansion.get(step.name, ())),
            "steps": [step_name(step.name, system) for system in expansion.get(step.name, ())],
            "sentence": words.class_step_sentence(step, packet),
        }
        for step in packet.written.steps
        if step.every is not None
    ]


def expansion_text(packet: Packet) -> str:
    """One line for each step that comes from a step for every system of a class, to compare versions."""
    lines = []
    for step, place in zip(packet.workflow.steps, places(packet), strict=True):
        if packet.written.steps[place].every is not None:
            gate = f", gate {step.gate}" if step.gate is not None else ", without a gate"
            needs = f", needs {', '.join(step.needs)}" if step.needs else ""
            lines.append(f"{step.name}: {step.ability} on {step.system}, at {step.at}{gate}{needs}\n")
    return "".join(lines)


def level_tables(packet: Packet) -> list[Document]:
    """For each kind of actor: each role (or `*` for everyone of that kind) with the highest level granted on each
    system, None without a grant. A row includes what is granted to everyone. A kind without any grant has no rows."""
    systems = list(packet.platform.systems)
    tables = []
    for kind in KINDS:
        named = dict.fromkeys(rule.who for rule in packet.platform.levels if rule.kind == kind)
        rows = []
        for who in named:
            actor = Actor(actor_id="", kind=kind, roles=frozenset() if who == "*" else frozenset({who}))
            granted = {system: granted_level(packet.platform.levels, actor, system, packet.name) for system in systems}
            by_system = {system: level.value if level is not None else None for system, level in granted.items()}
            rows.append({"who": who, "levels": by_system})
        tables.append({"kind": kind, "systems": systems, "rows": rows})
    return tables


def _files(packet: Packet) -> list[Document]:
    owners = {
        WORKFLOW_FILE: ("value", [packet.workflow.value_owner]),
        PLATFORM_FILE: ("safety", [packet.platform.safety_owner]),
        APPROVALS_FILE: ("both", [packet.workflow.value_owner, packet.platform.safety_owner]),
    }
    return [
        {"name": name, "owner": owners[name][0], "roles": owners[name][1], "text": packet.files[name].decode()}
        for name in FILE_NAMES
    ]


def objections(version: str, happened: Sequence[Recorded]) -> list[Document]:
    """To this version, oldest first. `answered`: another version was adopted that says so; `answer` is its sentence,
    None if the personal data of its author was erased."""
    found: dict[str, Document] = {}
    for recorded in happened:
        match recorded.event:
            case PacketObjected() as event if event.version == version:
                found[event.objection] = {
                    "objection": event.objection,
                    "by": event.by,
                    "at": recorded.recorded_at,
                    "reason": event.explanation,
                    "state": "open",
                    "answered_by": None,
                    "answer": None,
                }
            case PacketObjectionWithdrawn() as event if event.objection in found:
                found[event.objection]["state"] = "withdrawn"
            case PacketObjectionAnswered() as event if event.objection in found:
                answered = {"answered_by": event.answered_by, "answer": event.explanation}
                found[event.objection] |= {"state": "answered"} | answered
    return list(found.values())


def _history(recorded: Recorded) -> Document | None:
    """One change of the packet, with `what` it was."""
    event = recorded.event
    entry: Document = {"at": recorded.recorded_at}
    match event:
        case PacketAdopted():
            return entry | {"what": "adopted", "version": event.version, "by": event.by}
        case PacketSigned():
            return entry | {
                "what": "signed",
                "version": event.version,
                "by": event.by,
                "owner": event.owner,
                "phase": event.phase,
            }
        case PacketMoved():
            return entry | {
                "what": "moved",
                "version": event.version,
                "by": event.by,
                "from_phase": event.from_phase,
                "phase": event.to_phase,
                "reason": event.explanation or event.reason or None,
                "open_runs": event.open_runs,
            }
        case PacketObjected():
            said = {"version": event.version, "by": event.by, "objection": event.objection}
            return entry | said | {"what": "objected", "reason": event.explanation}
        case PacketObjectionWithdrawn():
            said = {"version": event.version, "by": event.by, "objection": event.objection}
            return entry | said | {"what": "objection_withdrawn"}
        case PacketObjectionAnswered():
            said = {"version": event.answered_by, "by": event.by, "objection": event.objection}
            return entry | said | {"what": "objection_answered", "reason": event.explanation}
        case PacketActRefused():
            return entry | {"what": "refused", "version": event.version} | refused_part(event)
    return None


def refused_part(event: PacketActRefused) -> Document:
    return {"by": event.by, "act": event.act, "phase": event.phase, "code": event.refusal}
