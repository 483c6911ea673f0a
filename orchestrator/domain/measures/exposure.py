"""The exposure clock: how long a person could still reach what they should not, by system and as a whole.

    known ─► cutoff ─► approved ─► executed ─► verified

It goes by the steps that cut access. Exposure begins at the cutoff, and ends when the last of them was verified or
attested, or later, when the last token expires that was issued before (`access_end`); a system on which a step was left
out stays exposed as far as this run can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from orchestrator.domain.measures.access_end import end_of
from orchestrator.domain.packet.ability import find_ability
from orchestrator.domain.packet.access_removal import removal_steps
from orchestrator.domain.packet.packet import WorkflowStep
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World

Proof = Literal["verified", "attested", "unverifiable"]
"""`verified`: every cut was read back. `attested`: they were made, one of them at least by the word of a person or of
the system. `unverifiable`: one was left out, withheld, or cannot come any more since the run is over; nothing in this
run will ever show that access is gone."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The times of one exposure.

    `approved`: the last decision that a removal of access needs, once all have been made. None if none is needed: no
    gate, or an urgent start. `executed`: the start of the last removal, once all have started. `verified`: the end of
    the last removal, once all have ended; `proof` says how it was shown, None until then. `tokens_until`: until when
    tokens that were issued before are accepted, where that is after `verified`. `tokens_unknown`: that is not known of
    one removal at least, and `open_for` may be longer. `open_for`: how long access was open after the cutoff, until
    `verified` or `tokens_until`, the run's end, or now. None if the run says nothing about it: it is a dry run, or the
    person had no access to remove.
    """

    known: datetime
    cutoff: datetime
    approved: datetime | None = None
    executed: datetime | None = None
    verified: datetime | None = None
    proof: Proof | None = None
    tokens_until: datetime | None = None
    tokens_live: bool = False
    tokens_unknown: bool = False
    open_for: timedelta | None = None

    @property
    def still_open(self) -> bool:
        """Whether this run has yet to cut access, or has left that out, or tokens are still accepted."""
        return self.open_for is not None and (self.verified is None or self.tokens_live)


@dataclass(frozen=True, slots=True)
class Exposure:
    """`systems` are those on which access is to be cut, in the order of the packet's steps; none where the person had
    nothing there. A task that cuts access is among them by its step's name. `whole` is of all of them."""

    whole: Clock
    systems: Mapping[str, Clock] = field(default_factory=dict)


def exposure(state: RunState, world: World) -> Exposure:
    cuts: dict[str, list[PlannedStep]] = {}
    undecided: set[str] = set()
    for spec in world.pinned.workflow.steps:
        if not _may_cut(spec, world):
            continue
        place = spec.system or spec.name
        planned = [
            step
            for step in state.plan.steps.values()
            if (step.name, step.system) == (spec.name, spec.system or "") and step.removes_access
        ]
        if planned:
            cuts.setdefault(place, []).extend(planned)
        elif state.plan.planned_at is None or spec.name in state.plan.open_steps:
            # It is not known yet whether the person has anything there.
            cuts.setdefault(place, [])
            undecided.add(place)
    # What was begun stays in the run's account, though the packet's step no longer asks for it.
    listed = {step.step_id for steps in cuts.values() for step in steps}
    for step in state.plan.steps.values():
        if step.removes_access and step.step_id not in listed:
            cuts.setdefault(step.place, []).append(step)
    systems = {name: _clock(state, steps, name in undecided, world.now) for name, steps in cuts.items()}
    everything = [step for steps in cuts.values() for step in steps]
    return Exposure(_clock(state, everything, bool(undecided), world.now), systems)


def _may_cut(spec: WorkflowStep, world: World) -> bool:
    """True also for abilities that this process does not know: a step whose connector is missing may cut access."""
    if spec.task is not None:
        return spec.task.cuts_access
    connector = world.pinned.platform.systems[spec.system or ""].connector
    ability = find_ability(world.abilities, connector, spec.ability)
    if spec.ability is None or ability is None:
        return spec.ability is not None
    return spec.name in removal_steps(spec.system or "", world.pinned, world.abilities)


def _clock(state: RunState, steps: list[PlannedStep], undecided: bool, now: datetime) -> Clock:
    known, cutoff = state.requested_at, state.cutoff
    if not steps and not undecided:
        return Clock(known, cutoff)
    statuses = {state.work.steps[step.step_id].status for step in steps}
    whole = not undecided
    end = end_of(state, steps) if whole else None
    verified = end.verified if end is not None else None
    tokens_until = end.tokens_until if end is not None else None
    return Clock(
        known=known,
        cutoff=cutoff,
        approved=_approved(state, steps) if whole else None,
        executed=_last((_begun(state, step) for step in steps), whole),
        verified=verified,
        proof=_proof(statuses, verified, state.finished),
        tokens_until=tokens_until,
        tokens_live=tokens_until is not None and now < tokens_until,
        tokens_unknown=end is not None and bool(end.unknown_on),
        open_for=_open_for(state, statuses, min(tokens_until, now) if tokens_until is not None else verified, now),
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


def _open_for(state: RunState, statuses: Set[str], ended: datetime | None, now: datetime) -> timedelta | None:
    if "withheld" in statuses or state.asked.phase == "shadow":
        return None
    until = ended or state.finished_at or now
    return max(until - state.cutoff, timedelta(0))
