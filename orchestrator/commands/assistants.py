"""Commands that stop AI assistants and let them read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.commands.services import Services, packets_in_use
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import ALL_ASSISTANTS, Organisation, acting_now
from orchestrator.domain.permissions.assistants import require_may_resume, require_may_stop
from orchestrator.domain.permissions.levels import Actor


async def stop_assistant(
    services: Services, actor: Actor, packets: Sequence[str], account: str, *, reason: str | None = None
) -> bool:
    """`account` is the assistant's, or `*` for all. It takes effect at its next request. False if it was stopped
    already. Raises `NotAllowed`, `Invalid` (`unknown_assistant`)."""
    in_use = await packets_in_use(services, packets)

    def stop(known: Organisation, now: datetime) -> Sequence[Event]:
        acting = acting_now(actor, known)
        require_may_stop(acting, account, known, in_use)
        _require_known(known, account)
        if account in known.stopped_assistants:
            return []
        said = reason if actor.human is not None else None
        return [e.AssistantStopped(actor_id=account, by=actor.actor_id, human=actor.human, reason=said)]

    return bool(await services.runs.update_organisation(stop, actor.human))


async def resume_assistant(services: Services, actor: Actor, packets: Sequence[str], account: str) -> bool:
    """`account` is the assistant's, or `*` for those that were not stopped by themselves. False if it was not stopped.
    Raises `NotAllowed`, `Invalid` (`unknown_assistant`)."""
    in_use = await packets_in_use(services, packets)

    def resume(known: Organisation, now: datetime) -> Sequence[Event]:
        require_may_resume(acting_now(actor, known), in_use)
        _require_known(known, account)
        if account not in known.stopped_assistants:
            return []
        return [e.AssistantResumed(actor_id=account, by=actor.actor_id, human=actor.human)]

    return bool(await services.runs.update_organisation(resume, actor.human))


def _require_known(known: Organisation, account: str) -> None:
    actor = known.actors.get(account)
    if account != ALL_ASSISTANTS and (actor is None or actor.kind != "assistant"):
        raise Invalid("unknown_assistant", "There is no assistant with this account.")
