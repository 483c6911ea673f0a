"""The exposure clock: how long a person could still reach what they should not, by system and as a whole.

    known ─► cutoff ─► approved ─► executed ─► verified

It goes by the steps that cut access. Exposure begins at the cutoff, and ends when the last of them was verified or
attested; a system on which one was left out stays exposed as far as this run can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from orchestrator.domain.packet.ability import find_ability
from orchestrator.domain.packet.access_removal import removal_steps
from orchestrator.domain.packet.packet import WorkflowStep
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.readiness import World
from orchestrator.domain.run.run import RunState

Proof = Literal["verified", "attested", "unverifiable"]
"""`verified`: every cut was read back. `attested`: they were made, one of them at least by the word of a person or of
the system. `unverifiable`: one was left out, withheld, or cannot come any more since the run is over; nothing in this
run will ever show that access is gone."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The times of one exposure.

    `approved`: the last decision that a removal of access needs, once all have been made. None if none is needed: no
    gate, or an urgent start. `executed`: the start of the last removal, once all have started. `verified`: the end of
    the last removal, once all have ended; `proof` says how it was shown, None until then. `open_for`: how long access
    was open after the cutoff, until `verified`, the run's end, or now. None if the run says nothing about it: it is a
    dry run, or the person had no access to remove.
    """

    known: datetime
    cutoff: datetime
    approved: datetime | None = None
    executed: datetime | None = None
    verified: datetime | None = None
    proof: Proof | None = None
    open_for: timedelta | None = None

    @property
    def still_open(self) -> bool:
        """Whether this run has yet to cut access, or has left that out."""
        return self.verified is None and self.open_for is not None


@dataclass(frozen=True, slots=True)
class Exposure:
    """`systems` are those on which access is to be cut, in the order of the packet's steps; none where the person had
    nothing there. `whole` is of all of them."""

    whole: Clock
    systems: Mapping[str, Clock] = field(default_factory=dict)


def exposure(state: RunState, world: World) -> Exposure:
    cuts: dict[str, list[PlannedStep]] = {}
    undecided: set[str] = set()
    for spec in world.pinned.workflow.steps:
        if spec.system is None or not _may_cut(spec, world):
            continue
        planned = [
            step
            for step in state.plan.steps.values()
            if (step.name, step.system) == (spec.name, spec.system) and step.removes_access
        ]
        if planned:
            cuts.setdefault(spec.system, []).extend(planned)
        elif state.plan.planned_at is None or spec.name in state.plan.open_steps:
            # It is not known yet whether the person has anything there.
            cuts.setdefault(spec.system, [])
            undecided.add(spec.system)
    # What was begun stays in the run's account, though the packet's step no longer asks for it.
    listed = {step.step_id for steps in cuts.values() for step in steps}
    for step in state.plan.steps.values():
        if step.removes_access and step.step_id not in listed:
            cuts.setdefault(step.system, []).append(step)
    systems = {name: _clock(state, steps, name in undecided, world.now) for name, steps in cuts.items()}
    everything = [step for steps in cuts.values() for step in steps]
    return Exposure(_clock(state, everything, bool(undecided), world.now), systems)


def _may_cut(spec: WorkflowStep, world: World) -> bool:
    """True also for abilities that this process does not know: a step whose connector is missing may cut access."""
    connector = world.pinned.platform.systems[spec.system or ""].connector
    ability = find_ability(world.abilities, connector, spec.ability)
    if spec.ability is None or ability is None:
        return spec.ability is not None
    return spec.name in removal_steps(spec.system or "", world.pinned, world.abilities)


def _clock(state: RunState, steps: list[PlannedStep], undecided: bool, now: datetime) -> Clock:
    known, cutoff = state.requested_at, state.cutoff
    if not steps and not undecided:
        return Clock(known, cutoff)
    states = [state.work.steps[step.step_id] for step in steps]
    statuses = {one.status for one in states}
    whole = not undecided
    verified = _last((one.changed_at for one in states), whole and all(state.is_done(step.step_id) for step in steps))
    return Clock(
        known=known,
        cutoff=cutoff,
        approved=_approved(state, steps) if whole else None,
        executed=_last((_begun(state, step) for step in steps), whole),
        verified=verified,
        proof=_proof(statuses, verified, state.finished),
        open_for=_open_for(state, statuses, verified, now),
    )


def _approved(state: RunState, steps: list[PlannedStep]) -> datetime | None:
    gated = [step for step in steps if step.gate is not None and not state.goes_before_gates(step)]
    approvals = [state.decisions.approved.get(step.digest) for step in gated]
    decided = (state.decisions.gates[one.gate_id].decided_at if one is not None else None for one in approvals)
    return _last(decided, bool(gated))


def _begun(state: RunState, step: PlannedStep) -> datetime | None:
    """A cut that a person attested, or that was done in an earlier generation, may not have been begun in this one."""
    known = state.work.steps[step.step_id]
    if known.first_started_at is not None or known.status not in ("verified", "attested"):
        return known.first_started_at if known.status not in ("skipped", "withheld") else None
    return known.changed_at


def _last(instants: Iterable[datetime | None], all_there: bool) -> datetime | None:
    """The latest, once there is one for each."""
    found = list(instants)
    there = [instant for instant in found if instant is not None]
    return max(there) if all_there and there and len(there) == len(found) else None


def _proof(statuses: Set[str], verified: datetime | None, finished: bool) -> Proof | None:
    if verified is not None:
        return "verified" if statuses == {"verified"} else "attested"
    return "unverifiable" if finished or statuses & {"skipped", "withheld"} else None


def _open_for(state: RunState, statuses: Set[str], verified: datetime | None, now: datetime) -> timedelta | None:
    if "withheld" in statuses or state.asked.phase == "shadow":
        return None
    until = verified or state.finished_at or now
    return max(until - state.cutoff, timedelta(0))
