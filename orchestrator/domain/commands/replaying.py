"""An operator replays a run: what is done is read again or repeated, what was given up is tried again.

    the whole run     done ─► read again            failed, unknown ─► tried again
    --from, --system  done ─► a new generation      failed          ─► a new generation
                      done, must never run twice ─► read again

What is in progress continues. What a person skipped stays skipped, unless it is the step that the replay begins with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.domain import events as e
from orchestrator.domain.commands.operating import closing, operator_on
from orchestrator.domain.commands.requests import run_finished
from orchestrator.domain.errors import Invalid, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.steps.repeats import digest_of_repeat
from orchestrator.domain.run.work import StepState

ReplayAct = Literal["read_back", "repeat", "retry", "none"]
ReplayWhy = Literal[
    "not_included",
    "in_progress",
    "not_due",
    "skipped",
    "not_readable",
    "changes_nothing",
    "never_repeated",
    "being_read",
]
"""Why a replay does nothing about a step."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The whole run, or from a step on (its name or id), or all steps of a system."""

    from_step: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class StepReplay:
    """What a replay does about a step. `generation` is the one of a repeat; `approval`: the repeat needs an approval of
    its own at the step's gate."""

    act: ReplayAct
    why: ReplayWhy | None = None
    generation: int = 0
    approval: bool = False


@dataclass(frozen=True, slots=True)
class ReplayPreview:
    """What a replay would do, by step id in the order of the plan; `reopens`: it would open a closed run again."""

    steps: Mapping[str, StepReplay] = field(default_factory=dict)
    reopens: bool = False

    def of(self, act: ReplayAct) -> tuple[str, ...]:
        return tuple(id_ for id_, step in self.steps.items() if step.act == act)

    @property
    def anything(self) -> bool:
        return any(step.act != "none" for step in self.steps.values())


def preview(state: RunState, scope: Scope, world: World) -> ReplayPreview:
    """What a replay would do now. Raises `Invalid` for a step or system that the run does not have, or both at once;
    `TooLate` where the run can't be replayed."""
    if state.dry:
        raise TooLate("dry_run_replay", f"Run {state.run_id} is a dry run: it has done nothing that can be replayed.")
    if state.finish == "ended":
        raise run_finished(state)
    if state.asked.facts is None:
        raise TooLate("person_erased", f"The person of run {state.run_id} was erased, so no account can be read.")
    named, scoped = _included(state, scope)
    steps = {}
    for id_, step in state.plan.steps.items():
        known = state.work.steps[id_]
        if scope == Scope():
            steps[id_] = _continued(step, known)
        elif id_ in scoped:
            steps[id_] = _repeated(step, known, id_ in named, world)
        else:
            steps[id_] = StepReplay("none", "not_included")
    return ReplayPreview(steps, reopens=state.finished)


def replay(
    state: RunState, scope: Scope, reason: str | None, seen: int | None, actor: Actor, world: World
) -> list[Event]:
    """Replays the run. `seen` is the version of the run that the actor decided on: a replay that was requested since is
    the same one, and so is one of the same scope that is still in progress. Then nothing happens. Raises what `preview`
    raises, and `TooLate` if there is nothing to replay."""
    require("replay_run", actor, state.asked.person_id)
    planned = preview(state, scope, world)
    read, again = planned.of("read_back"), (*planned.of("repeat"), *planned.of("retry"))
    needed = _needed(state, read, again)
    rests_on = operator_on(state, actor, world, needed, independent=True)
    if _is_same(state, scope, seen):
        return []
    if not planned.anything:
        raise TooLate("nothing_to_replay", f"No step of run {state.run_id} can be replayed in this way.")
    generations = {id_: planned.steps[id_].generation for id_ in planned.of("repeat")}
    happened: list[Event] = [
        e.ReplayRequested(
            by=actor.actor_id,
            on_behalf_of=rests_on,
            from_step=scope.from_step,
            system=scope.system,
            read_back=read,
            retried=planned.of("retry"),
            generations=generations,
            digests={
                id_: digest
                for id_, generation in generations.items()
                if (digest := digest_of_repeat(state.plan.steps[id_], generation, world.pinned, world.abilities))
            },
            reopens=planned.reopens,
            reason=reason,
        )
    ]
    for id_, known in state.work.exceptions.items():
        closes = Repair.RETRY in RULES[known.opened.kind].closed_by
        if known.open and closes and known.opened.step_id in again:
            happened.append(closing(id_, "retried", actor, rests_on, reason))
    return happened


def _included(state: RunState, scope: Scope) -> tuple[frozenset[str], frozenset[str]]:
    """The ids of the steps that the scope names, and of all that it includes."""
    if scope.from_step and scope.system:
        raise Invalid("one_scope", "A replay begins at a step, or includes the steps of a system; not both.")
    steps = state.plan.steps
    if scope.system:
        of_system = frozenset(id_ for id_, step in steps.items() if step.system == scope.system)
        if not of_system:
            raise Invalid(
                "unknown_system",
                f"Run {state.run_id} has no step on system {scope.system}.",
                known=", ".join(dict.fromkeys(step.system for step in steps.values() if step.system)),
            )
        return frozenset(), of_system
    named = frozenset(id_ for id_, step in steps.items() if scope.from_step in (id_, step.name))
    if scope.from_step and not named:
        raise Invalid("unknown_step", f"Run {state.run_id} has no step {scope.from_step}.", known=", ".join(steps))
    return named, frozenset(_following(steps, named))


def _following(steps: Mapping[str, PlannedStep], named: frozenset[str]) -> Iterator[str]:
    """These steps, and all that need one of them, directly or through others."""
    names = {steps[id_].name for id_ in named}
    while more := {one.name for one in steps.values() if one.name not in names and names & set(one.needs)}:
        names |= more
    # A step that was named by its id is not followed by the same step on another account.
    following = names - {steps[id_].name for id_ in named}
    for id_, step in steps.items():
        if id_ in named or step.name in following:
            yield id_


def _continued(step: PlannedStep, known: StepState) -> StepReplay:
    """Of the whole run: nothing is repeated."""
    if known.reading_again is not None:
        return StepReplay("none", "being_read")
    if known.status in ("verified", "attested"):
        return _read_again(step)
    if known.status in ("failed", "unknown"):
        return StepReplay("retry")
    return StepReplay("none", _untouched(known))


def _repeated(step: PlannedStep, known: StepState, named: bool, world: World) -> StepReplay:
    done = known.status in ("verified", "attested")
    if known.reading_again is not None:
        return StepReplay("none", "being_read")
    if step.repeat == "never" and done:
        return _read_again(step) if step.read_back else StepReplay("none", "never_repeated")
    if known.status == "unknown" or (step.repeat == "never" and known.status == "failed"):
        return StepReplay("retry")  # whether it took effect is looked for under the same key
    skipped = known.status == "skipped" and named
    if not done and known.status != "failed" and not skipped:
        return StepReplay("none", _untouched(known))
    if skipped and known.may_have_taken_effect and step.repeat != "freely":
        return StepReplay("none", "never_repeated")
    generation = known.generation + 1
    digest = digest_of_repeat(step, generation, world.pinned, world.abilities)
    return StepReplay("repeat", generation=generation, approval=bool(digest))


def _read_again(step: PlannedStep) -> StepReplay:
    if step.is_task or not step.read_back:
        return StepReplay("none", "not_readable")
    if step.level <= Level.PREPARE:
        return StepReplay("none", "changes_nothing")
    return StepReplay("read_back")


def _untouched(known: StepState) -> ReplayWhy:
    if known.status == "skipped":
        return "skipped"
    return "not_due" if known.status == "planned" and not known.attempt else "in_progress"


def _needed(state: RunState, read: tuple[str, ...], again: tuple[str, ...]) -> dict[str, Level]:
    """The level that the replay needs on each system."""
    needed: dict[str, Level] = {}
    for id_ in (*read, *again):
        step = state.plan.steps[id_]
        if not step.is_task:
            level = Level.READ if id_ in read else step.level
            needed[step.system] = max(needed.get(step.system, level), level)
    return needed


def _is_same(state: RunState, scope: Scope, seen: int | None) -> bool:
    if state.replay is None:
        return False
    last, version = state.replay
    if seen is not None and version > seen:
        return True
    touched = (*last.read_back, *last.retried, *last.generations)
    steps = (state.work.steps[id_] for id_ in touched if id_ in state.work.steps)
    going = any(not one.at_rest and one.status not in ("failed", "unknown") for one in steps)
    return going and not state.finished and (last.from_step, last.system) == (scope.from_step, scope.system)
