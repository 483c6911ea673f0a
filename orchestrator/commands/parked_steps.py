"""Retries of all steps that are parked on one system, once it responds again. Each is a retry of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.commands.services import Done, Services, decide_on
from orchestrator.domain.commands import operating
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World

MAX_BATCH_RETRIES = 100


@dataclass(frozen=True, slots=True)
class ParkedStep:
    """A step that failed or whose outcome is unknown. `refused` is why the actor cannot retry it."""

    run_id: str
    step_id: str
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class RetryOutcome:
    """What became of one step of a selection: `done`, or why not."""

    run_id: str
    step_id: str
    done: Done | None = None
    refused: Refusal | None = None


async def parked_steps(services: Services, actor: Actor, system: str, run_ids: Sequence[str]) -> tuple[ParkedStep, ...]:
    """The steps that are parked on the system, and which of them the actor can retry. Nothing is changed. The runs are
    ones that the actor sees."""
    found = []
    wanted = list(dict.fromkeys(run_ids))
    for run_id, snapshot in (await services.runs.load_many(wanted) if wanted else {}).items():
        state, world = snapshot.state, snapshot.world
        acting = acting_now(actor, world)
        for step_id in state.plan.steps:
            if not operating.is_parked(state, step_id, system):
                continue
            try:
                operating.retry_parked(state, step_id, system, None, acting, world)
            except Refusal as refused:
                found.append(ParkedStep(run_id, step_id, refused))
            else:
                found.append(ParkedStep(run_id, step_id))
    return tuple(found)


async def retry_parked_steps(
    services: Services, actor: Actor, system: str, selection: Sequence[tuple[str, str]], reason: str | None = None
) -> tuple[RetryOutcome, ...]:
    """Retries steps (run ID, step ID) on a system. Each retry is recorded or refused on its own, under the rules of
    `retry_step`; a step that is not parked any more is refused, so that a repeat changes nothing. Raises `Invalid` if
    the selection is too large."""
    chosen = tuple(dict.fromkeys(selection))
    if len(chosen) > MAX_BATCH_RETRIES:
        raise Invalid("too_many_together", f"{len(chosen)} steps were selected; the limit is {MAX_BATCH_RETRIES}.")
    outcomes = []
    for run_id, step_id in chosen:

        def decide(actor: Actor, state: RunState, world: World, step_id: str = step_id) -> Sequence[Event]:
            return operating.retry_parked(state, step_id, system, reason, actor, world)

        try:
            outcomes.append(RetryOutcome(run_id, step_id, done=await decide_on(services, actor, run_id, decide)))
        except Refusal as refused:
            outcomes.append(RetryOutcome(run_id, step_id, refused=refused))
    return tuple(outcomes)
