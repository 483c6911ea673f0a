"""What follows without anybody's doing: plans are frozen, gates, tasks and exceptions open, the run closes.

Decided afresh after every command and every fact, and appended with it. What only the passing of time brings about is
found here as well, when `advance` asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates
from orchestrator.domain.approvals import presettled as beforehand
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning import searching
from orchestrator.domain.planning.planning import make_plan
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.readiness import StepReadiness, World, account_gone, levels_suffice, readiness, ready_since
from orchestrator.domain.run.run import RunState, fold

MAX_ROUNDS = 50


ReadinessByStep = dict[str, StepReadiness]


def with_consequences(
    state: RunState, caused: list[Event], world: World
) -> tuple[RunState, list[Event], ReadinessByStep | None]:
    """Folds what was decided, then whatever follows from it, until nothing more does. Returns the state after all of
    it, every event in order, and where the steps then stand (None for a run that is over)."""
    happened: list[Event] = []
    for event in caused:
        state = fold(state, event, world.now)
        happened.append(event)
    for _ in range(MAX_ROUNDS):
        if state.finished:
            return state, happened, None
        standings = {id_: readiness(state, step, world) for id_, step in state.plan.steps.items()}
        following = list(_next(state, standings, world))
        if not following:
            return state, happened, standings
        for event in following:
            state = fold(state, event, world.now)
            happened.append(event)
    raise AssertionError("the consequences of an event did not come to rest")


def _next(state: RunState, standings: ReadinessByStep, world: World) -> Iterator[Event]:
    """One round. Each kind looks at the same state, so a round never contradicts itself; the next sees its effects."""
    if borne_out := list(beforehand.borne_out(state)):
        yield from borne_out
        return
    if state.plan.stale and searching.all_asked(state, world.pinned, world.holds) and state.asked.facts is not None:
        yield make_plan(state, world.pinned, world.abilities)
        return
    following = [
        *_gates(state, standings, world),
        *_tasks(state, standings, world),
        *_exceptions_opened(state, standings, world),
        *_exceptions_overcome(state, standings, world),
    ]
    yield from following
    # Closing comes alone: whatever else follows may be a reason to stay open.
    closing = None if following else _closing(state, standings, world)
    if closing is not None:
        yield closing


def _gates(state: RunState, standings: dict[str, StepReadiness], world: World) -> Iterator[Event]:
    unfounded = _unfounded(state, standings, world)
    waiting = {name: gates.undecided(state, name, world.now, unfounded) for name in world.pinned.approvals.gates}
    for gate_id, gate in state.decisions.gates.items():
        if not gate.open:
            continue
        if gate.lapsed(state.cutoff, world.now) or not set(waiting[gate.opened.gate]) & set(gate.opened.digests):
            yield e.GateWithdrawn(gate_id=gate_id)
            continue
        decision = gates.decision(gate, world.actors)
        if decision is not None:
            yield decision
        elif _late(gate, world.now):
            spec = world.pinned.approvals.gates[gate.opened.gate]
            yield e.GateEscalated(gate_id=gate_id, roles=spec.escalate_to)
    if state.asked.phase == "shadow" or state.plan.stale:
        return
    asked = {digest for gate in state.decisions.gates.values() if gate.open for digest in gate.opened.digests}
    for name, digests in waiting.items():
        if fresh := tuple(digest for digest in digests if digest not in asked):
            yield gates.opening(state, name, fresh, world.pinned, world.now)


def _late(gate: GateState, now: datetime) -> bool:
    return now >= gate.opened.decide_by and gate.escalated_at is None


def _unfounded(state: RunState, standings: dict[str, StepReadiness], world: World) -> frozenset[str]:
    """What was approved by somebody who lost the level for it, found out when it was due: others are asked."""
    return frozenset(
        step.digest
        for id_, step in state.plan.steps.items()
        if standings[id_].waits_for == "level"
        and (approval := state.decisions.approved.get(step.digest)) is not None
        and not levels_suffice(state, step, approval.by, world)
    )


def _tasks(state: RunState, standings: dict[str, StepReadiness], world: World) -> Iterator[Event]:
    spec = world.pinned.approvals.exceptions
    thresholds = world.pinned.workflow.thresholds
    busy = set()
    for task_id, task in state.work.tasks.items():
        if not task.open:
            continue
        known = state.work.steps.get(task.opened.step_id)
        if known is None or known.final or (task.opened.kind == "confirm_outcome" and known.status != "unknown"):
            yield e.TaskWithdrawn(task_id=task_id)
        else:
            busy.add(task.opened.step_id)
    for id_, step in state.plan.steps.items():
        if id_ in busy:
            continue
        number = 1 + sum(1 for task in state.work.tasks.values() if task.opened.step_id == id_)
        task_id = f"t-{id_[2:]}-{number}"
        if step.is_task and standings[id_].kind == "ready":
            due = world.now + (step.task_due_within or thresholds.task_due_within)
            yield e.TaskOpened(task_id=task_id, step_id=id_, kind="work", role=step.task_role or spec.owner, due=due)
        elif state.work.steps[id_].status == "unknown":
            due = world.now + thresholds.task_due_within
            yield e.TaskOpened(task_id=task_id, step_id=id_, kind="confirm_outcome", role=spec.owner, due=due)


def _exceptions_opened(state: RunState, standings: dict[str, StepReadiness], world: World) -> Iterator[Event]:
    for wanted in _exceptions_wanted(state, standings, world):
        known = state.work.exceptions.get(wanted.exception_id)
        if known is None:
            yield wanted


def _exceptions_wanted(
    state: RunState, standings: dict[str, StepReadiness], world: World
) -> Iterator[e.ExceptionOpened]:
    spec = world.pinned.approvals.exceptions
    patience = world.pinned.workflow.thresholds.retries_become_exception_after

    # What is settled by what people do may come up again, and then is a new exception; what people may accept as it is
    # comes up once an occurrence.
    def again(kind: e.ExceptionKind, about: str, **more: str) -> Iterator[e.ExceptionOpened]:
        if not _open_about(state, kind, about):
            yield wanted(kind, f"{about}-{state.version}", spec.due_within, **more)

    def wanted(
        kind: e.ExceptionKind, about: str, due: timedelta = spec.due_within, **more: object
    ) -> e.ExceptionOpened:
        values = {"owners": (spec.owner,), "due": world.now + due, **more}
        return e.ExceptionOpened.model_validate({"exception_id": f"x-{kind}-{about}", "kind": kind, **values})

    if state.urgent and (urgent := world.pinned.approvals.urgent) is not None:
        yield wanted("urgent_review", "start", urgent.review_within, owners=urgent.review_by)
    for _, number in state.second_requests:
        yield wanted("second_request", str(number))
    for system, look in state.accounts.searches.items():
        if look.failing_since is not None and world.now - look.failing_since >= patience:
            yield wanted("search_failed", f"{system}-{_when(look.failing_since)}", system=system, code=look.code)
        if system in state.accounts.changed_systems and not state.wants_plan_from(system):
            yield from again("accounts_changed", system, system=system)
    if state.asked.facts is None:
        yield wanted("search_failed", "person_erased", code="person_erased")
    elif not state.held and world.now - state.plan.wanted_since >= patience:
        for system in set(searching.searched_systems(world.pinned)) - set(state.accounts.searches) - world.holds:
            yield wanted("search_failed", f"{system}-unasked", system=system, code="nobody_looked")
    asked = state.plan.first_planned_at is not None
    for system in searching.unsettled(state, world.pinned) if asked else ():
        found = state.accounts.planned_on.get(system)
        if found is not None:
            yield from again(e.QUESTION_OF[found.outcome], system, system=system, code=found.code)
    for gate_id, gate in state.decisions.gates.items():
        if gate.outcome == "rejected" and any(state.decisions.rejected.get(d) == gate_id for d in gate.opened.digests):
            yield wanted("gate_rejected", gate_id, gate_id=gate_id)
    for id_, step in state.plan.steps.items():
        known, where = state.work.steps[id_], standings[id_]
        if known.final:
            continue
        if step.digest in state.decisions.excluded:
            yield wanted(
                "excluded_from_approval", f"{id_}-{state.decisions.excluded[step.digest]}",
                step_id=id_, system=step.system, gate_id=state.decisions.excluded[step.digest],
            )  # fmt: skip
        if known.status == "failed":
            yield from again("step_failed", id_, step_id=id_, system=step.system, code=known.code)
        elif known.status == "unknown":
            yield from again("outcome_unknown", id_, step_id=id_, system=step.system, code=known.code)
        elif known.failing_since is not None and world.now - known.failing_since >= patience:
            stamp = f"{id_}-{known.generation}-{_when(known.failing_since)}"
            yield wanted("step_failing", stamp, step_id=id_, system=step.system, code=known.code)
        if where.waits_for == "level":
            yield from again("level_missing", id_, step_id=id_, system=step.system)
        if account_gone(state, step, world):
            yield from again("account_gone", id_, step_id=id_, system=step.system)
        if step.uncertain and not state.approval_of(step, world.now):
            yield wanted("condition_unclear", id_, step_id=id_, system=step.system)
        if where.kind == "ready" and not step.is_task and world.now - ready_since(state, step) >= patience:
            yield from again("not_carried_out", id_, step_id=id_, system=step.system)
    for task_id, task in state.work.tasks.items():
        if task.open and world.now >= task.opened.due:
            yield wanted("task_overdue", task_id, step_id=task.opened.step_id)


def _when(at: datetime) -> str:
    return f"{at.timestamp():.6f}"


def _open_about(state: RunState, kind: str, about: str) -> bool:
    """Whether such an exception is open about a step, or (where it names no step) about a system."""
    return any(
        x.opened.kind == kind and about == (x.opened.step_id or x.opened.system) for x in state.work.open_exceptions()
    )


def _exceptions_overcome(state: RunState, standings: dict[str, StepReadiness], world: World) -> Iterator[Event]:
    """What has come right by itself, or by what somebody did elsewhere, is closed and stays readable."""
    unsettled = set(searching.unsettled(state, world.pinned))
    for id_, exception in state.work.exceptions.items():
        if exception.open and _overcome(exception.opened, state, standings, unsettled, world):
            yield e.ExceptionClosed(exception_id=id_, disposition="overcome")


def _overcome(
    opened: e.ExceptionOpened, state: RunState, standings: dict[str, StepReadiness], unsettled: set[str], world: World
) -> bool:
    system = opened.system or ""
    match opened.kind:
        case kind if kind in e.MATCH_QUESTIONS:
            return system not in unsettled or e.QUESTION_OF[state.accounts.planned_on[system].outcome] != opened.kind
        case "search_failed":
            return system in state.accounts.searches and not state.accounts.searches[system].failures
        case "accounts_changed":
            return system not in state.accounts.changed_systems
        case "gate_rejected":
            return opened.gate_id not in state.decisions.rejected.values()
        case "urgent_review" | "second_request":
            return False
    id_ = opened.step_id or ""
    step = state.work.steps.get(id_)
    if step is None or step.final:
        return True
    match opened.kind:
        case "excluded_from_approval":
            return state.plan.steps[id_].digest not in state.decisions.excluded
        case "step_failed":
            return step.status != "failed"
        case "outcome_unknown":
            return step.status != "unknown"
        case "step_failing":
            return step.failing_since is None
        case "level_missing":
            return standings[id_].waits_for != "level"
        case "account_gone":
            return not account_gone(state, state.plan.steps[id_], world)
        case "condition_unclear":
            return bool(state.approval_of(state.plan.steps[id_], world.now))
        case "not_carried_out":
            return step.status != "started" and standings[id_].kind != "ready"
    return False


def _closing(state: RunState, standings: dict[str, StepReadiness], world: World) -> Event | None:
    if state.plan.planned_at is None or state.plan.stale or state.work.open_exceptions() or state.plan.open_steps:
        return None
    if any(look.at is None for look in state.accounts.searches.values()):
        return None
    if any(where.kind != "final" for where in standings.values()) or any(
        g.open for g in state.decisions.gates.values()
    ):
        return None
    if state.asked.phase != "shadow" and (world.now < state.cutoff or searching.unseen_since_cutoff(state, world)):
        return None
    statuses = [known.status for known in state.work.steps.values()]
    skipped = statuses.count("skipped")
    shadow = state.asked.phase == "shadow" and any(s.level > Level.PREPARE for s in state.plan.steps.values())
    return e.RunClosed(
        outcome="shadow" if shadow else "with_exceptions" if skipped else "clean",
        verified=statuses.count("verified"),
        attested=statuses.count("attested"),
        skipped=skipped,
    )
