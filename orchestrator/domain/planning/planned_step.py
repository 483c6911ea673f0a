"""One step of a packet as a step of a plan."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from orchestrator.domain.packet.ability import AbilityFacts
from orchestrator.domain.packet.packet import Packet, SystemSpec, WorkflowStep
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep, step_digest, step_id


def planned_step(
    step: WorkflowStep, ability: AbilityFacts | None, account: FoundAccount | None, packet: Packet, gate: str | None
) -> PlannedStep:
    """One step of the packet, for one account or for none."""
    if step.task is not None:
        draft = PlannedStep(
            step_id=step_id(f"task {step.name}", "", ""),
            digest="",
            name=step.name,
            title=step.title,
            level=Level.CHANGE,
            cuts_access=step.task.cuts_access,
            needs=step.needs,
            anchor=step.at.anchor,
            offset=step.at.offset,
            gate=gate,
            minutes_saved=step.minutes_saved,
            task_role=step.task.role,
            task_instruction=step.task.instruction,
            task_due_within=step.task.due_within or packet.workflow.thresholds.task_due_within,
            evidence_required=step.task.evidence_required,
        )
    else:
        assert ability is not None and step.system is not None
        system = packet.platform.systems[step.system]
        account_id = account.account_id if account is not None else ""
        settle = system.settle if system.settle is not None else ability.settles_within
        draft = PlannedStep(
            step_id=step_id(ability.name, step.system, account_id),
            digest="",
            name=step.name,
            title=step.title,
            system=step.system,
            ability=ability.name,
            account_id=account_id,
            level=Level(ability.level),
            repeat=ability.repeat,
            keyed_for=ability.keyed_for,
            read_back=ability.read_back,
            reversible=ability.reversible,
            reversible_for=ability.reversible_for,
            cuts_access=ability.cuts_access,
            needs=step.needs,
            anchor=step.at.anchor,
            offset=step.at.offset,
            gate=gate,
            parameters=step.parameters,
            deadline=system.deadline.total_seconds(),
            settle=settle.total_seconds(),
            tokens_last=tokens_last(ability, system) if ability.cuts_access else timedelta(0),
            queue=system.queue,
            minutes_saved=step.minutes_saved,
        )
    return draft.model_copy(update={"digest": step_digest(draft)})


def tokens_last(ability: AbilityFacts, system: SystemSpec) -> timedelta | Literal["unknown"]:
    """The setting of the system counts before the ability's default. What leaves no tokens stays at zero."""
    if ability.tokens_last == timedelta(0):
        return timedelta(0)
    if system.token_lifetime is not None:
        return system.token_lifetime
    return ability.tokens_last if ability.tokens_last is not None else "unknown"
