"""The state of the demo's runs and steps, and who has to act, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from orchestrator.cli.terminal.shapes import ShapeKind, StepView, Wait, code_words, rest_words, role_words, run_words
from orchestrator.cli.terminal.step_words import (
    CHECKING,
    STARTING,
    after,
    attested,
    awaiting_approval,
    blocked,
    by_status,
    by_wait,
    checking_again,
    counted,
    failed,
    retrying,
    scheduled,
    task_for,
)
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.status import run_status
from orchestrator.domain.run.steps.readiness import World, backoff, readiness
from orchestrator.domain.run.work import ExceptionState
from orchestrator.vocabulary.states import in_sentence


def view_step(state: RunState, step: PlannedStep, world: World) -> StepView:
    known = state.work.steps[step.step_id]
    if (view := by_status(known.status)) is not None:
        return view
    if known.status == "attested":
        return attested(
            next((t.by for t in state.work.tasks.values() if t.opened.step_id == step.step_id and t.by), None)
        )
    if known.status == "failed":
        return failed(known.code, any_of((world.pinned.approvals.exceptions.owner,)))
    return _not_begun(state, step, world)


def _not_begun(state: RunState, step: PlannedStep, world: World) -> StepView:
    where, known = readiness(state, step, world), state.work.steps[step.step_id]
    rest = where.until - world.now if where.until is not None else timedelta(0)
    if (view := by_wait(where.waits_for)) is not None:
        return view
    match where.waits_for:
        case "predecessors":
            return after(_unfinished_need(state, step))
        case "time":
            return scheduled(rest_words(rest))
        case "gate":
            title, roles = _gate_of(state, step, world.pinned)
            return awaiting_approval(f'"{title}" ({roles})', step.gate or "")
        case "another_attempt":
            return retrying(rest_words(rest), known.code)
        case "fresh_look":
            look = state.accounts.searches.get(step.system)
            if look is None or not look.failures:
                return CHECKING
            rest = look.tried_at + backoff(look.failures) - world.now
            return checking_again(rest_words(rest), look.code)
        case "exception" | "task":
            return blocked(_why_blocked(state, step))
    if step.is_task:
        return task_for(role_words((step.task_role or "",)))
    return STARTING


def _unfinished_need(state: RunState, step: PlannedStep) -> str:
    titles = [
        s.title for s in state.plan.steps.values() if s.name in step.needs and not state.work.steps[s.step_id].final
    ]
    return titles[0] if titles else "an account match"


def _gate_of(state: RunState, step: PlannedStep, packet: Packet) -> tuple[str, str]:
    spec = packet.approvals.gates.get(step.gate or "")
    for gate in state.decisions.gates.values():
        if gate.open and step.digest in gate.opened.digests:
            return spec.title if spec else gate.opened.gate, role_words(gate.roles)
    return (spec.title, role_words(spec.decided_by)) if spec else (step.gate or "", "")


def _why_blocked(state: RunState, step: PlannedStep) -> str:
    if step.digest in state.decisions.rejected:
        return "approval rejected"
    if step.digest in state.decisions.excluded:
        return "excluded from approval"
    if step.system in state.accounts.changed_systems:
        return "accounts changed since planning"
    return "needs an operator"


def waits(state: RunState, world: World) -> Iterator[Wait]:
    """What a run waits for now, people first."""
    for exception in state.work.open_exceptions():
        yield Wait("stopped", role_words(exception.opened.owners), exception_words(exception, state, world))
    for gate in state.decisions.gates.values():
        if gate.open:
            title = world.pinned.approvals.decisions[gate.opened.gate].title
            what = f'approve {counted(len(gate.opened.digests))} at gate "{title}"'
            yield Wait("gate", role_words(gate.roles), what)
    for task in state.work.tasks.values():
        if task.open:
            yield Wait("task", role_words((task.opened.role,)), state.plan.steps[task.opened.step_id].title)
    for system, (views, code) in _failing(state, world).items():
        title = world.pinned.platform.systems[system].title
        yield Wait("again", title, f"{code_words(code)}; {views[0].short}")
    times = [s for s in state.plan.steps.values() if readiness(state, s, world).waits_for == "time"]
    if times:
        rest = min(u for s in times if (u := readiness(state, s, world).until) is not None) - world.now
        yield Wait("time", "Scheduled", f"{counted(len(times))} at the cutoff, in {rest_words(rest)}")


def _failing(state: RunState, world: World) -> dict[str, tuple[list[StepView], str]]:
    failing: dict[str, tuple[list[StepView], str]] = {}
    for step in state.plan.steps.values():
        view = view_step(state, step, world)
        if view.kind == "again":
            look = state.accounts.searches.get(step.system)
            code = state.work.steps[step.step_id].code or (look.code if look else "")
            failing.setdefault(step.system, ([], code))[0].append(view)
    for system, look in state.accounts.searches.items():
        if look.failures and system not in failing and not state.plan.steps:
            rest = look.tried_at + backoff(look.failures) - world.now
            failing[system] = ([StepView("again", "", f"retry in {rest_words(rest)}")], look.code)
    return failing


def exception_words(exception: ExceptionState, state: RunState, world: World) -> str:
    """The exception with its place, without a person's name."""
    opened = exception.opened
    system = world.pinned.platform.systems[opened.system].title if opened.system else ""
    planned = state.plan.steps.get(opened.step_id or "")
    step = planned.title if planned is not None else ""
    gate = state.decisions.gates.get(opened.gate_id or "")
    about = f"{step} ({system})" if step and system else step or system or (f"gate {gate.opened.gate}" if gate else "")
    found = state.accounts.planned_on.get(opened.system or "") if Repair.SETTLE in RULES[opened.kind].repairs else None
    more = [f"{len(found.candidates)} accounts"] if found is not None and len(found.candidates) > 1 else []
    more += [code_words(opened.code)] if opened.code and found is None else []
    title = RULES[opened.kind].title
    return ": ".join(part for part in (about, in_sentence(title) if about else title, *more) if part)


def status_words(state: RunState) -> tuple[ShapeKind, str]:
    return run_words(run_status(state))
