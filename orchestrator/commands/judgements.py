"""The command that judges a difference between a dry run and what people did."""

from __future__ import annotations

from orchestrator.commands.services import Done, Services, decide_on
from orchestrator.deciding.left_open import report_left_open
from orchestrator.domain.commands import judging
from orchestrator.domain.permissions.levels import Actor


async def judge_difference(
    services: Services, actor: Actor, run_id: str, about: str, verdict: str, reason: str | None
) -> Done:
    """`about` is the id of a step or of a change. Access that is judged not to be the leaver's closes the exception of
    the run about it. Raises `Refusal`."""
    done = await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: judging.judge_difference(state, about, verdict, reason, actor, world),
        about_twins=True,
    )
    await report_left_open(services.runs, (await services.runs.load(run_id)).state)
    return done
