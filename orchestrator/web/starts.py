"""Starting a run from the web process: a worker is asked, and its answer is the start.

Whatever comes in between (no worker answers, Temporal goes away), the start is withdrawn before anything is said of it,
and what a worker did meanwhile is looked up: whoever is refused for lack of an answer has started nothing.
"""

from __future__ import annotations

from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.domain.permissions.levels import Actor
from orchestrator.engine import EngineUnavailable
from orchestrator.web.inquiries import Inquiries, InquiryFailed, NotAnswered, StartAsked, Started, new_inquiry_id

WITHIN = 8.0
"""Seconds for HR to say who somebody is and for the run to be opened, while the caller waits."""


async def start(
    services: Services, inquiries: Inquiries, actor: Actor, asked: StartAsked, *, within: float = WITHIN
) -> Started:
    """Starts a run for `actor`, no further than the access goes that they came with. Raises the worker's `Refusal`,
    `NotAnswered`, `EngineUnavailable` and `LedgerUnavailable`."""
    asked = asked.model_copy(update={"up_to": actor.up_to})
    start_id = new_inquiry_id()
    try:
        return await inquiries.ask(actor.actor_id, asked, within=within, inquiry_id=start_id)
    except InquiryFailed:
        raise  # a worker has said that it is not done
    except (NotAnswered, EngineUnavailable):
        answer = await inquiries.withdraw(start_id, actor.actor_id)
        if isinstance(answer, Started):
            return answer
        done = await commands.run_started(services, actor, start_id)
        if done is None:
            raise
        return commands.started(done)
