"""What a packet's three files mean, in sentences for people who read no YAML."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.documents.plain_words import joined, minutes, number, quoted, roles, sentence
from orchestrator.domain.organisation.roles import role_words
from orchestrator.domain.packet.ability import AbilityFacts, Catalogue
from orchestrator.domain.packet.packet import GateSpec, Packet, SystemSpec, WorkflowStep
from orchestrator.vocabulary.durations import spelled

NEVER_DECIDE = (
    "Whoever asked for a run, the person who leaves, and everybody who reports to that person never decide about it, "
    "whatever their role. Several decisions are those of several people, whatever accounts they use."
)
LEFT_OUT = "A step that was left out, or never planned, holds up nothing that would come after it."
DOES = {
    "read": "It looks and changes nothing",
    "prepare": "It changes nothing outside Offboard",
    "stage": "It leaves something there that takes effect later",
    "change": "It takes effect at once",
}
LEVELS = {
    "read": "may look",
    "prepare": "may prepare: plans, drafts and what else stays inside Offboard",
    "stage": "may leave something in the system that takes effect later, or not at all",
    "change": "may change what is there",
}


def step_sentence(step: WorkflowStep, packet: Packet, catalogue: Catalogue) -> str:
    if step.task is not None:
        return _task(step, packet)
    assert step.system is not None and step.ability is not None
    system = packet.platform.systems[step.system]
    ability = catalogue[system.connector][step.ability]
    begins = sentence(f"Offboard does this in {quoted(system.title)}, {_begins(step, packet)}")
    parts = [begins]
    if step.when is not None:
        parts.append(f"It is planned only where this holds: {step.when}.")
    parts.append(_effect(ability))
    if ability.repeat == "never":
        parts.append("It is tried once, and never again where it is in doubt whether it worked.")
    if not ability.read_back:
        parts.append("Nobody can look afterwards whether it worked: the system's word counts.")
    if step.minutes_saved:
        parts.append(f"It saves {minutes(step.minutes_saved)} of manual work.")
    return " ".join(parts)


def _task(step: WorkflowStep, packet: Packet) -> str:
    assert step.task is not None
    due = step.task.due_within or packet.workflow.thresholds.task_due_within
    parts = [
        sentence(f"Somebody with the role {role_words(step.task.role)} does this, {_begins(step, packet)}"),
        f"They have {spelled(due)} from then on.",
    ]
    if step.when is not None:
        parts.insert(1, f"It is planned only where this holds: {step.when}.")
    parts.append("They say what shows that it is done." if step.task.evidence_required else "Their word is enough.")
    if step.minutes_saved:
        parts.append(f"It saves {minutes(step.minutes_saved)} of manual work.")
    return " ".join(parts)


def _begins(step: WorkflowStep, packet: Packet) -> str:
    after = [quoted(packet.workflow.step(name).title) for name in step.needs]
    conditions = []
    if after:
        conditions.append(f"{joined(after)} {'is' if len(after) == 1 else 'are'} done")
    if step.gate is not None:
        conditions.append(f"the gate {quoted(packet.approvals.gates[step.gate].title)} has approved it")
    if step.at.anchor == "approval":
        return f"as soon as {joined(conditions)}" if conditions else "as soon as there is a plan"
    return f"{_moment(step.at.offset)}{', once ' + joined(conditions) if conditions else ''}"


def _moment(offset: timedelta) -> str:
    if not offset:
        return "at the cutoff"
    return f"{spelled(abs(offset))} {'before' if offset < timedelta(0) else 'after'} the cutoff"


def _effect(ability: AbilityFacts) -> str:
    does = DOES[ability.level]
    if ability.level in ("read", "prepare"):
        return f"{does}."
    if ability.cuts_access:
        does = "It takes access away at once" if ability.level == "change" else "It takes access away later"
    match ability.reversible:
        case "yes":
            undone = "can be undone"
        case "limited" if ability.reversible_for is not None:
            undone = f"can be undone for {spelled(ability.reversible_for)}"
        case _:
            undone = "cannot be undone"
    return f"{does}, and {undone}."


def gate_sentence(name: str, gate: GateSpec, packet: Packet) -> str:
    many = gate.quorum > 1
    who = f"{number(gate.quorum)} different people" if many else "one person"
    parts = [
        sentence(
            f"{who} with the role {roles(gate.decided_by)} {'decide' if many else 'decides'}, within "
            f"{spelled(gate.decide_within)} of being asked"
        )
    ]
    if gate.escalate_to:
        parts.append(sentence(f"if that has not happened by then, {_everybody(gate.escalate_to)} is asked as well"))
    else:
        parts.append("If that has not happened by then, it goes on waiting for them.")
    parts.append(f"What is approved may be done until {spelled(gate.valid_for)} after the cutoff.")
    if gate.needed_when is not None:
        parts.append(
            f"It is asked where this holds: {gate.needed_when}. Elsewhere a step that can be undone goes on without "
            "it; what cannot be undone is always asked about."
        )
    if gate.decide_together:
        parts.append("The same decision may be given for several runs in one go; each is recorded on its own.")
    return " ".join(parts)


def gate_steps(name: str, packet: Packet) -> list[str]:
    """The titles of the steps that wait for the gate."""
    return [step.title for step in packet.workflow.steps if step.gate == name]


def outcome_sentences(packet: Packet) -> list[str]:
    """What the business promises itself, and what it hopes to save."""
    within = spelled(packet.workflow.outcomes.access_gone_within)
    saved = sum(step.minutes_saved for step in packet.workflow.steps)
    told = [
        f"{within[:1].upper()}{within[1:]} after the cutoff at the latest, all access is gone and that is verified."
    ]
    if saved:
        told.append(f"A run with every step saves {minutes(saved)} of manual work.")
    return told


def threshold_sentences(packet: Packet) -> list[str]:
    limits = packet.workflow.thresholds
    exceptions = packet.approvals.exceptions
    told = [
        f"Whoever starts more than {number(limits.batch_cap)} runs from one list has to repeat their number.",
        "A system that does not answer is tried again and again; after "
        f"{spelled(limits.retries_become_exception_after)} an exception opens, so that a person knows of it, and the "
        "trying goes on.",
        "Before something is changed in a system, its accounts are looked at again, unless that was done within the "
        f"last {_last(limits.accounts_fresh_for)}.",
        f"A task is to be done within {spelled(limits.task_due_within)}, where it does not say otherwise.",
        f"What does not go as planned is looked after by {_everybody((exceptions.owner,))}, and settled within "
        f"{spelled(exceptions.due_within)}.",
    ]
    if packet.workflow.pilot is not None:
        told.append(f"While the packet is in its pilot, it is for people of whom this holds: {packet.workflow.pilot}.")
    return told


def urgent_sentences(packet: Packet) -> list[str]:
    urgent = packet.approvals.urgent
    if urgent is None:
        return ["Nobody may start a run urgently: every cut of access waits for its gate."]
    return [
        sentence(
            f"Somebody with the role {roles(urgent.allowed_to)} may start a run urgently: steps that take access away "
            "and can be undone then begin at once, before the gates are decided"
        ),
        "Everything else waits for its gate as always.",
        sentence(f"{_everybody(urgent.review_by)} reviews such a start within {spelled(urgent.review_within)}"),
    ]


def embargo_sentences(packet: Packet) -> list[str]:
    embargo = packet.approvals.embargo
    if embargo is None:
        return []
    return [
        f"Until {spelled(embargo.lasts)} after the cutoff a run exists only for whoever asked for it and for "
        f"{joined(embargo.named)}. Nobody else finds it anywhere."
    ]


def system_sentences(name: str, packet: Packet) -> list[str]:
    """How an account is told to be somebody's, and how hard the system is asked."""
    system = packet.platform.systems[name]
    told = ["Offboard learns from it who works here."] if packet.platform.hr.system == name else []
    told += _matching(system) if any(step.system == name for step in packet.workflow.steps) else []
    told.append(f"One attempt takes {spelled(system.deadline)} at most.")
    if system.rate_per_second is not None:
        told.append(f"It is asked {system.rate_per_second:g} times a second at most.")
    if system.queue is not None:
        told.append(f"A worker of its own serves it, on the queue {system.queue}.")
    return told


def _matching(system: SystemSpec) -> list[str]:
    told = []
    strong = [_key(key.key) for key in system.match if key.strength == "strong"]
    weak = [_key(key.key) for key in system.match if key.strength == "weak"]
    if strong:
        told.append(
            f"An account is theirs where exactly one fits by {joined(strong, 'or')}; where several fit, a person is "
            "asked."
        )
    if weak:
        told.append(f"One that fits by {joined(weak, 'or')} alone is only ever a question for a person.")
    if system.match and not system.expected:
        told.append("Not everybody has an account there: finding none is an answer.")
    elif system.match:
        told.append("Everybody has an account there: where none is found, a person is asked.")
    return told


def _key(name: str) -> str:
    return {"email": "mail address", "former_emails": "a former mail address", "hr_id": "HR's own id"}.get(
        name, name.replace("_", " ")
    )


def _last(span: timedelta) -> str:
    """`hour`, `2 hours`, `1 hour 30 minutes`: after "within the last"."""
    said = spelled(span)
    return said.removeprefix("1 ") if said.count(" ") == 1 else said


def _everybody(slugs: tuple[str, ...]) -> str:
    """A role as those who hold it: `whoever has the role operator`."""
    return f"whoever has the role {roles(slugs)}"
