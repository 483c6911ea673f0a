"""Consequences: what follows from a decision without a command. Plans are frozen, gates, tasks and exceptions open, the
run closes.

They are decided again after every command and every fact, and appended together with it. Consequences that only depend
on the time are found when `advance` asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from orchestrator.domain import events as e
from orchestrator.domain.approvals import close_gates, decidability, gates
from orchestrator.domain.approvals import presettled as beforehand
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exception_events import opened_after_close, opened_exceptions, overcome_exceptions
from orchestrator.domain.exceptions.exception_rule import ExceptionContext
from orchestrator.domain.measures.system_outcomes import exceptions_left
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning import searching
from orchestrator.domain.planning.missing_connectors import can_plan_more
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.planning.planning import make_plan, widened_plan
from orchestrator.domain.run.comparison.reads import all_read
from orchestrator.domain.run.decisions import GateState, decision_due
from orchestrator.domain.run.legal_holds import kept_by_legal_hold
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps.readiness import StepReadiness, World, approval_in_force, levels_suffice, readiness

MAX_ROUNDS = 50


ReadinessByStep = dict[str, StepReadiness]


def with_consequences(
    state: RunState, caused: list[Event], world: World
) -> tuple[RunState, list[Event], ReadinessByStep | None]:
    """Folds the decided events, then everything that follows from them, until nothing more follows. Returns the final
    state, all events in order, and the readiness of the steps (None if the run has ended)."""
    happened: list[Event] = []
    for event in caused:
        state = fold(state, event, world.now)
        happened.append(event)
    for _ in range(MAX_ROUNDS):
        if state.finished:
            reopened = _reopening(state, world)
            if reopened is None:
                return state, happened, None
            state = fold(state, reopened, world.now)
            happened.append(reopened)
        readiness_by_step = {id_: readiness(state, step, world) for id_, step in state.plan.steps.items()}
        following = list(_next(state, readiness_by_step, world))
        if not following:
            return state, happened, readiness_by_step
        for event in following:
            state = fold(state, event, world.now)
            happened.append(event)
    raise AssertionError("the consequences of an event did not come to rest")


def _next(state: RunState, readiness_by_step: ReadinessByStep, world: World) -> Iterator[Event]:
    """One round. Each kind looks at the same state, so a round never contradicts itself; the next sees its effects."""
    if state.held_until is not None and world.now >= state.held_until:
        yield e.RunReleased(by="")
        return
    if borne_out := list(beforehand.borne_out(state, world)):
        yield from borne_out
        return
    if state.asked.facts is not None and _plan_is_due(state, world):
        yield make_plan(state, world.pinned, world.abilities)
        return
    if (wider := _wider_plan(state, world)) is not None:
        yield wider
        return
    if state.twin_of is not None:  # it asks no one for anything, and closes once its last read is made
        if all_read(state, world):
            yield from _closing(state, {}, world)
        return
    unsettled = tuple(searching.unsettled(state, world.pinned))
    undecidable = decidability.too_few_deciders(state, world)
    digests = close_gates.close_digests(state, world.pinned)
    context = ExceptionContext(state, readiness_by_step, world, unsettled, undecidable, digests)
    at_end = _at_end(state, readiness_by_step, world)
    following = [
        *_gates(state, readiness_by_step, world, digests if at_end else {}),
        *_tasks(state, readiness_by_step, world),
        *opened_exceptions(context),
        *overcome_exceptions(context),
    ]
    yield from following
    # Closing comes alone: whatever else follows may be a reason to stay open.
    if at_end and not following:
        yield from _closing(state, digests, world)


def _reopening(state: RunState, world: World) -> e.RunReopened | None:
    """A closed run is open again while an exception of its watch is."""
    if state.watch.since is None or state.finish == "ended":
        return None
    wanted = next(opened_after_close(ExceptionContext(state, {}, world, ())), None)
    if wanted is None:
        return None
    return e.RunReopened(cause="access_returned" if wanted.kind == "access_returned" else "watch_failed")


def _plan_is_due(state: RunState, world: World) -> bool:
    if state.packet_version != world.pinned.version:
        return False  # the run takes another version in this round: it is planned once that one is read
    if state.plan.stale:
        return searching.all_asked(state, world.pinned, world.holds)
    return can_plan_more(state, world.pinned, world.abilities)


def _wider_plan(state: RunState, world: World) -> e.PlanFrozen | None:
    """Most runs have no such account, and this is asked after every event."""
    if not state.accounts.grown or state.plan.stale or state.asked.facts is None:
        return None
    return widened_plan(state, world.pinned, world.abilities)


def _gates(
    state: RunState, readiness_by_step: dict[str, StepReadiness], world: World, to_sign: Mapping[str, str]
) -> Iterator[Event]:
    """`to_sign` has the digests of the close, by name, once the run is at its end."""
    unfounded = _unfounded(state, readiness_by_step, world)
    waiting = {name: gates.undecided(state, name, world.now, unfounded) for name in world.pinned.approvals.gates}
    planned = {step.digest for step in state.plan.steps.values()}
    for gate_id, gate in state.decisions.gates.items():
        if not gate.open:
            continue
        if gate.signs_close:
            pending, unseen = {to_sign.get(gate.opened.gate, "")} & set(gate.opened.digests), False
        else:
            pending = set(waiting[gate.opened.gate]) & set(gate.opened.digests)
            # Approvers see the steps of the plan. A step that a new plan left out could come back with their approval.
            unseen = not planned.issuperset(gate.opened.digests)
        if unseen or gate.lapsed(state.cutoff, world.now) or not pending or _dated_too_late(state, gate, world):
            yield e.GateWithdrawn(gate_id=gate_id)
            continue
        decision = gates.decision(state, gate, world.rested_on)
        if decision is not None:
            yield decision
        elif _escalates(state, gate, world):
            spec = world.pinned.approvals.decisions[gate.opened.gate]
            yield e.GateEscalated(gate_id=gate_id, roles=spec.escalate_to)
    if state.asked.phase == "shadow" or state.plan.stale:
        return
    asked = {digest for gate in state.decisions.gates.values() if gate.open for digest in gate.opened.digests}
    asked |= _lapsed_under_hold(state, world)
    for name, digests in waiting.items():
        if fresh := tuple(digest for digest in digests if digest not in asked):
            yield gates.opening(state, name, fresh, world.pinned, world.now)


def _lapsed_under_hold(state: RunState, world: World) -> set[str]:
    """What was approved, and whose approval lapsed while a legal hold keeps the step from running. People are asked
    again once the hold is lifted: a hold can last for years."""
    return {
        step.digest
        for step in state.plan.steps.values()
        if step.digest in state.decisions.approved and kept_by_legal_hold(state, step, world.pinned, world.abilities)
    }


def _escalates(state: RunState, gate: GateState, world: World) -> bool:
    """Once it is late; at once where too few people can decide it without the further roles."""
    if gate.escalated_at is not None:
        return False
    further = world.pinned.approvals.decisions[gate.opened.gate].escalate_to
    return world.now >= gate.opened.decide_by or decidability.escalation_helps(state, gate, further, world)


def _dated_too_late(state: RunState, gate: GateState, world: World) -> bool:
    """Whether the cutoff was moved to an earlier time since the gate opened, so that its date is too late. It opens
    again, unless a person has voted: a vote is not lost for the sake of a date."""
    within = world.pinned.approvals.decisions[gate.opened.gate].decide_within
    return not gate.votes and gate.opened.decide_by > decision_due(gate.opened_at, state.cutoff, within)


def _task_due(state: RunState, step: PlannedStep, opened_at: datetime, within: timedelta) -> datetime:
    """A task that opens with the request is due at the cutoff at the earliest: its work belongs to the last day."""
    due = opened_at + within
    return max(due, state.cutoff) if step.anchor == "approval" else due


def _unfounded(state: RunState, readiness_by_step: dict[str, StepReadiness], world: World) -> frozenset[str]:
    """What was approved by a person who lost the level for it, found out when it was due, and what was approved before
    a hand-over was skipped: people are asked again."""
    return frozenset(
        step.digest
        for id_, step in state.plan.steps.items()
        if (approval := state.approval_of(step, world.now)) is not None
        and (
            (readiness_by_step[id_].waits_for == "level" and not levels_suffice(state, step, approval.by, world))
            or approval_in_force(state, step, world) is None
        )
    )


def _tasks(state: RunState, readiness_by_step: dict[str, StepReadiness], world: World) -> Iterator[Event]:
    spec = world.pinned.approvals.exceptions
    thresholds = world.pinned.workflow.thresholds
    busy = set()
    for task_id, task in state.work.tasks.items():
        if not task.open:
            continue
        known = state.work.steps.get(task.opened.step_id)
        step = state.plan.steps.get(task.opened.step_id)
        if known is None or known.final or (task.opened.kind == "confirm_outcome" and known.status != "unknown"):
            yield e.TaskWithdrawn(task_id=task_id)
        elif (
            step is not None
            and task.opened.kind == "work"
            and kept_by_legal_hold(state, step, world.pinned, world.abilities)
        ):
            yield e.TaskWithdrawn(task_id=task_id)  # it opens again once the hold is lifted
        elif (
            step is not None
            and task.opened.kind == "work"
            and task.opened.due
            > _task_due(state, step, task.opened_at, step.task_due_within or thresholds.task_due_within)
        ):
            yield e.TaskWithdrawn(task_id=task_id)  # the cutoff is earlier now: it opens again with its new date
        else:
            busy.add(task.opened.step_id)
    for id_, step in state.plan.steps.items():
        if id_ in busy:
            continue
        number = 1 + sum(1 for task in state.work.tasks.values() if task.opened.step_id == id_)
        task_id = f"t-{id_[2:]}-{number}"
        if step.is_task and readiness_by_step[id_].kind == "ready":
            due = _task_due(state, step, world.now, step.task_due_within or thresholds.task_due_within)
            yield e.TaskOpened(task_id=task_id, step_id=id_, kind="work", role=step.task_role or spec.owner, due=due)
        elif state.work.steps[id_].status == "unknown":
            due = world.now + thresholds.task_due_within
            yield e.TaskOpened(task_id=task_id, step_id=id_, kind="confirm_outcome", role=spec.owner, due=due)


def _at_end(state: RunState, readiness_by_step: dict[str, StepReadiness], world: World) -> bool:
    """Whether everything has ended but the signatures of the close."""
    if state.plan.planned_at is None or state.plan.stale or state.plan.open_steps:
        return False
    if any(not close_gates.is_about_close(state, known.opened) for known in state.work.open_exceptions()):
        return False
    if any(look.at is None for look in state.accounts.searches.values()):
        return False
    if any(where.kind != "final" for where in readiness_by_step.values()) or any(
        gate.open and not gate.signs_close for gate in state.decisions.gates.values()
    ):
        return False
    return state.dry or not (world.now < state.cutoff or searching.unseen_since_cutoff(state, world))


def _closing(state: RunState, digests: Mapping[str, str], world: World) -> Iterator[Event]:
    """The gates at which people are asked to sign, or the close."""
    wanted = close_gates.unsigned(state, digests, world.now)
    asked = {digest for gate in state.decisions.gates.values() if gate.open for digest in gate.opened.digests}
    asked |= state.decisions.rejected.keys()
    record = close_gates.close_record(state) if wanted else None
    for name, digest in wanted.items():
        if digest not in asked:
            before = close_gates.interrupted(state, name, digest, world.pinned, world.now)
            yield gates.opening(state, name, (digest,), world.pinned, world.now, record, before)
    if wanted or state.work.open_exceptions():
        return
    signed = (close_gates.signature(state, digest, world.now) for digest in digests.values())
    statuses = [known.status for known in state.work.steps.values()]
    skipped = statuses.count("skipped")
    shadow = state.dry and any(s.level > Level.PREPARE for s in state.plan.steps.values())
    yield e.RunClosed(
        outcome="shadow" if shadow else "with_exceptions" if skipped or exceptions_left(state) else "clean",
        verified=statuses.count("verified"),
        attested=statuses.count("attested"),
        skipped=skipped,
        reopened=state.reopened,
        watch_days=() if state.dry else world.pinned.workflow.watch.days,
        signed_at=tuple(gate_id for gate_id in signed if gate_id is not None),
    )
