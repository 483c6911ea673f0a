"""Commands on one exception: accept, waive, assign, snooze, comment."""

from __future__ import annotations

from datetime import datetime

from orchestrator.commands.services import Done, Services, decide_on
from orchestrator.domain.commands import exception_commands
from orchestrator.domain.permissions.levels import Actor


async def accept_exception(services: Services, actor: Actor, run_id: str, exception_id: str, reason: str) -> Done:
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: exception_commands.accept(state, exception_id, reason, actor, world),
    )


async def waive_exception(
    services: Services,
    actor: Actor,
    run_id: str,
    exception_id: str,
    until: datetime,
    reason: str,
    compensating_control: str | None = None,
) -> Done:
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: exception_commands.waive(
            state, exception_id, until, reason, compensating_control, actor, world
        ),
    )


async def assign_exception(
    services: Services, actor: Actor, run_id: str, exception_id: str, to: str, reason: str | None = None
) -> Done:
    """`to` is the account of a person; empty gives the exception back to its roles."""
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: exception_commands.assign(state, exception_id, to, reason, actor, world),
    )


async def snooze_exception(
    services: Services,
    actor: Actor,
    run_id: str,
    exception_id: str,
    until: datetime | None,
    reason: str | None = None,
) -> Done:
    """None shows it in inboxes again."""
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: exception_commands.snooze(state, exception_id, until, reason, actor, world),
    )


async def comment_on_exception(services: Services, actor: Actor, run_id: str, exception_id: str, text: str) -> Done:
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: exception_commands.comment(state, exception_id, text, actor),
    )
