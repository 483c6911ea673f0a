"""Commands of operators on a run: on steps that wait, failed or have an unknown outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from typing import Any, Final

from orchestrator.domain import events as e
from orchestrator.domain.approvals import rejections
from orchestrator.domain.approvals.delegation import absent_in, authority, on_behalf_of
from orchestrator.domain.commands import kept_access
from orchestrator.domain.commands.requests import still_going
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.exceptions.owners import team_roles
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.packet.hand_overs import hand_overs_before
from orchestrator.domain.permissions.command_table import own_run, require
from orchestrator.domain.permissions.grants import require_level
from orchestrator.domain.permissions.levels import Actor, Level, limited
from orchestrator.domain.permissions.reports import has_one_of, require_independent, why_not_independent
from orchestrator.domain.planning.searching import unsettled
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps.hand_overs import needs_hand_over
from orchestrator.domain.run.steps.readiness import World, readiness
from orchestrator.domain.run.steps.repeats import digest_of_repeat
from orchestrator.domain.run.work import ExceptionState, StepState, steps_that_came_back

PARKED: Final = ("failed", "unknown")
"""The statuses of a step that no attempt follows until a person acts."""


def retry(state: RunState, step: str, again: bool, reason: str | None, actor: Actor, world: World) -> list[Event]:
    """Retry a parked step. `again` repeats it under a new effect key, although the first attempt may have worked.
    A skipped step whose access HR has not confirmed is taken up again: it goes on with what was decided about it, so
    that HR needs no permission of its own on the system. One that a person reported as done, and HR has not confirmed,
    is read back first, and repeated if it shows no effect; it is a new effect, since a result is recorded once. So is
    one that was done and is not in effect any more: what destroys is then approved again (`repeats.py`)."""
    require("retry_step", actor, state.asked.person_id)
    step_id, known = step_named(state, step)
    planned = state.plan.steps[step_id]
    level = planned.level if not planned.is_task else None
    reported = known.status == "attested"
    undoes = reported or (known.status == "skipped" and not again)
    kept = kept_access.open_about(state, step_id=step_id) if undoes else None
    on = (planned.system, level) if kept is None or reported else ("", None)
    team = team_roles(world.pinned, planned.system)
    owners = kept.opened.owners if kept is not None else ()
    rests_on = operator_of(state, actor, world, *on, or_roles=(*owners, *team))
    came_back = step_id in steps_that_came_back(state)
    # A step stopped because its requester lost the level. An operator who has it can continue it.
    takes_over = known.status == "planned" and readiness(state, planned, world).waits_for == "level"
    if known.status not in ("failed", "unknown", "retrying") and not takes_over and kept is None and not came_back:
        raise TooLate("nothing_to_retry", f"Step {step_id} is {known.status}, so it can't be retried.")
    has_result = known.settled_generation >= known.generation
    generation = known.generation + (1 if again or has_result else 0)
    undone = has_result and not (reported and not came_back)
    happened: list[Event] = [
        e.StepRetryOrdered(
            step_id=step_id,
            generation=generation,
            by=actor.actor_id,
            on_behalf_of=rests_on,
            digest=digest_of_repeat(planned, generation, world.pinned, world.abilities) if undone else "",
            reason=reason,
        )
    ]
    kinds = tuple(kind for kind, rule in RULES.items() if Repair.RETRY in rule.closed_by)
    return happened + _closed(state, step_id, "retried", actor, rests_on, reason, kinds)


def retry_parked(
    state: RunState, step: str, system: str, reason: str | None, actor: Actor, world: World
) -> list[Event]:
    """As `retry`, for a step on this system that failed or whose outcome is unknown. Other steps are refused, so that a
    retry of many steps does not undo what a person decided about one."""
    require("retry_step", actor, state.asked.person_id)
    step_id, known = step_named(state, step)
    ordered = retry(state, step_id, False, reason, actor, world)
    if not is_parked(state, step_id, system):
        raise TooLate("nothing_to_retry", f"Step {step_id} on system {system} is {known.status}: it is not retried.")
    return ordered


def is_parked(state: RunState, step_id: str, system: str) -> bool:
    """Whether the step is on this system, and waits for a person because it failed or its outcome is unknown."""
    step = state.plan.steps.get(step_id)
    return step is not None and step.system == system and state.work.steps[step_id].status in PARKED


def skip(state: RunState, step: str, reason: str, actor: Actor, world: World) -> list[Event]:
    """Leave a step out for good; what needs it goes on. If it removes access, HR confirms it (`kept_access`). After a
    hand-over, steps that delete data or cannot be undone wait for a new decision at their gate. Raises `TooLate`
    (`hand_over_needed`) if such a step has no gate."""
    require("skip_step", actor, state.asked.person_id)
    step_id, known = step_named(state, step)
    team = team_roles(world.pinned, state.plan.steps[step_id].system)
    rests_on = operator_of(state, actor, world, independent=True, or_roles=team)
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to skip a step.")
    if (known.final and step_id not in steps_that_came_back(state)) or known.status == "started":
        raise TooLate("step_not_open", f"Step {step_id} is {known.status}, so it can't be skipped.")
    require_gates_after(state, state.plan.steps[step_id].name, world)
    happened: list[Event] = [e.StepSkipped(step_id=step_id, by=actor.actor_id, on_behalf_of=rests_on, reason=reason)]
    kinds = tuple(x.opened.kind for x in state.work.open_exceptions() if x.opened.step_id == step_id)
    happened += _closed(state, step_id, "skipped", actor, rests_on, reason, kinds)
    return happened + kept_access.kept_by_skip(state, step_id, actor, world)


def skip_steps(state: RunState, steps: Sequence[str], reason: str, actor: Actor, world: World) -> list[Event]:
    """Several steps, each on the state after those before it: all of them are skipped, or none."""
    require("skip_step", actor, state.asked.person_id)
    happened: list[Event] = []
    for step in steps:
        more = skip(state, step, reason, actor, world)
        state = reduce(lambda known, event: fold(known, event, world.now), more, state)
        happened += more
    return happened


def require_gates_after(state: RunState, skipped: str, world: World) -> None:
    """A step that deletes data and has no gate would run without any decision about the skipped hand-over."""
    for id_, later in state.plan.steps.items():
        if later.gate is not None or state.work.steps[id_].final:
            continue
        if not needs_hand_over(later, world.pinned, world.abilities):
            continue
        if any(hand_over.name == skipped for hand_over in hand_overs_before(later.name, world.pinned, world.abilities)):
            raise TooLate(
                "hand_over_needed",
                f"Step {skipped} is a hand-over, and step {later.name}, which cannot be undone, needs it and has no "
                "gate.",
                step=later.name,
            )


def settle(
    state: RunState, system: str, accounts: tuple[str, ...], reason: str | None, actor: Actor, world: World
) -> list[Event]:
    """Say which of the found accounts on a system are the person's. None is an answer too. Where steps remove access
    there, a second person confirms what one person answers alone (`kept_access`); until then another answer can be
    given."""
    require("settle_match", actor, state.asked.person_id)
    kept = kept_access.open_about(state, system=system)
    further = (*(kept.opened.owners if kept is not None else ()), *team_roles(world.pinned, system))
    rests_on = operator_of(state, actor, world, system, Level.PREPARE, independent=True, or_roles=further)
    same = state.accounts.settled.get(system) == tuple(sorted(set(accounts)))
    if system not in set(unsettled(state, world.pinned)) and (kept is None or same):
        raise TooLate("nothing_to_settle", f"No account match on {system} needs an answer.")
    found = state.accounts.planned_on.get(system)
    if found is None:
        raise TooLate("not_searched", f"System {system} has not been searched yet.")
    strangers = [account for account in accounts if account not in found.candidates]
    if strangers:
        raise Invalid(
            "not_a_candidate",
            f"{', '.join(strangers)} is not one of the accounts found on {system}: "
            f"{', '.join(found.candidates) or 'none'}.",
        )
    happened: list[Event] = [
        e.MatchSettled(
            system=system,
            accounts=tuple(sorted(set(accounts))),
            by=actor.actor_id,
            on_behalf_of=rests_on,
            reason=reason,
        )
    ]
    for id_, exception in state.work.exceptions.items():
        about = exception.opened
        # Not one about a step: an answer about accounts does not undo that the step was skipped.
        asks = about.system == system and about.step_id is None and Repair.SETTLE in RULES[about.kind].repairs
        if exception.open and asks:
            happened.append(closing(id_, "settled", actor, rests_on, reason))
    return happened + kept_access.kept_by_settling(state, system, accounts, actor.actor_id, world)


def replan(state: RunState, reason: str | None, actor: Actor, world: World) -> list[Event]:
    """Look everything up again and plan again. What did not change stays decided. What was rejected or excluded is
    asked again only if the actor can take that back; those who can need no role of an operator. Nothing happens while a
    plan is being made already: changes wait for it, and each further order would let them wait for longer."""
    require("replan_run", actor, state.asked.person_id)
    still_going(state)
    back = rejections.taken_back(state, actor, reason, world)
    rests_on = None
    if not back:
        if rejections.taken_back(state, actor, "a reason", world) and not actor.has_one_of(_owners(world)):
            raise Invalid("reason_missing", "A reason is required to take back a rejection of another person.")
        rests_on = operator_of(state, actor, world, world.current.platform.hr.system, Level.PREPARE, independent=True)
    kept = frozenset(rejections.refused_digests(state)) - back
    happened: list[Event] = [
        e.RunReplanned(by=actor.actor_id, on_behalf_of=rests_on, reason=reason, still_refused=tuple(sorted(kept)))
    ]
    for id_, exception in state.work.exceptions.items():
        closes = Repair.REPLAN in RULES[exception.opened.kind].closed_by
        if exception.open and closes and not rejections.stays_refused(state, exception.opened, kept):
            happened.append(closing(id_, "replanned", actor, rests_on, reason))
    if state.plan.stale and not back and len(happened) == 1:
        return []
    return happened


def own_review(state: RunState, actor: Actor) -> NotAllowed | None:
    if not any(actor.requested(account, human) for account, human in state.requesters):
        return None
    return NotAllowed("own_review", "The requester of an urgent run can't review it.")


def complete_task(
    state: RunState,
    task_id: str,
    outcome: str,
    evidence: dict[str, Any] | None,
    actor: Actor,
    world: World,
    stored_files: Sequence[e.StoredFile] = (),
) -> list[Event]:
    """A person did the work, or found out how an effect ended, and says so with evidence. That a removal of access took
    effect is confirmed by HR (`kept_access`). Its `note` is their own words, and the reason where it was not done.
    `stored_files` are the rows of the files that the evidence names. A hand-over that removes no access is also
    completed by people who report to the leaver, since they often take over the work."""
    require("complete_task", actor, state.asked.person_id)
    task = state.work.tasks.get(task_id)
    if task is None:
        raise Invalid("unknown_task", f"Run {state.run_id} has no task {task_id}.")
    hides = task.opened.kind == "confirm_outcome" or not _hands_over(state, task.opened.step_id, world)
    rests_on = on_behalf_of(actor, authority_of(state, actor, (task.opened.role,), world, independent=hides))
    still_going(state)
    if not task.open or state.work.steps[task.opened.step_id].final:
        raise TooLate("task_done", f"Task {task_id} is already closed{f', by {task.by}' if task.by else ''}.")
    step_id = task.opened.step_id
    step, known = state.plan.steps[step_id], state.work.steps[step_id]
    nothing = all(is_blank(str(value or "")) for value in (evidence or {}).values())
    if outcome == "done" and nothing and (step.evidence_required or not step.is_task):
        raise Invalid("evidence_missing", f"Evidence is required to complete task {task_id}.")
    if outcome != "done" and is_blank(str((evidence or {}).get("note") or "")):
        raise Invalid("reason_missing", f"A reason is required if task {task_id} was not done.")
    happened: list[Event] = [
        e.TaskCompleted.model_validate({
            "task_id": task_id, "by": actor.actor_id, "outcome": outcome, "evidence": evidence,
            "on_behalf_of": rests_on, "stored_files": tuple(stored_files),
        })
    ]  # fmt: skip
    which = {"step_id": step_id, "generation": known.generation, "attempt": known.attempt}
    if outcome == "done":
        happened.append(e.StepAttested.model_validate({**which, "by": actor.actor_id, "evidence": evidence}))
        if task.opened.kind == "confirm_outcome":
            happened += kept_access.kept_by_attesting(state, step_id, actor, world)
    else:
        happened.append(
            e.StepFailed.model_validate({**which, "code": "person_says_not_done", "happened": "no", "detail": evidence})
        )
    return happened


def _hands_over(state: RunState, step_id: str, world: World) -> bool:
    step = state.plan.steps.get(step_id)
    return (
        step is not None
        and not step.removes_access
        and any(known.name == step.name and known.is_hand_over_task for known in world.pinned.workflow.steps)
    )


def _owners(world: World) -> tuple[str, ...]:
    """The roles that can act as an operator of a run."""
    return (world.pinned.approvals.exceptions.owner,)


def operator_of(
    state: RunState, actor: Actor, world: World, system: str = "", level: Level | None = None, *,
    independent: bool = False, or_roles: Collection[str] = (),
) -> str | None:  # fmt: skip
    """For whom the actor acts as an operator of this run, or with one of `or_roles`; None as themselves. Raises
    `NotAllowed` where they may not, or not as far as `level` on `system`. `independent` is as for `authority_of`."""
    still_going(state)
    needed = {} if level is None else {system: level}
    return operator_on(state, actor, world, needed, independent=independent, or_roles=or_roles)


def operator_on(
    state: RunState,
    actor: Actor,
    world: World,
    needed: Mapping[str, Level],
    *,
    independent: bool = False,
    or_roles: Collection[str] = (),
) -> str | None:
    """As `operator_of`, also for a run that is closed, with the level that is `needed` on each of several systems."""

    def level_missing(rests_on: Actor) -> NotAllowed | None:
        for system, level in needed.items():
            if not actor.reaches(level):
                return limited(actor, level)
            try:
                require_level(
                    world.pinned.platform, world.current.platform, rests_on, system, state.asked.packet, level
                )
            except NotAllowed as refused:
                return refused
        return None

    roles = (*_owners(world), *or_roles)
    rests_on = authority_of(state, actor, roles, world, level_missing, independent=independent)
    return on_behalf_of(actor, rests_on)


def may_act(state: RunState, actor: Actor, roles: Collection[str], world: World) -> tuple[Actor, ...]:
    """The accounts in whose name this actor may act on an item of one of these roles: their own, and that of others in
    their absence."""
    if actor.kind == "person" and actor.human is None:
        return ()
    if own_run(actor, state.asked.person_id) is not None:
        return ()
    return tuple(one for one in (actor, *absent_in(state, actor, world)) if not one.roles.isdisjoint(roles))


def authority_of(
    state: RunState,
    actor: Actor,
    roles: Collection[str],
    world: World,
    refusal: Callable[[Actor], NotAllowed | None] = lambda actor: None,
    *,
    independent: bool = False,
) -> Actor:
    """`independent`: neither the actor nor a delegator reports to the leaver, while another person could act."""
    candidates = may_act(state, actor, roles, world)
    if not candidates:
        require_one_of(actor, roles)
    if independent:
        require_independent(state, actor, has_one_of(roles), world)
        return authority(
            candidates, lambda one: why_not_independent(state, one, has_one_of(roles), world) or refusal(one)
        )
    return authority(candidates, refusal)


def require_one_of(actor: Actor, roles: Collection[str]) -> None:
    if not actor.has_one_of(roles):
        raise NotAllowed("role_missing", f"Only {any_of(roles)} can do this.")


def step_named(state: RunState, named: str) -> tuple[str, StepState]:
    if named in state.plan.steps:
        return named, state.work.steps[named]
    same = [id_ for id_, step in state.plan.steps.items() if step.name == named]
    if len(same) == 1:
        return same[0], state.work.steps[same[0]]
    raise Invalid(
        "unknown_step",
        f"Run {state.run_id} has no step {named}." if not same else f"Several steps are named {named}.",
        known=", ".join(same) or ", ".join(state.plan.steps),
    )


def known_exception(state: RunState, exception_id: str) -> ExceptionState:
    """Open or closed. Raises `Invalid` (`unknown_exception`)."""
    exception = state.work.exceptions.get(exception_id)
    if exception is None:
        raise Invalid("unknown_exception", f"Run {state.run_id} has no exception {exception_id}.")
    return exception


def open_exception(state: RunState, exception_id: str) -> ExceptionState:
    exception = known_exception(state, exception_id)
    if not exception.open:
        raise TooLate(
            "exception_closed",
            f"Exception {exception_id} is already closed ({exception.disposition}, by {exception.by or 'Offboard'}).",
        )
    return exception


def closing(
    exception_id: str, disposition: str, actor: Actor, rests_on: str | None, reason: str | None
) -> e.ExceptionClosed:
    return e.ExceptionClosed.model_validate({
        "exception_id": exception_id, "disposition": disposition, "by": actor.actor_id, "on_behalf_of": rests_on,
        "reason": reason,
    })  # fmt: skip


def _closed(
    state: RunState, step_id: str, disposition: str, actor: Actor, rests_on: str | None, reason: str | None,
    kinds: tuple[str, ...],
) -> list[Event]:  # fmt: skip
    return [
        closing(id_, disposition, actor, rests_on, reason)
        for id_, exception in state.work.exceptions.items()
        if exception.open and exception.opened.step_id == step_id and exception.opened.kind in kinds
    ]
