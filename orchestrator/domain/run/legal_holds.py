"""Legal holds of a run: what a court or an authority may ask for is not destroyed until the hold is lifted.

A run can have several, each about a matter of its own. While one is in force, every step that destroys something waits,
whatever was approved. Removals of access continue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import singledispatch
from typing import TYPE_CHECKING, Literal

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.ability import Catalogue, find_ability
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.plan import PlannedStep

if TYPE_CHECKING:
    from orchestrator.domain.run.run import RunState


@dataclass(frozen=True, slots=True)
class LegalHold:
    """`lifted` is None while it is in force."""

    placed: e.LegalHoldPlaced
    placed_at: datetime
    lifted: e.LegalHoldLifted | None = None
    lifted_at: datetime | None = None

    @property
    def in_force(self) -> bool:
        return self.lifted is None


LegalHolds = tuple[LegalHold, ...]
"""In the order in which they were placed."""


@singledispatch
def fold_legal_holds(event: Event, run: RunState, at: datetime) -> LegalHolds:
    """The legal holds after one more event; as before where the event is about something else."""
    return run.legal_holds


@fold_legal_holds.register(e.LegalHoldPlaced)
def _(event: e.LegalHoldPlaced, run: RunState, at: datetime) -> LegalHolds:
    return (*run.legal_holds, LegalHold(event, at))


@fold_legal_holds.register(e.LegalHoldLifted)
def _(event: e.LegalHoldLifted, run: RunState, at: datetime) -> LegalHolds:
    return tuple(
        replace(one, lifted=event, lifted_at=at) if one.placed.hold_id == event.hold_id else one
        for one in run.legal_holds
    )


def destroys(step: PlannedStep, packet: Packet, catalogue: Catalogue) -> bool:
    """Whether the step destroys something, by its connector or, for a task, by the packet. Where this process does not
    have the connector: whether it cannot be undone, or for a limited time only, and is not there to remove access."""
    if step.is_task:
        return any(one.task is not None and one.task.destroys for one in packet.workflow.steps if one.name == step.name)
    system = packet.platform.systems.get(step.system)
    ability = find_ability(catalogue, system.connector, step.ability) if system is not None else None
    return ability.destroys if ability is not None else step.reversible != "yes" and not step.cuts_access


def kept_by_legal_hold(state: RunState, step: PlannedStep, packet: Packet, catalogue: Catalogue) -> bool:
    """Whether a legal hold in force keeps this step from running."""
    return state.legal_hold and destroys(step, packet, catalogue)


StateUnderHold = Literal["waits", "may_have_happened", "done"]
"""What became of a step that destroys something: a hold keeps it from running; it was begun and its outcome is not
known; or it was done before."""


def destroying_steps(
    state: RunState, packet: Packet, catalogue: Catalogue
) -> Iterator[tuple[PlannedStep, StateUnderHold]]:
    """The steps of the plan that destroy something, but for those that never run, in the order of the plan."""
    for id_, step in state.plan.steps.items():
        known = state.work.steps[id_]
        if known.status in ("skipped", "withheld") or not destroys(step, packet, catalogue):
            continue
        if known.final:
            yield step, "done"
        else:
            yield step, "may_have_happened" if known.may_have_taken_effect else "waits"
