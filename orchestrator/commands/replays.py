"""The command that replays a run."""

from __future__ import annotations

from functools import partial

from orchestrator.commands.services import Done, Services, decide_on
from orchestrator.deciding.person_runs import latest_of_person
from orchestrator.domain.commands import replaying
from orchestrator.domain.permissions.levels import Actor


async def replay_run(
    services: Services,
    actor: Actor,
    run_id: str,
    scope: replaying.Scope,
    reason: str | None = None,
    seen: int | None = None,
) -> Done:
    """Opens a closed run again, if the person has no later one. `seen` is the version of the run that was previewed: a
    replay that was requested since is the same one."""
    runs = services.runs
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: replaying.replay(state, scope, reason, seen, actor, world),
        rests_on=partial(latest_of_person, runs.ledger, runs.load),
    )
