"""Making a scheduled run urgent: decided on the run and on the recent starts at once, since it counts as a start."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.commands.services import Done, Services, finish
from orchestrator.commands.starts.start_limits import ask_about_trips
from orchestrator.deciding.snapshots import StartDecision
from orchestrator.deciding.urgent_runs import decide_urgent
from orchestrator.domain.commands.requests import NOT_RECENT
from orchestrator.domain.commands.starts import making_urgent
from orchestrator.domain.errors import Refusal
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.organisation.starts import StartsState
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.permissions.visibility import require_visible
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


async def make_run_urgent(
    services: Services, actor: Actor, run_id: str, reason: str | None = None, *, sign_in: SignIn = NOT_RECENT
) -> Done:
    """Raises `Refusal`. A limit on starts holds it (`starts_held`) until a second person confirms it."""

    def decide(state: RunState, world: World, starts: StartsState, last_of: Collection[str]) -> StartDecision:
        acting = acting_now(actor, world)
        require_visible(state, acting, world)
        events = making_urgent.make_urgent(state, reason, acting, world, sign_in)
        if not events:
            return StartDecision()
        admitted = making_urgent.admit(starts, state, acting, world, last_of)
        return StartDecision(events, admitted.events, admitted.refused)

    try:
        decided = await decide_urgent(services.runs, run_id, decide)
    except Refusal as refused:
        if refused.code == "starts_held":
            await ask_about_trips(services)
        raise
    return await finish(services, decided)
