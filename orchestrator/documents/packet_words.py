"""A packet's three files in sentences, for people who don't read YAML."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.documents.plain_words import joined, minutes, number, quoted, roles, sentence
from orchestrator.domain.organisation.roles import role_words
from orchestrator.domain.packet.ability import AbilityFacts, Catalogue, find_ability
from orchestrator.domain.packet.packet import CloseSpec, DecisionSpec, GateSpec, Packet, SystemSpec, WorkflowStep
from orchestrator.vocabulary.durations import spelled
from orchestrator.vocabulary.states import SYSTEM_CLASS

NEVER_DECIDE = (
    "The requester of a run, the leaver and the leaver's reports cannot approve it, whatever their role. Where several "
    "approvals are needed, they come from different people, whatever accounts they use."
)
LEFT_OUT = "A step that is skipped or not planned does not block the steps after it."
DOES = {
    "read": "It reads and changes nothing",
    "prepare": "It changes nothing outside Offboard",
    "stage": "It prepares a change that takes effect later",
    "change": "It takes effect immediately",
}
LEVELS = {
    "read": "can read",
    "prepare": "can create plans and drafts inside Offboard",
    "stage": "can prepare changes in the system that take effect later or not at all",
    "change": "can change data in the system",
}


def step_sentence(step: WorkflowStep, packet: Packet, catalogue: Catalogue) -> str:
    if step.task is not None:
        return _task(step, packet)
    assert step.system is not None and step.ability is not None
    system = packet.platform.systems[step.system]
    ability = find_ability(catalogue, system.connector, step.ability)
    begins = sentence(f"Offboard does this in {quoted(system.title)}, {_begins(step, packet)}")
    parts = [begins]
    if step.when is not None:
        parts.append(f"It is planned only if: {step.when}.")
    if ability is None:
        parts.append(f"Its effect cannot be shown here: {missing_connector(system)}")
        return " ".join(parts)
    parts.append(_effect(ability))
    if ability.repeat == "never":
        parts.append("It is attempted once, and not retried if the outcome is unknown.")
    if not ability.read_back:
        parts.append("The result cannot be read back; the system's response counts as evidence.")
    if step.minutes_saved:
        parts.append(f"It saves {minutes(step.minutes_saved)} of manual work.")
    return " ".join(parts)


def class_step_sentence(step: WorkflowStep, packet: Packet) -> str:
    """The systems that a step for every system of a class has a step for."""
    systems = (packet.expansion or {}).get(step.name, ())
    titles = [quoted(packet.platform.systems[system].title) for system in systems]
    has = f"has a step for {joined(titles)}" if titles else "has no step, since no system can do it"
    return f"{quoted(step.title)}, for every system of the class {SYSTEM_CLASS[step.every or '']}, {has}."


def missing_connector(system: SystemSpec) -> str:
    return f"the connector {system.connector} is not installed in this version."


def _task(step: WorkflowStep, packet: Packet) -> str:
    assert step.task is not None
    due = step.task.due_within or packet.workflow.thresholds.task_due_within
    parts = [
        sentence(f"A person with the role {role_words(step.task.role)} does this, {_begins(step, packet)}"),
        f"It is due {spelled(due)} later.",
    ]
    if step.when is not None:
        parts.insert(1, f"It is planned only if: {step.when}.")
    parts.append("Evidence is required." if step.task.evidence_required else "Evidence is optional.")
    if step.minutes_saved:
        parts.append(f"It saves {minutes(step.minutes_saved)} of manual work.")
    return " ".join(parts)


def _begins(step: WorkflowStep, packet: Packet) -> str:
    after = [quoted(packet.workflow.step(name).title) for name in step.needs]
    conditions = []
    if after:
        conditions.append(f"{joined(after)} {'is' if len(after) == 1 else 'are'} done")
    if step.gate is not None:
        conditions.append(f"it is approved at the gate {quoted(packet.approvals.gates[step.gate].title)}")
    if step.at.anchor == "approval":
        return f"as soon as {joined(conditions)}" if conditions else "as soon as the run is planned"
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
        does = "It removes access immediately" if ability.level == "change" else "It removes access later"
    match ability.reversible:
        case "yes":
            undone = "can be undone"
        case "limited" if ability.reversible_for is not None:
            undone = f"can be undone for {spelled(ability.reversible_for)}"
        case _:
            undone = "cannot be undone"
    return f"{does}, and {undone}."


def gate_sentence(name: str, gate: GateSpec, packet: Packet) -> str:
    parts = _who_decides(gate, "decide", "decides")
    parts.append(f"An approval is valid until {spelled(gate.valid_for)} after the cutoff.")
    if gate.needed_when is not None:
        parts.append(
            f"Approval is needed if: {gate.needed_when}. Otherwise, reversible steps run without approval; "
            "irreversible steps always need it."
        )
    return " ".join([*parts, *_together(gate)])


def close_sentence(spec: CloseSpec) -> str:
    """A signature that a run needs before it closes."""
    parts = _who_decides(spec, "sign", "signs")
    parts.append(f"A signature is valid for {spelled(spec.valid_for)} after people are asked.")
    return " ".join([*parts, *_together(spec)])


def _together(spec: DecisionSpec) -> list[str]:
    return (
        ["Several runs can be decided together; each decision is recorded separately."] if spec.decide_together else []
    )


def _who_decides(gate: DecisionSpec, decide: str, decides: str) -> list[str]:
    many = gate.quorum > 1
    who = f"{number(gate.quorum)} different people" if many else "one person"
    parts = [
        sentence(
            f"{who} with the role {roles(gate.decided_by)} {decide if many else decides} within "
            f"{spelled(gate.decide_within)}"
        )
    ]
    if gate.escalate_to:
        parts.append(sentence(f"it escalates to the role {roles(gate.escalate_to)} if it is not decided by then"))
    else:
        parts.append("There is no escalation if it is not decided by then.")
    return parts


def gate_steps(name: str, packet: Packet) -> list[str]:
    """The titles of the steps that wait for the gate."""
    return [step.title for step in packet.workflow.steps if step.gate == name]


def outcome_sentences(packet: Packet) -> list[str]:
    """The target for the removal of access, and the manual work that a run saves."""
    within = spelled(packet.workflow.outcomes.access_gone_within)
    saved = sum(step.minutes_saved for step in packet.workflow.steps)
    sentences = [f"All access is removed, and the removal verified, within {within} of the cutoff."]
    if saved:
        sentences.append(f"A run with every step saves {minutes(saved)} of manual work.")
    return sentences


def threshold_sentences(packet: Packet) -> list[str]:
    limits = packet.workflow.thresholds
    exceptions, starts = packet.approvals.exceptions, packet.approvals.start_limits
    sentences = [
        f"Starting more than {number(limits.batch_cap)} runs from one list needs a confirmation of their number.",
        f"Within {spelled(starts.window)}, one requester can start {number(starts.per_requester)} runs, "
        f"{number(starts.urgent_per_requester)} of them urgent; all together "
        f"{number(starts.per_packet)}, {number(starts.urgent_per_packet)} of them urgent. Further starts are held.",
        "Failed attempts are retried. After "
        f"{spelled(limits.retries_become_exception_after)} an exception opens as well, and the retries continue.",
        "Before a change in a system, its accounts are searched again, unless that was done within the last "
        f"{_last(limits.accounts_fresh_for)}.",
        f"A task is due within {spelled(limits.task_due_within)}, unless its step sets another time.",
        f"Exceptions belong to the role {role_words(exceptions.owner)} and are due within "
        f"{spelled(exceptions.due_within)}.",
    ]
    if packet.approvals.postpone is not None:
        who = roles(packet.approvals.postpone.allowed_to)
        sentences.append(f"A person with the role {who} can move a cutoff to a later time.")
    sentences += _pause(packet)
    sentences += _legal_hold(packet)
    if packet.workflow.pilot is not None:
        sentences.append(f"In the pilot phase, the packet applies to people for whom: {packet.workflow.pilot}.")
    return sentences


def _pause(packet: Packet) -> list[str]:
    spec = packet.approvals.pause
    if spec is None:
        return []
    who = "; before that, a person other than the one who paused resumes them" if spec.second_person else ""
    return [f"Paused runs and systems resume automatically after {spelled(spec.ends_within)} at the latest{who}."]


def _legal_hold(packet: Packet) -> list[str]:
    spec = packet.approvals.legal_hold
    sentences = []
    if spec is not None and spec.allowed_to:
        sentences.append(
            f"A person with the role {roles(spec.allowed_to)} can place a legal hold, which keeps data from being "
            "destroyed; another person with such a role lifts it."
        )
    if spec is not None and spec.when is not None:
        sentences.append(f"A run starts under a legal hold if: {spec.when}.")
    return sentences


def urgent_sentences(packet: Packet) -> list[str]:
    urgent = packet.approvals.urgent
    if urgent is None:
        return ["Urgent starts are not allowed: every removal of access needs approval."]
    return [
        sentence(
            f"A person with the role {roles(urgent.allowed_to)} can start an urgent run: reversible steps that remove "
            "access then start immediately, before approval"
        ),
        f"A start with a cutoff more than {spelled(urgent.late_after)} in the past is urgent as well.",
        "All other steps need approval as usual.",
        sentence(
            f"an urgent start is reviewed by the role {roles(urgent.review_by)} within {spelled(urgent.review_within)}"
        ),
    ]


def embargo_sentences(packet: Packet) -> list[str]:
    embargo = packet.approvals.embargo
    if embargo is None:
        return []
    return [
        f"Until {spelled(embargo.lasts)} after the cutoff, a run is visible only to its requester and to "
        f"{joined(embargo.named)}."
    ]


def system_sentences(name: str, packet: Packet, catalogue: Catalogue) -> list[str]:
    """How accounts are matched to the person, and the limits on calls to the system."""
    system = packet.platform.systems[name]
    if system.connector not in catalogue:
        return [sentence(missing_connector(system)), *_system(name, packet)]
    return _system(name, packet)


def _system(name: str, packet: Packet) -> list[str]:
    system = packet.platform.systems[name]
    sentences = ["It is the HR system of record."] if packet.platform.hr.system == name else []
    sentences += _matching(system) if any(step.system == name for step in packet.workflow.steps) else []
    sentences.append(f"An attempt times out after {spelled(system.deadline)}.")
    if system.rate_per_second is not None:
        sentences.append(f"At most {system.rate_per_second:g} requests per second.")
    if system.queue is not None:
        sentences.append(f"A separate worker serves it, on the task queue {system.queue}.")
    return sentences


def _matching(system: SystemSpec) -> list[str]:
    sentences = []
    strong = [_key(key.key) for key in system.match if key.strength == "strong"]
    weak = [_key(key.key) for key in system.match if key.strength == "weak"]
    if strong:
        sentences.append(
            f"An account is matched if exactly one fits by {joined(strong, 'or')}. If several fit, an exception opens."
        )
    if weak:
        sentences.append(
            f"An account that fits by {joined(weak, 'or')} alone is a possible match, which a person confirms."
        )
    if system.match and not system.expected:
        sentences.append("Having no account there is normal.")
    elif system.match:
        sentences.append("An account is expected there: if none is found, an exception opens.")
    return sentences


def _key(name: str) -> str:
    return {"email": "mail address", "former_emails": "a former mail address", "hr_id": "HR ID"}.get(
        name, name.replace("_", " ")
    )


def _last(span: timedelta) -> str:
    """`hour`, `2 hours`, `1 hour 30 minutes`: after "within the last"."""
    said = spelled(span)
    return said.removeprefix("1 ") if said.count(" ") == 1 else said
